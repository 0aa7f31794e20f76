"""The whole search, against a server on this machine that answers as the four services do."""

from __future__ import annotations

import json
import socket
import threading
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from mien import __version__
from mien.core.errors import SettingsError
from mien.scholar import SERVICES, SourcesFound, find_sources
from mien.scholar.http import Answer, HttpsClient
from tests.scholar.answers import ARXIV, NOTHING, OPENALEX, WORKS
from tests.scholar.servers import PATHS, Said, Servers, VirtualClock, servers

TERMS = ("emotion recognition", "cinema audience")
TALK = "Yesterday Aunt Philomena whispered that the zeppelin was late. Fear in the dark is read from faces."


def reasons(found: SourcesFound) -> dict[str, str]:
    return {failure.service: failure.reason for failure in found.failures}


def only(made: Servers, service: str, **more: Any) -> SourcesFound:
    """One service asked, on a clock of its own."""
    clock = more.pop("clock", VirtualClock())
    return find_sources(TERMS, "", made.options(services=(service,), **more), clock=clock)


def test_what_four_services_know_of_one_work_is_one_source_and_comes_first() -> None:
    with servers() as made:
        found = find_sources(TERMS, TALK, made.options())
    best = found.sources[0]
    assert best.title == "Emotion recognition of cinema audiences in the dark"
    assert best.authors == ("Ada Lindqvist", "Bo Ruiz", "The Hall Consortium")
    assert (best.doi, best.url) == ("10.5555/hall.2021.7", "https://doi.org/10.5555/hall.2021.7")
    assert (best.year, best.venue) == (2021, "Journal of Audience Studies")
    assert best.found_in == ("openalex", "crossref", "arxiv", "semantic_scholar")
    titles = [source.title for source in found.sources]
    assert len(titles) == len(set(titles)) <= 5
    assert [source.relevance for source in found.sources] == sorted((s.relevance for s in found.sources), reverse=True)
    assert (found.failures, found.offline) == ((), False)
    assert [link.name for link in found.links] == ["Google Scholar", "arXiv", "DOAJ", "BASE", "ResearchGate"]


def test_each_service_is_asked_once_at_its_own_path() -> None:
    with servers() as made:
        find_sources(TERMS, TALK, made.options())
    assert sorted((asked.service, asked.path) for asked in made.asked) == sorted(PATHS.items())


def test_nothing_of_the_text_is_sent() -> None:
    with servers() as made:
        find_sources(TERMS, TALK, made.options())
    everything = " ".join(f"{asked.target} {asked.headers}" for asked in made.asked).lower()
    secret = {word.strip(".").lower() for word in TALK.split() if len(word) > 3} - set(" ".join(TERMS).split())
    assert {word for word in secret if word in everything} == set()
    assert {"philomena", "zeppelin"} <= secret


def test_who_asks_is_named_and_an_address_is_told_only_where_it_was_given() -> None:
    with servers() as made:
        find_sources(TERMS, "", made.options())
        find_sources(TERMS, "", made.options(contact_email="ada@example.org"))
    for service in SERVICES:
        plain, polite = made.of(service)
        assert plain.headers["User-Agent"].startswith(f"mien/{__version__} (+https://")
        assert "@" not in plain.headers["User-Agent"] + plain.target
        assert polite.headers["User-Agent"].endswith("; mailto:ada@example.org)")
        assert set(plain.headers) == {"Host", "Connection", "User-Agent", "Accept", "Accept-Encoding"}
    assert made.of("crossref")[1].query["mailto"] == made.of("openalex")[1].query["mailto"] == ["ada@example.org"]


def test_at_most_as_many_as_were_asked_for_and_five_if_nobody_says() -> None:
    many = {"results": [{**OPENALEX["results"][1], "display_name": f"Cinema audience {n}"} for n in range(40)]}
    with servers(openalex=json.dumps(many).encode()) as made:
        assert len(find_sources(TERMS, "", made.options()).sources) == 5
        assert len(find_sources(TERMS, "", made.options(limit=30)).sources) == 30


def test_the_text_decides_among_works_that_fit_the_terms_alike() -> None:
    titles = ["Cinema audience and laughter", "Cinema audience and zeppelins"]
    both = {"results": [{**OPENALEX["results"][1], "display_name": title} for title in titles]}
    with servers(openalex=json.dumps(both).encode()) as made:
        options = made.options(services=("openalex",))
        assert find_sources(TERMS, "", options).sources[0].title == titles[0]
        assert find_sources(TERMS, TALK, options).sources[0].title == titles[1]


