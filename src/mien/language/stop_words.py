"""English words that say little about what a text is about, and where a word of any language begins and ends."""

from __future__ import annotations

import re
from typing import Final

_LISTED: Final = """
a about above actually after again against ago ah all almost along already also although always am among an and
another any anybody anyone anything anyway are aren't around as ask at away back basically be became because become
been before began begin behind being below beside besides best better between beyond big bit both bring but by call
came can can't cannot certain certainly clear clearly close come comes coming completely could couldn't course day
days did didn't different do does doesn't doing don't done down during each early either else end enough er especially
even ever every everybody everyone everything exactly example fact far few finally find first five for found four from
full further gave general get gets getting give given gives giving go goes going gone gonna good got gotta great guess
had hadn't half happen happened happens hard has hasn't have haven't having he he'd he'll he's hello help hence her
here here's hers herself hey hi him himself his hmm how how's however i i'd i'll i'm i've if imagine important in
indeed inside instead into is isn't it it'd it'll it's its itself just keep kept kind knew know known knows large last
late later least left less let let's lets like likely little long look looked looking looks lot lots made mainly make
makes making many may maybe me mean means meant might mine more most mostly move much must my myself name near nearly
need needed needs neither never new next nice no nobody none nor not nothing now nowhere number of off often oh ok
okay old on once one ones only onto or other others otherwise our ours ourselves out over own part particular
particularly people perhaps place please point possible pretty probably put quite rather real really reason right said
same saw say saying says second see seem seemed seems seen several shall she she'd she'll she's should shouldn't show
showed shows side simply since so some somebody someone something sometimes somewhat somewhere soon sort start started
still stop such sure take taken takes taking talk talked talking tell tells ten than thank thanks that that'd that'll
that's the their theirs them themselves then there there's therefore these they they'd they'll they're they've thing
things think thinking this those though thought three through throughout thus time times to today together told
tomorrow too took toward towards tried true try trying turn turned two uh um under unless until up upon us use used
uses using usually various very want wanted wants was wasn't way ways we we'd we'll we're we've well went were weren't
what what's whatever when whenever where where's wherever whether which while who who'd who'll who's whole whom whose
why will with within without won't wonder word words work works world would wouldn't yeah year years yes yesterday yet
you you'd you'll you're you've your yours yourself yourselves
"""
STOP_WORDS: Final = frozenset(_LISTED.split())
"""Ours: pronouns, auxiliaries, prepositions, and what people say while they look for a word."""

_WORD: Final = re.compile(r"[^\W\d_](?:[\w’'-]*\w)?", re.UNICODE)
_SHORTEST: Final = 3
_SHORTEST_FOREIGN: Final = 5
"""Letters below which a word of another language counts as one that says little."""


def tokens(text: str) -> list[str]:
    """Words as they are written; numbers and marks are none."""
    return _WORD.findall(text)


def is_stop(word: str, language: str | None) -> bool:
    """Whether a word says little; of another language than English, whether it is short."""
    lower = word.lower().replace("’", "'")
    if language is not None and not language.lower().startswith("en"):
        return len(lower) < _SHORTEST_FOREIGN
    return len(lower) < _SHORTEST or lower in STOP_WORDS


def stem(word: str) -> str:
    """What a word has in common with its plural and its possessive, in small letters."""
    lower = word.lower().replace("’", "'").removesuffix("'s").strip("'")
    if lower.endswith("ies") and len(lower) > 4:
        return lower[:-3] + "y"
    if lower.endswith(("sses", "shes", "ches", "xes")):
        return lower[:-2]
    if lower.endswith("s") and not lower.endswith(("ss", "us", "is")) and len(lower) > 3:
        return lower[:-1]
    return lower
