from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

import mien
from mien.core.errors import SettingsError
from mien.service.names import ELSEWHERE, unknown
from mien.service.settings import ServiceSettings

SECRET = base64.b64encode(bytes(64)).decode()


def read(dotenv: Path | None = None, /, **environ: str) -> ServiceSettings:
    return ServiceSettings.from_environment(environ, dotenv)


def test_nothing_needs_to_be_said() -> None:
    settings = read()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.database == "sqlite+aiosqlite:///mien-data/mien.db"
    assert (settings.security_issuer, settings.security_algorithm) == ("emotion_recognition", "HS512")
    assert (settings.max_upload_bytes, settings.max_predict_bytes) == (100_000_000, 50_000_000)
    assert settings.redis_url is None


def test_the_environment_goes_before_the_file_and_the_file_before_defaults(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("# ours\nexport MIEN_PORT=9001\nMIEN_HOST='0.0.0.0'  \nMIEN_ORIGINS=https://a.example # one\n\n")
    settings = read(dotenv, MIEN_PORT="9002")
    assert (settings.port, settings.host, settings.origins) == (9002, "0.0.0.0", ("https://a.example",))
    assert settings.max_body_bytes == 1_000_000
    assert read(tmp_path / "missing").port == 8000


def test_what_is_asked_on_the_command_line_goes_before_everything() -> None:
    assert ServiceSettings.from_environment({"MIEN_PORT": "9001"}, port=9003, host=None).port == 9003


def test_names_of_earlier_systems_are_understood_and_ours_go_before_them(tmp_path: Path) -> None:
    settings = read(HOST="0.0.0.0", PORT="80", SECURITY_SECRET=SECRET, SECURITY_ISSUER="them")
    assert (settings.host, settings.port, settings.security_issuer) == ("0.0.0.0", 80, "them")
    assert settings.signing_key == bytes(64)
    assert read(PORT="80", MIEN_PORT="81").port == 81


def test_an_environment_is_stronger_than_a_file_whichever_name_it_uses(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("MIEN_PORT=9001\n")
    assert read(dotenv, PORT="80").port == 80


def test_a_redis_that_may_lose_something_is_taken_only_knowingly() -> None:
    assert read().redis_durable
    assert not read(MIEN_REDIS_DURABLE="false").redis_durable


def test_every_mistake_is_told_by_its_name_and_without_its_value() -> None:
    with pytest.raises(SettingsError) as caught:
        read(PORT="http", MIEN_DRAIN_SECONDS="60", SECURITY_SECRET=base64.b64encode(b"short").decode())
    told = str(caught.value)
    assert "PORT: " in told
    assert "MIEN_DRAIN_SECONDS: " in told
    assert "SECURITY_SECRET: the secret has 5 bytes and needs 64" in told
    assert "http" not in told
    assert base64.b64encode(b"short").decode() not in told
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SECURITY_SECRET", "not base64!", "no base64"),
        ("MIEN_SECURITY_ALGORITHM", "none", "HS512"),
        ("MIEN_SECURITY_ALGORITHM", "RS256", "HS512"),
        ("MIEN_ORIGINS", "https://a.example/path", "no origin"),
        ("MIEN_ORIGINS", "*", "no origin"),
        ("MIEN_TLS_KEY", "key.pem", "belong together"),
        ("MIEN_TRUSTED_PROXIES", "*", "MIEN_TRUSTED_PROXIES: a proxy is an address"),
        ("MIEN_TRUSTED_PROXIES", "10.0.0.7,proxy.example", "MIEN_TRUSTED_PROXIES: a proxy is an address"),
        ("MIEN_TRUSTED_PROXIES", "10.0.0.7/8", "without host bits"),
        ("MIEN_TRUSTED_PROXIES", "0.0.0.0/0", "every address there is"),
    ],
)
def test_what_would_be_unsafe_or_senseless_is_refused(name: str, value: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        read(**{name: value})


def test_a_secret_may_be_written_for_urls_and_without_padding() -> None:
    key = bytes([255, 254, 253] * 22)
    told = base64.urlsafe_b64encode(key).decode().rstrip("=")
    assert read(SECURITY_SECRET=told).signing_key == key


def test_a_line_of_the_file_that_says_nothing_is_told(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("MIEN_PORT=1\nnonsense\n")
    with pytest.raises(SettingsError, match="line 2: write NAME=value"):
        read(dotenv)


def test_what_is_shown_holds_no_secret() -> None:
    settings = read(
        SECURITY_SECRET=SECRET,
        MIEN_DATABASE_URL="postgresql+asyncpg://mien:hunter2@host/db",
        MIEN_REDIS_URL="redis://:hunter2@host",
    )
    shown = settings.shown()
    assert shown.keys() == ServiceSettings.model_fields.keys()
    for told in (str(shown), repr(settings), settings.model_dump_json()):
        assert "hunter2" not in told
        assert SECRET not in told
    assert settings.database.endswith("hunter2@host/db")


def test_every_setting_is_documented_as_it_is() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "service.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `MIEN_(\w+)`(?:, `\w+`)? \| ([^|]*?) ?\|", page, re.MULTILINE))
    names = {name.upper(): field.default for name, field in ServiceSettings.model_fields.items()}
    assert told.keys() == names.keys()
    for name, default in names.items():
        shown = "" if default in (None, ()) else str(default).lower() if isinstance(default, bool) else str(default)
        assert told[name] == shown, name


def test_proxies_are_addresses_and_networks() -> None:
    settings = read(MIEN_TRUSTED_PROXIES="10.0.0.7, 10.1.0.0/16, 2001:DB8::1")
    assert settings.trusted_proxies == ("10.0.0.7", "10.1.0.0/16", "2001:db8::1")
    assert ServiceSettings.from_environment(settings.environment()).trusted_proxies == settings.trusted_proxies


def test_a_misspelt_name_is_told_with_the_nearest_and_without_its_value(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("MIEN_SIGN_IN_PER_MINUTE=3\n")
    environ = {"MIEN_TRUSTED_PROXY": "10.0.0.7", "MIEN_PORT": "1", "MIEN_QQQQ": "hunter2", "MIEN_CACHE": "/c", "A": "x"}
    assert unknown(environ, dotenv) == (
        "MIEN_QQQQ is no setting.",
        "MIEN_SIGN_IN_PER_MINUTE is no setting: did you mean MIEN_SIGN_INS_PER_MINUTE?",
        "MIEN_TRUSTED_PROXY is no setting: did you mean MIEN_TRUSTED_PROXIES?",
    )


def test_every_name_that_another_part_reads_is_known() -> None:
    source = Path(mien.__file__).parent
    read_there = set()
    for path in source.rglob("*.py"):
        if "service" not in path.relative_to(source).parts:
            read_there |= set(re.findall(r"\"(MIEN_[A-Z_]+)\"", path.read_text(encoding="utf-8")))
    assert read_there == ELSEWHERE


def test_what_is_logged_names_nobody() -> None:
    settings = read(MIEN_ADMIN_NAME="Anna Berg", MIEN_ORGANISATION="Berg Film")
    assert "Berg" not in str(settings.logged())
    assert settings.logged().keys() == settings.shown().keys()
    assert settings.shown()["admin_name"] == "Anna Berg"
