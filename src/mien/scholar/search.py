"""The search: every service asked at the same time, what they know merged and ranked."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence
from typing import Final

from mien.core import plugins
from mien.scholar.asking import Asker, Clock, SystemClock
from mien.scholar.cache import AnswerCache
from mien.scholar.http import Http, HttpsClient
from mien.scholar.links import SINCE_YEAR, search_links
from mien.scholar.merging import merged
from mien.scholar.ranking import ranked
from mien.scholar.service import KIND, Query, Service
from mien.scholar.source import Failure, Source, SourceOptions, SourcesFound
from mien.scholar.wording import key_terms

_FEWEST_ROWS: Final = 15
_MOST_ROWS: Final = 50
_log = logging.getLogger("mien.scholar")
_GRACE_SECONDS: Final = 0.25
"""A request that ends with the patience may still tell why."""
_Result = tuple[Source, ...] | Failure


def find_sources(
    terms: Sequence[str],
    text: str = "",
    options: SourceOptions | None = None,
    http: Http | None = None,
    clock: Clock | None = None,
) -> SourcesFound:
    """Scholarly works about key terms, the most relevant to a text first.

    The terms are sent to the services, once each and at most eight, and nothing else is: the text is read on this
    machine, to rank what came back. What a service does wrong never raises; it is told in ``failures``. A service that
    has not answered when ``patience_seconds`` are over is left behind, in a daemon thread.

    Args:
        terms: key terms, not sentences.
        text: what was said about them; may be empty.
        options: how.
        http: makes the requests; by default one over HTTPS.
        clock: time, for pauses between attempts.

    Raises:
        SettingsError: there is no term, a term is a sentence, or a service is not known.
    """
    options = options or SourceOptions()
    clock = clock or SystemClock()
    clean = key_terms(terms)
    services = {name: open_service(name, options) for name in options.services}
    rows = max(_FEWEST_ROWS, min(2 * options.limit, _MOST_ROWS))
    query = Query(clean, rows, options.since_year, options.contact_email)
    asker = Asker(
        http=None if options.offline else http or HttpsClient(),
        clock=clock,
        cache=AnswerCache(options.cache_folder, options.cache_seconds) if options.cache_folder else None,
        contact_email=options.contact_email,
        timeout_seconds=options.timeout_seconds,
        attempts=options.attempts,
        largest_bytes=options.largest_answer_bytes,
        ends=clock.monotonic() + options.patience_seconds,
    )
    results = _ask_all(asker, services, query, options.patience_seconds)
    failures = tuple(result for result in results.values() if isinstance(result, Failure))
    records = [source for result in results.values() if not isinstance(result, Failure) for source in result]
    works = [work for work in merged(records) if options.since_year is None or (work.year or 0) >= options.since_year]
    return SourcesFound(
        sources=ranked(works, clean, text)[: options.limit],
        links=search_links(clean, options.since_year or SINCE_YEAR),
        failures=failures,
        offline=options.offline or (bool(failures) and not any(failure.reached for failure in failures)),
        terms=clean,
    )


def open_service(name: str, options: SourceOptions) -> Service:
    """A service by its plug-in's name, with the options' address and key.

    Raises:
        SettingsError: there is none of that name.
    """
    made: Service = plugins.load(KIND, name).create(options.addresses.get(name), options.keys.get(name))
    return made


def service_title(name: str) -> str:
    """What people call a service of that plug-in's name.

    Raises:
        SettingsError: there is none.
    """
    return open_service(name, SourceOptions()).title


def _ask_all(asker: Asker, services: dict[str, Service], query: Query, patience_seconds: float) -> dict[str, _Result]:
    """What each service gave, in the services' order whichever answered first."""
    came: queue.SimpleQueue[tuple[str, _Result]] = queue.SimpleQueue()

    def run(name: str, service: Service) -> None:
        try:
            came.put((name, asker.ask(name, service, query)))
        except Exception as error:  # One service less must not cost the others.
            _log.exception("%s: its answer made us fail", name)
            came.put((name, Failure(name, f"could not be read: {type(error).__name__}", reached=True)))

    for name, service in services.items():
        threading.Thread(target=run, args=(name, service), name=f"mien-sources-{name}", daemon=True).start()
    results: dict[str, _Result] = {}
    waits = SystemClock()
    ends = waits.monotonic() + patience_seconds + _GRACE_SECONDS
    while len(results) < len(services):
        try:
            name, result = came.get(timeout=max(0.0, ends - waits.monotonic()))
        except queue.Empty:
            break
        results[name] = result
    late = {name: Failure(name, "took too long", reached=False) for name in services}
    return {name: results.get(name, late[name]) for name in services}