def test_works_before_a_year_and_of_no_year_are_left_out() -> None:
    with servers() as made:
        found = find_sources(TERMS, "", made.options(since_year=2020))
    assert [(source.title, source.year) for source in found.sources] == [
        ("Emotion recognition of cinema audiences in the dark", 2021)
    ]
    assert made.of("openalex")[0].query["filter"] == ["from_publication_date:2020-01-01"]
    assert made.of("crossref")[0].query["filter"] == ["from-pub-date:2020"]
    assert made.of("semantic_scholar")[0].query["year"] == ["2020-"]
    assert "submittedDate:[202001010000 TO" in made.of("arxiv")[0].query["search_query"][0]


def test_nothing_found_is_no_failure() -> None:
    with servers(**NOTHING) as made:
        found = find_sources(TERMS, TALK, made.options())
    assert (found.sources, found.failures, found.offline) == ((), (), False)
    assert len(found.links) == 5


def test_a_service_that_fails_is_named_and_costs_the_others_nothing() -> None:
    with servers(crossref=Said(404, b"<html>gone</html>")) as made:
        found = find_sources(TERMS, "", made.options())
    assert reasons(found) == {"crossref": "answered 404 Not Found"}
    assert found.sources[0].found_in == ("openalex", "arxiv", "semantic_scholar")
    assert not found.offline
    assert len(made.of("crossref")) == 1, "what is refused is not asked again"


# Rate limits


def test_a_rate_limit_is_waited_out_as_long_as_was_asked() -> None:
    clock = VirtualClock()
    busy = Said(429, b'{"message": "Too Many Requests"}', {"Retry-After": "7"})
    with servers(semantic_scholar=[busy, WORKS["semantic_scholar"]]) as made:
        found = only(made, "semantic_scholar", clock=clock)
    assert clock.slept == [7.0]
    assert found.sources
    assert found.failures == ()


def test_a_rate_limit_may_name_a_date() -> None:
    clock = VirtualClock()
    busy = Said(429, b"", {"Retry-After": formatdate(clock.now + 5, usegmt=True)})
    with servers(crossref=[busy, WORKS["crossref"]]) as made:
        assert only(made, "crossref", clock=clock).sources
    assert clock.slept == [5.0]


def test_who_is_told_to_wait_longer_than_anybody_would_gives_up_at_once() -> None:
    clock = VirtualClock()
    with servers(openalex=Said(429, b"", {"Retry-After": "86400"})) as made:
        found = only(made, "openalex", clock=clock)
    assert clock.slept == []
    assert len(made.asked) == 1
    assert reasons(found) == {"openalex": "answered 429 Too Many Requests, and asks to wait 86,400 s"}
    assert not found.offline


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_service_is_asked_three_times_with_growing_pauses(status: int) -> None:
    clock = VirtualClock()
    with servers(openalex=Said(status)) as made:
        found = only(made, "openalex", clock=clock)
    assert clock.slept == [1.0, 2.0]
    assert len(made.asked) == 3
    assert reasons(found)["openalex"].startswith(f"answered {status} ")


def test_arxiv_has_three_seconds_between_two_requests() -> None:
    clock = VirtualClock()
    with servers(arxiv=[Said(503, b"", {"Retry-After": "0"}), WORKS["arxiv"]]) as made:
        assert only(made, "arxiv", clock=clock).sources
    assert clock.slept == [3.0]


@pytest.mark.parametrize("stated", ["soon", "-1", "", "1e9", "٣", "Tue, 99 Foo 2026 99:99:99 GMT"])
def test_a_pause_that_makes_no_sense_is_ours(stated: str) -> None:
    clock = VirtualClock()
    said = Said(429, b"", {"Retry-After": stated.encode("ascii", "ignore").decode()})
    with servers(openalex=[said, WORKS["openalex"]]) as made:
        assert only(made, "openalex", clock=clock).sources
    assert clock.slept == [1.0]


# Nonsense


NONSENSE = {
    "no JSON": b"<!doctype html><title>Login</title>",
    "empty": b"",
    "another JSON": b'{"hello": [1, 2, 3]}',
    "a list": b"[]",
    "deep": b'{"results": ' + b"[" * 50_000,
    "no text": bytes(range(256)) * 20,
    "null": b"null",
}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_told_and_nothing_is_made_of_it(service: str, body: bytes) -> None:
    with servers(**{service: body}) as made:
        found = only(made, service)
    assert found.sources == ()
    assert reasons(found)[service].startswith("answered with something")


