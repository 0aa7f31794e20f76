"""``mien serve`` as a process of its own."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import signal
import socket
import ssl
import stat
import time
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.redis_server import RedisServer
from tests.service.process import PATIENCE, SECRET, running


def password_in(said: list[str]) -> str:
    [at] = [n for n, line in enumerate(said) if "shown once" in line]
    return said[at + 1].strip()


def test_the_first_start_makes_a_secret_and_an_admin_and_tells_once(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        address = first.address()
        password = password_in(first.said)
        login = {"name": "admin", "password": password}
        with httpx.Client(base_url=address) as client:
            assert client.get("/api/health").json()["status"] == "ready"
            token = client.post("/api/v1/auth/login", json=login).json()["access_token"]
        assert first.end() == 0
    secret = tmp_path / "mien-data" / "secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700
    for told in (secret.read_text().strip(), token):
        assert told not in first.told
    assert password not in "".join(first.logged)
    with running(tmp_path) as second:
        address = second.address()
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{address}/api/v1/auth/me", headers=headers).json()["name"] == "admin"
        assert second.end(signal.SIGINT) == 0
    assert "shown once" not in second.told
    assert "secret to sign" not in second.told


def test_settings_come_from_the_environment_a_file_and_options(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        f"SECURITY_SECRET={SECRET}\nMIEN_ADMIN_NAME=berta\nMIEN_ADMIN_PASSWORD=chosen by the operator\nHOST=127.0.0.2\n"
    )
    with running(tmp_path, "--data", "elsewhere", HOST="127.0.0.1", MIEN_DRAIN_SECOND="1") as process:
        address = process.address()
        login = {"name": "berta", "password": "chosen by the operator"}
        assert httpx.post(f"{address}/api/v1/auth/login", json=login).status_code == 200
        assert address.startswith("http://127.0.0.1:")
        process.end()
    assert not (tmp_path / "elsewhere" / "secret").exists()
    assert (tmp_path / "elsewhere" / "mien.db").exists()
    for secret in (SECRET, "chosen by", "berta"):
        assert secret not in process.told
    assert "Warning: MIEN_DRAIN_SECOND is no setting: did you mean MIEN_DRAIN_SECONDS?" in process.told


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"MIEN_MAX_BODY_BYTES": "lots", "SECURITY_SECRET": "short"}, "SECURITY_SECRET: .*MIEN_MAX_BODY_BYTES: "),
        ({"MIEN_DATABASE_URL": "postgresql+asyncpg://mien:hunter2@localhost/mien"}, "need the same secret"),
        ({"MIEN_REDIS_URL": "redis://:hunter2@localhost"}, "need the same secret"),
        ({"MIEN_DATABASE_URL": "mysql://mien:hunter2@localhost/m", "SECURITY_SECRET": SECRET}, "no database of Mien's"),
        ({"MIEN_TLS_CERTIFICATE": "no.pem", "MIEN_TLS_KEY": "no.pem"}, "cannot be used: No such file"),
        ({"HOST": "203.0.113.7"}, "cannot be listened on"),
    ],
)
def test_what_cannot_be_is_told_at_the_start(tmp_path: Path, environ: dict[str, str], told: str) -> None:
    with running(tmp_path, **environ) as process:
        assert process.wait() == 2
    assert re.search(told, process.told)
    assert "hunter2" not in process.told
    assert "Traceback" not in process.told


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with running(tmp_path, "--port", port) as process:
            assert process.wait() == 2
    assert f"127.0.0.1, port {port}, cannot be listened on" in process.told


def test_a_secret_that_others_can_read_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "mien-data"
    folder.mkdir()
    (folder / "secret").write_text(SECRET)
    (folder / "secret").chmod(0o644)
    with running(tmp_path) as process:
        assert process.wait() == 2
    assert "others can read the secret" in process.told


def test_settings_are_shown_without_secrets(tmp_path: Path) -> None:
    with running(tmp_path, "--show-settings", SECURITY_SECRET=SECRET) as process:
        assert process.wait() == 0
    assert "security_secret = (set)" in process.said
    assert SECRET not in process.told


def test_told_to_stop_it_is_not_ready_at_once_and_finishes_what_is_in_progress(tmp_path: Path) -> None:
    with running(tmp_path, MIEN_NOTICE_SECONDS="4", MIEN_ADMIN_PASSWORD="chosen by the operator") as process:
        address = process.address()
        host, port = address.removeprefix("http://").split(":")
        body = b'{"name": "admin", "password": "chosen by the operator"}'
        head = f"POST /api/v1/auth/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as half:
            half.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
            assert httpx.get(f"{address}/api/health").status_code == 200
            began = time.monotonic()
            process.process.send_signal(signal.SIGTERM)
            statuses = []
            while time.monotonic() < began + 1.0:
                statuses.append(httpx.get(f"{address}/api/health").status_code)
                time.sleep(0.05)
            assert statuses[-1] == 503
            assert statuses.index(503) < len(statuses) / 2
            time.sleep(max(0.0, began + 5.0 - time.monotonic()))
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"{address}/api/health")
            half.sendall(body[10:])
            answer = half.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200")
        assert process.wait() == 0
        assert time.monotonic() - began < 30
    assert '"event": "service.stopped"' in process.told


def test_with_a_certificate_it_speaks_tls_only(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    trust = ssl.create_default_context(cafile=str(certificate))
    arguments = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    with running(tmp_path, *arguments, MIEN_ADMIN_PASSWORD="chosen by the operator") as process:
        address = process.address()
        assert address.startswith("https://127.0.0.1:")
        login = {"name": "admin", "password": "chosen by the operator"}
        with httpx.Client(base_url=address, verify=trust) as client:
            assert client.post("/api/v1/auth/login", json=login).status_code == 200
            answer = client.get("/api/v1/auth/me")
            assert answer.json()["name"] == "admin"
            assert "strict-transport-security" in answer.headers
        with pytest.raises(httpx.HTTPError):
            httpx.get(address.replace("https", "http"))
        process.end()
    other = tmp_path / "other"
    other.mkdir()
    _, strangers = self_signed(other)
    with running(tmp_path, "--tls-certificate", str(certificate), "--tls-key", str(strangers)) as process:
        assert process.wait() == 2
    assert "cannot be used: KEY_VALUES_MISMATCH" in process.told


def test_with_redis_what_passes_between_processes_goes_there(tmp_path: Path) -> None:
    server = RedisServer()
    try:
        with running(tmp_path, SECURITY_SECRET=SECRET, MIEN_REDIS_URL=server.url) as process:
            address = process.address()
            assert httpx.get(f"{address}/api/health").json()["bus"] == {"ready": True}
            server.kill()
            until = time.monotonic() + 15
            while (answer := httpx.get(f"{address}/api/health")).status_code == 200 and time.monotonic() < until:
                time.sleep(0.1)
            assert (answer.status_code, answer.json()["bus"]) == (503, {"ready": False})
            assert process.end() == 0
    finally:
        server.stop()


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private
