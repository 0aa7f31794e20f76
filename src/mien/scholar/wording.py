"""Words: what may be sent as a key term, what came back made plain, and how titles, names and words are compared."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote, urlsplit

from mien.core.errors import SettingsError

MOST_TERMS: Final = 8
LONGEST_TERM_CHARACTERS: Final = 80
LONGEST_TERM_WORDS: Final = 8
"""Longer ones are sentences: they would tell what was said."""
_LONGEST_PHRASE_WORDS: Final = 3

_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\W_]+(?:['’][^\W\d_]+)?")
_SHORTENED: Final = re.compile(r"['’](?:m|re|ve|ll|d|t)$")
"""They will, I had, do not: words that carry no meaning."""
_SENT: Final = re.compile(r"[^\w'’.+#-]+")
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]{0,400}>")
_DOI: Final = re.compile(r"10\.\d{4,9}/[^\s\"<>\\^`{|}]{1,240}")
_RESOLVER: Final = re.compile(r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)", re.IGNORECASE)
_STOPPED: Final = """
a about above after again all also an and any are as at be because been before being between both but by can
could did do does doing down during each few for from further had has have having he her here hers him his how
i if in into is it its itself just me more most my no nor not now of off on once only or other our out over
own same she should so some such than that the their them then there these they this those through to too
under until up us very was we were what when where which while who whom why will with would you your
"""
STOP_WORDS: Final = frozenset(_STOPPED.split())


def key_terms(terms: Sequence[str]) -> tuple[str, ...]:
    """Terms as they are sent: trimmed, without syntax of any search engine, each once, at most :data:`MOST_TERMS`.

    Raises:
        SettingsError: none holds a letter or digit, or one is a sentence.
    """
    clean = _cleaned(terms)
    for term in clean:
        if not _is_term(term):
            raise SettingsError(
                f"{term[:40]!r}… is no key term: at most {LONGEST_TERM_WORDS} words and {LONGEST_TERM_CHARACTERS} "
                "characters each are sent to services."
            )
    if not clean:
        raise SettingsError("say what to look for: key terms of letters or digits.")
    return clean[:MOST_TERMS]


def fitting_terms(candidates: Sequence[str]) -> tuple[str, ...]:
    """Of texts that somebody else proposed, those that may be sent, as :func:`key_terms` makes them; perhaps none.

    One whose words are all in an earlier one, or the other way round, would find the same twice: the earlier stays.
    """
    kept: list[str] = []
    for term in _cleaned(candidates):
        words = set(words_of(term))
        if _is_term(term) and not any(words <= set(words_of(other)) or words >= set(words_of(other)) for other in kept):
            kept.append(term)
    return tuple(kept[:MOST_TERMS])


def any_of(terms: Iterable[str], field: str = "") -> str:
    """Terms as a Boolean query for any of them: a short one as a phrase, a longer one as words that all are there.

    Args:
        terms: as :func:`key_terms` made them.
        field: put before each word or phrase.
    """
    parts = []
    for term in terms:
        # Words that a service may read as operators are in lower case.
        words = [word.lower() if word in ("AND", "OR", "NOT", "ANDNOT") else word for word in term.split()]
        if len(words) <= _LONGEST_PHRASE_WORDS:
            parts.append(f'{field}"{" ".join(words)}"')
        else:
            telling = [word for word in words if word.casefold() not in STOP_WORDS] or words
            parts.append("(" + " AND ".join(f'{field}"{word}"' for word in telling) + ")")
    return " OR ".join(parts)


def _cleaned(terms: Sequence[str]) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for term in terms:
        words = [word.strip("'’.-") for word in _SENT.sub(" ", plain(term)).split()]
        clean = " ".join(word for word in words if _WORD.search(word))
        if clean:
            kept.setdefault(clean.casefold(), clean)
    return tuple(kept.values())


def _is_term(clean: str) -> bool:
    return len(clean) <= LONGEST_TERM_CHARACTERS and len(clean.split()) <= LONGEST_TERM_WORDS


def plain(text: str, longest: int = 100_000) -> str:
    """Text as one line without control or formatting characters, cut at a number of characters."""
    kept = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[: 4 * longest])
    line = " ".join(kept.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def without_markup(text: str, longest: int) -> str:
    """As :func:`plain`, without tags and with entities written out.

    Whatever is left is text: a page that shows it has to escape it.
    """
    return plain(html.unescape(_TAG.sub(" ", html.unescape(text[: 4 * longest]))), longest)


def doi_of(text: str | None) -> str | None:
    """A DOI in lower case without its resolver, or None when it is none."""
    if text is None:
        return None
    bare = _RESOLVER.sub("", text.strip()).lower()
    return bare if _DOI.fullmatch(bare) else None


def doi_address(doi: str) -> str:
    """Where a DOI resolves."""
    return f"https://doi.org/{quote(doi, safe='/().;:-_~')}"


def web_address(text: str | None) -> str | None:
    """An http or https address, or None: what a page links to must not be a script."""
    if text is None or len(text) > 2_000 or not re.fullmatch(r"[!-~]+", text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc else None


def title_key(title: str) -> str:
    """Letters and digits of a title without case and accents: equal for the same title in other typography."""
    bare = unicodedata.normalize("NFKD", title).casefold()
    return "".join(c for c in bare if c.isalnum())


def family_key(name: str) -> str:
    """The family name of "Given Family" or "Family, Given", compared as titles are."""
    family = name.split(",")[0] if "," in name else (name.split() or [""])[-1]
    return title_key(family)


def words_of(text: str) -> list[str]:
    """Words that carry meaning, in order: lower case, plurals of English made singular.

    Ideographs, kana and hangul are words of one character each.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = (_singular(word) for word in _WORD.findall(folded) if not _SHORTENED.search(word))
    return [word for word in bare if word not in STOP_WORDS]


def _singular(word: str) -> str:
    """Harman's s-stemmer (JASIS 42(1), 1991)."""
    bare = re.sub(r"['’]s$", "", word)
    if bare in STOP_WORDS or len(bare) < 4 or bare.endswith(("us", "ss")):
        return bare
    if bare.endswith("ies") and not bare.endswith(("eies", "aies")):
        return bare[:-3] + "y"
    if bare.endswith("es") and not bare.endswith(("aes", "ees", "oes")):
        return bare[:-1]
    return bare[:-1] if bare.endswith("s") else bare