@pytest.mark.parametrize("service", SERVICES)
def test_an_answer_cut_short_is_nonsense_whatever_it_says_of_its_length(service: str) -> None:
    body = WORKS[service][: len(WORKS[service]) // 2]
    with servers(**{service: body}) as made:
        assert "broke off in it" in reasons(only(made, service))[service]
    with servers(**{service: Said(body=body, stated_length=len(WORKS[service]))}) as made:
        assert reasons(only(made, service))[service].startswith("broke off: ")
        assert len(made.asked) == 3


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("honest", [True, False])
def test_a_huge_answer_is_not_read_to_its_end(service: str, honest: bool) -> None:
    body = WORKS[service] + b" " * 300_000
    said = Said(body=body) if honest else Said(body=body, headers={"Content-Length": "many"})
    with servers(**{service: said}) as made:
        found = only(made, service, largest_answer_bytes=100_000)
    assert reasons(found) == {service: "answered with more than 100,000 bytes"}
    assert len(made.asked) == 1


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_other_host_may_answer(service: str, status: int) -> None:
    with servers() as elsewhere:
        away = f"{elsewhere.address.replace('127.0.0.1', 'localhost')}/{service}{PATHS[service]}"
        with servers(**{service: Said(status, b"", {"Location": away})}) as made:
            found = only(made, service)
        assert elsewhere.asked == []
    assert reasons(found) == {service: "sent us on to localhost, which was not asked"}


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 \x1b[31mRED\r\n\r\nx",
        b"HTTP/1.1 404 \x1b[31mRED\x07\r\nContent-Length: 0\r\n\r\n",
        b"\x1b]0;title\x07 this is no HTTP\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://\x1b[31mred.example.org/\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /\xe9 \x7f\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"",
    ],
)
def test_what_is_hardly_http_is_told_in_our_words(raw: bytes) -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as odd:

        def serve() -> None:
            while not stop.is_set():
                try:
                    connection, _ = odd.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(raw)

        threading.Thread(target=serve, daemon=True).start()
        with servers() as made:
            address = {"openalex": f"http://127.0.0.1:{odd.getsockname()[1]}"}
            found = only(made, "openalex", addresses=address, keys={"openalex": "secret"}, timeout_seconds=2)
        stop.set()
        odd.shutdown(socket.SHUT_RDWR)
    assert found.sources == ()
    (told,) = reasons(found).values()
    assert told.isprintable()
    assert "secret" not in told
    assert not found.offline, "it was reached"


@pytest.mark.parametrize("where", ["file:///etc/hostname", "ftp://127.0.0.1/x", "//[bad", "javascript:alert(1)"])
def test_nor_may_a_file(where: str) -> None:
    with servers(openalex=Said(302, b"", {"Location": where})) as made:
        found = only(made, "openalex")
    assert found.sources == ()
    assert set(reasons(found)) == {"openalex"}


def test_the_same_host_may_send_us_on() -> None:
    moved = Said(301, b"", {"Location": "/openalex/works?page=1"})
    with servers(openalex=[moved, WORKS["openalex"]]) as made:
        assert only(made, "openalex").sources
    assert len(made.asked) == 2


def test_going_in_circles_ends() -> None:
    with servers(openalex=Said(302, b"", {"Location": "/openalex/works"})) as made:
        found = only(made, "openalex")
    assert reasons(found) == {"openalex": "sent us on and on"}
    assert len(made.asked) == 4


