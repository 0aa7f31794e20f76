"""Snapshots posted: in order, again when the service was away, and nobody waits for it."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.core.audience import Sink
from mien.core.errors import MienError, OutputError, PolicyError, SettingsError
from mien.sinks.http import create
from tests.sinks.receivers import HttpReceiver
from tests.sinks.snapshots import snapshot, suppressed

TOKEN = "t0p-s3cret"


@pytest.fixture
def service() -> Iterator[HttpReceiver]:
    receiver = HttpReceiver()
    receiver.listen()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def answering(*answers: int | tuple[int, dict[str, str]]) -> HttpReceiver:
    receiver = HttpReceiver(answers)
    receiver.listen()
    return receiver


def until(holds: object, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def times(receiver: HttpReceiver) -> list[float]:
    return [body["media_time"] for body in receiver.bodies()]


def test_each_snapshot_is_one_request_with_its_key_and_the_token(service: HttpReceiver) -> None:
    sink = create(service.target, token=TOKEN)
    sink.write(snapshot(1.5))
    sink.close(complete=True)
    ((headers, body),) = service.requests
    assert body == json.loads(snapshot(1.5).model_dump_json(exclude_none=True))
    assert headers[":path"] == "/in?hall=1"
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Idempotency-Key"] == "abc123-main-all-1.500000"


def test_the_shape_of_earlier_systems_is_written_of_groups_only(service: HttpReceiver) -> None:
    sink = create(service.target, shape="anonymised", min_group=5)
    for one in (snapshot(1.0), suppressed(1.5), snapshot(2.0, readable=4)):
        sink.write(one)
    sink.close(complete=True)
    assert [body["timestamp"] for body in service.bodies()] == [1.0]
    assert service.bodies()[0]["contains_pii"] is False
    with pytest.raises(PolicyError):
        create(service.target, shape="anonymised", min_group=1)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_what_it_cannot_take_now_is_sent_again_with_the_same_key_and_in_order(status: int) -> None:
    service = answering(200, status, status)
    sink = create(service.target, first_wait_seconds=0.01)
    for k in range(3):
        sink.write(snapshot(float(k)))
    sink.close(complete=True)
    assert times(service) == [0.0, 1.0, 2.0]
    keys = [headers["Idempotency-Key"] for headers, _ in service.requests]
    assert keys[1] == keys[2] == keys[3]
    service.received()


def test_what_it_refuses_is_told_and_not_sent_again() -> None:
    service = answering(422)
    sink = create(service.target)
    for k in range(2):
        sink.write(snapshot(float(k)))
    with pytest.raises(OutputError, match=r"did not take 1 of the snapshots"):
        sink.close(complete=True)
    assert times(service) == [1.0]
    assert len(service.requests) == 2
    service.received()


def test_it_is_tried_again_no_sooner_than_the_service_asks() -> None:
    service = answering((503, {"Retry-After": "1"}))
    sink = create(service.target, first_wait_seconds=0.01)
    started = time.monotonic()
    sink.write(snapshot(0.0))
    until(lambda: len(service.requests) == 2)
    assert time.monotonic() - started >= 1.0
    sink.close(complete=True)
    service.received()


def test_a_redirection_is_not_followed() -> None:
    service = answering((302, {"Location": "http://127.0.0.1:9/elsewhere"}))
    sink = create(service.target, token=TOKEN)
    sink.write(snapshot(0.0))
    with pytest.raises(OutputError, match="status 302"):
        sink.close(complete=True)
    assert len(service.requests) == 1
    service.received()


def test_a_service_that_is_away_is_told_of_and_catches_up_when_it_is_back() -> None:
    service = HttpReceiver()
    port = service.server.server_address[1]
    service.server.server_close()
    sink = create(service.target, first_wait_seconds=0.01, longest_wait_seconds=0.05)
    for k in range(5):
        sink.write(snapshot(float(k)))
    until(lambda: trouble(sink) is not None)
    assert "127.0.0.1 does not take snapshots (Connection refused)" in str(trouble(sink))
    back = type(service.server)(("127.0.0.1", port), service.server.RequestHandlerClass)
    service.server = back
    service.listen()
    until(lambda: trouble(sink) is None)
    sink.close(complete=True)
    assert times(service) == [0.0, 1.0, 2.0, 3.0, 4.0]
    service.received()


def trouble(sink: Sink) -> str | None:
    told: str | None = sink.trouble()  # type: ignore[attr-defined]
    return told


def test_a_full_queue_drops_the_oldest_and_tells_how_many() -> None:
    service = HttpReceiver()
    sink = create(service.target, most_waiting=3, linger_seconds=10.0)
    # It does not answer yet: the first is under way and stays at the head of the queue.
    for k in range(8):
        sink.write(snapshot(float(k)))
    service.listen()
    with pytest.raises(OutputError, match="did not take 5 of the snapshots"):
        sink.close(complete=True)
    assert times(service)[-3:] == [5.0, 6.0, 7.0]
    service.received()


def test_nobody_waits_for_a_service_that_never_answers() -> None:
    service = HttpReceiver()  # It listens, and that is all.
    sink = create(service.target, linger_seconds=0.5, timeout_seconds=60.0)
    started = time.monotonic()
    for k in range(100):
        sink.write(snapshot(float(k)))
    assert time.monotonic() - started < 1.0
    with pytest.raises(OutputError, match="did not take 100"):
        sink.close(complete=False)
    sink.close(complete=False)
    assert time.monotonic() - started < 3.0
    service.server.server_close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.org/in", "unencrypted"),
        ("http://192.0.2.7/in", "unencrypted"),
        ("http://127.0.0.1.example.org/in", "unencrypted"),
        ("https://anna:pa55word@example.org/in", "MIEN_HTTP_TOKEN"),
        ("ftp://example.org/in", "needs an address"),
        ("https://", "needs an address"),
        ("https://example.org:99999/in", "Port out of range"),
        ("https://example.org/in with space", "needs an address"),
        ("https://example.org/in\r\nX: y", "needs an address"),
    ],
)
def test_where_snapshots_may_not_go(url: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why) as told:
        create(url)
    assert "pa55word" not in str(told.value)


def test_no_message_holds_the_token_or_the_query() -> None:
    with pytest.raises(SettingsError) as refused:
        create("https://example.org/in", token=f"{TOKEN}\r\nX: y")
    assert TOKEN not in str(refused.value)
    service = answering(*[500] * 100)
    sink = create(f"{service.target}&key={TOKEN}", token=TOKEN, linger_seconds=0.2)
    sink.write(snapshot(0.0))
    with pytest.raises(OutputError) as told:
        sink.close(complete=True)
    assert TOKEN not in str(told.value)
    assert TOKEN not in repr(sink)
    service.received()


def test_a_service_is_believed_only_with_a_certificate_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = _certificate(tmp_path)
    service = HttpReceiver()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    service.server.socket = context.wrap_socket(service.server.socket, server_side=True, do_handshake_on_connect=False)
    monkeypatch.setattr(service.server, "handle_error", lambda request, address: None)
    service.listen()
    url = service.target.replace("http://127.0.0.1", "https://localhost")
    distrusting = create(url, linger_seconds=1.0)
    distrusting.write(snapshot(0.0))
    with pytest.raises(MienError, match="certificate is not trusted"):
        distrusting.close(complete=True)
    assert service.requests == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    trusting = create(url, linger_seconds=10.0)
    trusting.write(snapshot(0.0))
    trusting.close(complete=True)
    assert times(service) == [0.0]
    service.received()


def _certificate(folder: Path) -> Path:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_its_thread_ends_with_it(service: HttpReceiver) -> None:
    sink = create(service.target)
    sink.write(snapshot(0.0))
    sink.close(complete=True)
    until(lambda: not any(thread.name == "mien-http" for thread in threading.enumerate()))