@pytest.mark.parametrize(
    ("failing", "told"),
    [(lambda: threading.Event().wait(5), "took too long"), (lambda: 1 // 0, "could not be read: ZeroDivisionError")],
)
def test_whatever_one_service_does_the_others_are_heard(failing: Any, told: str) -> None:
    class Odd(HttpsClient):
        def get(self, address: str, *more: Any) -> Answer:
            if "/crossref/" in address:
                failing()
            return super().get(address, *more)

    with servers() as made:
        found = find_sources(TERMS, "", made.options(patience_seconds=0.5), http=Odd())
    assert reasons(found) == {"crossref": told}
    assert found.sources


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<feed xmlns="http://www.w3.org/2005/Atom"><title>&b;</title></feed>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<feed xmlns="http://www.w3.org/2005/Atom"><title>&x;</title></feed>"""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (BOMB, "answered with XML that declares a document type"),
        (OUTSIDE, "answered with XML that declares a document type"),
        (b"<a>" * 10_000, "answered with XML that is nested too deep"),
        (b"<a>&nbsp;</a>", "answered with something that is no XML, or broke off in it"),
        (ARXIV.encode().replace(b"UTF-8", b"EBCDIC-9"), "answered with something that is no XML, or broke off in it"),
        (b"<rss><item/></rss>", "answered with something else than an Atom feed"),
    ],
)
def test_xml_that_means_harm_is_refused(body: bytes, told: str) -> None:
    with servers(arxiv=body) as made:
        assert reasons(only(made, "arxiv")) == {"arxiv": told}


# No network


def test_without_a_network_it_says_so_at_once() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # Bound, not listening: connections are refused.
        nobody = f"http://127.0.0.1:{held.getsockname()[1]}"
        with servers() as made:
            options = made.options(addresses=dict.fromkeys(SERVICES, nobody))
        started = time.monotonic()
        found = find_sources(TERMS, TALK, options)
    assert time.monotonic() - started < 2
    assert found.offline
    assert reasons(found) == dict.fromkeys(SERVICES, "cannot be reached: Connection refused")
    assert len(found.links) == 5


def test_offline_asks_nobody(tmp_path: Path) -> None:
    with servers() as made:
        found = find_sources(TERMS, TALK, made.options(offline=True, cache_folder=tmp_path / "cache"))
    assert made.asked == []
    assert found.offline
    assert set(reasons(found).values()) == {"was not asked: offline"}
    assert len(found.links) == 5
    assert not (tmp_path / "cache").exists()


def test_a_service_that_says_nothing_is_left_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, servers() as made:
        options = made.options()
        addresses = {**options.addresses, "arxiv": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        started = time.monotonic()
        found = find_sources(TERMS, "", options.but(addresses=addresses, timeout_seconds=30, patience_seconds=0.7))
    assert time.monotonic() - started < 3
    assert reasons(found) == {"arxiv": "broke off: timed out"}
    assert found.sources[0].found_in == ("openalex", "crossref", "semantic_scholar")


def test_a_service_that_drips_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as dripping:

        def drip() -> None:
            connection, _ = dripping.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                try:
                    while True:
                        connection.sendall(b" ")
                        time.sleep(0.05)
                except OSError:
                    """Hung up on, as it should be."""

        threading.Thread(target=drip, daemon=True).start()
        address = f"http://127.0.0.1:{dripping.getsockname()[1]}"
        with servers() as made:
            options = made.options(services=("openalex",), addresses={"openalex": address}, attempts=1)
        found = find_sources(TERMS, "", options.but(timeout_seconds=0.4))
    assert reasons(found) == {"openalex": "broke off: too slow"}


# What is remembered


def test_a_question_is_asked_once_in_a_week(tmp_path: Path) -> None:
    clock = VirtualClock()
    with servers() as made:
        options = made.options(cache_folder=tmp_path / "cache")
        first = find_sources(TERMS, TALK, options, clock=clock)
        again = find_sources(TERMS, TALK, options.but(contact_email="a@example.org"), clock=clock)
        assert again == first
        assert len(made.asked) == 4
        offline = find_sources(TERMS, TALK, options.but(offline=True), clock=clock)
        assert (offline.sources, offline.offline) == (first.sources, True)
        find_sources((*TERMS, "popcorn"), TALK, options, clock=clock)
        assert len(made.asked) == 8
        clock.now += 7 * 86_400
        find_sources(TERMS, TALK, options, clock=clock)
        assert len(made.asked) == 12


def test_failures_and_nonsense_are_not_remembered(tmp_path: Path) -> None:
    with servers(openalex=[Said(404), b"{}", WORKS["openalex"]]) as made:
        for _ in range(2):
            assert only(made, "openalex", cache_folder=tmp_path).failures
        assert only(made, "openalex", cache_folder=tmp_path).sources


def test_keys_reach_their_service_only_and_no_disk(tmp_path: Path) -> None:
    keys = {"openalex": "alex-secret", "semantic_scholar": "s2-secret"}
    with servers(crossref=Said(404)) as made:
        options = made.options(keys=keys, cache_folder=tmp_path)
        found = find_sources(TERMS, "", options)
    assert made.of("openalex")[0].query["api_key"] == ["alex-secret"]
    assert made.of("semantic_scholar")[0].headers["X-Api-Key"] == "s2-secret"
    for asked in made.of("crossref") + made.of("arxiv"):
        assert "secret" not in asked.target + str(asked.headers)
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())
    assert "secret" not in repr(options) + repr(found)


# What makes no sense to ask


@pytest.mark.parametrize("terms", [(), ("",), (" ", "!?", "\x00")])
def test_there_must_be_something_to_look_for(terms: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="say what to look for"):
        find_sources(terms)


def test_a_sentence_is_no_key_term_and_is_not_sent() -> None:
    with servers() as made, pytest.raises(SettingsError, match="is no key term"):
        find_sources((*TERMS, TALK), "", made.options())
    assert made.asked == []


def test_an_unknown_service_lists_the_known_ones() -> None:
    with servers() as made, pytest.raises(SettingsError, match="choose one of arxiv, crossref, openalex"):
        find_sources(TERMS, "", made.options(services=("scholar",)))
    assert made.asked == []
