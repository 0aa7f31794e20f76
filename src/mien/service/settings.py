"""Settings of the service: environment over ``.env`` over defaults, all of them checked before anything starts."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator

from mien.core.dotenv import read_dotenv
from mien.core.errors import SettingsError
from mien.core.policy import Basis, Declaration, Purpose
from mien.core.settings import Settings

PREFIX: Final = "MIEN_"
COMPATIBLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SECURITY_SECRET": "security_secret",
        "SECURITY_ISSUER": "security_issuer",
        "SECURITY_ALGORITHM": "security_algorithm",
        "HOST": "host",
        "PORT": "port",
    }
)
"""Names that earlier systems used; ``MIEN_…`` goes before them."""
LEAST_SECRET_BYTES: Final = 64
MOST_TEXT_CHARACTERS: Final = 20_000
DATABASE_FILE: Final = "mien.db"
_NAMES: Final = ("admin_name", "organisation")
"""Settings that may name somebody."""


def _words(value: Any) -> Any:
    return tuple(word for word in (w.strip() for w in value.split(",")) if word) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
"""Texts, in the environment with commas between them."""


class ServiceSettings(Settings):
    """Everything about the service that an operator can say."""

    host: str = Field("127.0.0.1", min_length=1)
    """Address to listen on; 0.0.0.0 for every one."""
    port: int = Field(8000, ge=0, le=65535)
    """Port to listen on; 0 for any that is free."""
    tls_certificate: Path | None = None
    """Certificate chain, PEM; with ``tls_key`` the service speaks HTTPS only."""
    tls_key: Path | None = None
    trusted_proxies: Words = ()
    """Addresses or networks whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed."""
    data_folder: Path = Path("mien-data")
    """Where the SQLite database, the secret and spooled uploads lie."""
    database_url: SecretStr | None = None
    """``postgresql+asyncpg://user:password@host/database``; SQLite in ``data_folder`` where None."""
    database_connections: int = Field(10, ge=1, le=200)
    """At most so many at once, a process."""
    redis_url: SecretStr | None = None
    """``redis://…``; what passes between processes stays in this one where None."""
    redis_durable: bool = True
    """Whether a Redis is refused that may lose what it acknowledged, or does not say; False takes it knowingly."""
    organisation: str | None = Field(None, min_length=1, max_length=200)
    """Whose callers are known by a foreign token only, and that the first start makes; not set, the first one there
    is, and that is made as ``Mien``."""
    admin_name: str = Field("admin", min_length=1, max_length=200)
    """Made at the first start, with ``admin_password`` or one that is shown once."""
    admin_password: SecretStr | None = Field(None, min_length=12, max_length=200)
    security_secret: SecretStr | None = None
    """What tokens are signed with, base64 of 64 bytes or more; made at the first start where None."""
    security_issuer: str = Field("emotion_recognition", min_length=1)
    """``iss`` of tokens, made and accepted."""
    security_algorithm: Literal["HS256", "HS384", "HS512"] = "HS512"
    """Of tokens, made and accepted; what a token says about it is ignored."""
    access_token_seconds: int = Field(6000, ge=60, le=86_400)
    """How long a token opens the door."""
    refresh_token_seconds: int = Field(14 * 86_400, ge=300, le=90 * 86_400)
    """How long a sign-in lasts at most unless it is used."""
    clock_skew_seconds: float = Field(5.0, ge=0, le=60)
    """A token may be issued so far in the future."""
    known_seconds: float = Field(2.0, ge=0, le=60)
    """A process looks up who a token or key belongs to so often: a change made through another takes so long."""
    report_key: Path | None = None
    """Private key (Ed25519, PEM) that reports are signed with when they are made; not signed where None."""
    origins: Words = ()
    """Pages of other origins (``https://studio.example``) that may call the service with cookies and open sockets."""
    docs: bool = True
    """Whether ``/docs`` and ``/redoc`` are served."""
    max_body_bytes: int = Field(1_000_000, ge=1_000)
    """Largest body of a request that is no upload."""
    max_upload_bytes: int = Field(100_000_000, ge=1_000)
    """Largest upload."""
    max_predict_bytes: int = Field(50_000_000, ge=1_000)
    """Largest file of ``POST /api/predict/``."""
    spool_folder: Path | None = None
    """Where uploads lie encrypted until their jobs end; ``spool`` in ``data_folder`` where None. Every process of one
    service needs the same folder."""
    upload_keep_seconds: float = Field(86_400.0, ge=60, le=30 * 86_400)
    """How long an upload is kept that no job reads."""
    max_waiting_uploads: int = Field(100, ge=1, le=1000)
    """Uploads that one organisation may have here at once."""
    job_keep_seconds: float = Field(3 * 86_400.0, ge=3600, le=30 * 86_400)
    """How long one is kept at most that a job is to read."""
    personal_keep_seconds: float = Field(86_400.0, ge=60, le=30 * 86_400)
    """How long annotated videos and tables of faces are kept."""
    worker_slots: int = Field(1, ge=1, le=64)
    """Jobs that one worker process does at once."""
    worker_drain_seconds: float = Field(20.0, ge=0, le=600)
    """How long a worker's jobs may go on when it is told to stop, before they are handed back."""
    decode_memory_bytes: int = Field(3 << 30, ge=1 << 29)
    """Address space of the process that reads an upload."""
    decode_cpu_seconds: int = Field(14_400, ge=1, le=86_400)
    """Its processor time."""
    decode_wall_seconds: float = Field(7_200.0, gt=0, le=86_400)
    """Its time by the clock."""
    decode_max_pixels: int = Field(4096 * 2304, ge=1)
    """Largest width × height of an upload's pictures."""
    decode_max_total_pixels: float = Field(4e12, ge=1)
    """Largest width × height × frames of an upload."""
    decode_threads: int = Field(1, ge=1, le=64)
    """Threads of one network."""
    predict_seconds: float = Field(60.0, gt=0, le=600)
    """Longest clip of ``POST /api/predict/``."""
    predict_threads: int = Field(1, ge=1, le=64)
    """Pictures, and texts, that are read at once, a process of the service."""
    predict_waiting: int = Field(8, ge=0, le=1000)
    """Pictures that have come and may wait besides; further ones are told to come back."""
    predict_share: int = Field(4, ge=1, le=1000)
    """Pictures of one caller that may be here at once, from their first byte to their answer."""
    predict_arriving: int = Field(64, ge=1, le=10_000)
    """Pictures that may arrive at once."""
    predict_idle_seconds: float = Field(10.0, gt=0, le=300)
    """So long nothing may come of a picture that arrives; after it, on average 8 kB a second must."""
    predict_held_bytes: int = Field(512_000_000, ge=1_000)
    """Of all pictures that are here, in memory; one of the largest fits in any case."""
    predict_wall_seconds: float = Field(120.0, gt=0, le=3600)
    """Reading one picture or clip may take, by the clock and of processor time."""
    predict_warm: bool = True
    """Whether networks are opened when the service starts, or with the first picture."""
    predict_purpose: Purpose = Purpose.AUDIENCE_RESEARCH
    """Declared by the operator for every picture of ``POST /api/predict/``."""
    predict_basis: Basis = Basis.CONSENT
    """What permits to look at them: those who send them have everybody's consent, or made them themselves."""
    predict_jurisdiction: str | None = None
    """Country whose law applies to them."""
    predict_exception: str | None = None
    """Recorded reason for a restricted purpose."""
    analyses_waiting: int = Field(8, ge=0, le=1000)
    """Comparisons and filters that may wait for one that is reckoned; further ones are told to come back."""
    exports_waiting: int = Field(4, ge=0, le=1000)
    """Exports that may wait for one that is made; further ones are told to come back."""
    max_text_characters: int = Field(MOST_TEXT_CHARACTERS, ge=1, le=MOST_TEXT_CHARACTERS)
    """Longest text that is read."""
    requests_per_minute: int = Field(6000, ge=1)
    """Of one caller."""
    sign_ins_per_minute: int = Field(10, ge=1)
    """From one address, whatever the name."""
    sign_ins_of_a_name_per_minute: int = Field(100, ge=1)
    """For one name from wherever: so many guesses from many addresses shut out who has the name, for a minute."""
    public_per_minute: int = Field(600, ge=1)
    """Requests from one address to what needs no proof, a process: health, counts, signing in, renewing."""
    refusals_per_minute: int = Field(120, ge=1)
    """Bad tokens and keys from one address; further ones are told to wait."""
    notice_seconds: float = Field(1.0, ge=0, le=4)
    """How long a service that is told to stop still takes requests while ``/api/health`` says 503 already."""
    drain_seconds: float = Field(20.0, ge=0, le=25)
    """How long requests in progress may go on when the service is told to stop."""
    workers: int = Field(1, ge=0, le=64)
    """Worker processes that ``mien serve`` starts beside itself; 0 where ``mien worker`` runs elsewhere."""
    webhook_allowed_networks: Words = ()
    """Networks (``10.20.0.0/16``) that webhooks may reach although they are not the internet's: a studio's own."""
    webhook_allow_http: bool = False
    """Whether webhooks may do without TLS; for development."""
    sweep_seconds: float = Field(300.0, ge=1, le=86_400)
    """How often what is due is deleted."""
    log_format: Literal["auto", "json", "text"] = "auto"
    """``json``, or ``text`` for a person to read; ``auto`` is text on a terminal and JSON elsewhere."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("security_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            decoded(secret)
        return secret

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        from mien.service.security.origins import normal

        return tuple(normal(origin) for origin in origins)

    @field_validator("trusted_proxies")
    @classmethod
    def _are_proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_proxy(proxy) for proxy in proxies)

    @field_validator("webhook_allowed_networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_network(network)) for network in networks)

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together: give both, or neither")
        return self

    @property
    def database(self) -> str:
        """URL of the database. It may hold a password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.data_folder / DATABASE_FILE}"

    @property
    def spool(self) -> Path:
        """Folder of spooled files."""
        return self.spool_folder or self.data_folder / "spool"

    @property
    def signing_key(self) -> bytes:
        """What tokens are signed with.

        Raises:
            SettingsError: there is no secret yet.
        """
        if self.security_secret is None:
            raise SettingsError("there is no secret to sign tokens with: set SECURITY_SECRET, or start 'mien serve'.")
        return decoded(self.security_secret)

    @property
    def prediction(self) -> Declaration:
        """What the operator declares about pictures that are sent in."""
        return Declaration(self.predict_purpose, self.predict_basis, self.predict_jurisdiction, self.predict_exception)

    @property
    def tls(self) -> bool:
        """Whether the service itself speaks HTTPS."""
        return self.tls_certificate is not None

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], dotenv: Path | None = None, **overrides: Any
    ) -> ServiceSettings:
        """Settings of a process.

        Args:
            environ: ``os.environ``; names are ``MIEN_`` and the field's in capitals, or :data:`COMPATIBLE`.
            dotenv: a file of the same names, which the environment goes before; none where it does not exist.
            overrides: fields that go before both; None counts as not given.

        Raises:
            SettingsError: something makes no sense; every such name is told, and no value.
        """
        told: dict[str, Any] = {}
        names: dict[str, str] = {}
        for source in (read_dotenv(dotenv) if dotenv is not None else {}, environ):
            for prefix in (False, True):
                for name, value in source.items():
                    field = _field(name, prefixed=prefix)
                    if field is not None and value.strip():
                        told[field], names[field] = value.strip(), name
        given = {name: value for name, value in overrides.items() if value is not None}
        try:
            return cls.model_validate({**told, **given})
        except ValidationError as error:
            raise SettingsError(_told(error, {**names, **{name: name for name in given}})) from None

    def environment(self) -> dict[str, str]:
        """What another process of the same service is told: everything that is set, secrets too."""
        told = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            elif isinstance(value, tuple):
                value = ",".join(value)
            elif isinstance(value, Path):
                value = value.absolute()
            if value is not None and value != "":
                told[PREFIX + name.upper()] = str(value)
        return told

    def shown(self) -> dict[str, str]:
        """Every setting as it can be printed for the operator: secrets are only said to be set."""
        return {name: _shown(getattr(self, name)) for name in type(self).model_fields}

    def logged(self) -> dict[str, str]:
        """The same for a log, which names nobody."""
        return {**self.shown(), **dict.fromkeys(_NAMES, "(set)")}


def decoded(secret: SecretStr) -> bytes:
    """The bytes of a base64 secret, standard or URL-safe.

    Raises:
        ValueError: it is no base64, or too short.
    """
    text = "".join(secret.get_secret_value().split()).replace("-", "+").replace("_", "/")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the secret is no base64: make one with 'openssl rand -base64 64'") from None
    if len(key) < LEAST_SECRET_BYTES:
        raise ValueError(
            f"the secret has {len(key)} bytes and needs {LEAST_SECRET_BYTES}: make one with 'openssl rand -base64 64'"
        )
    return key


def _proxy(told: str) -> str:
    try:
        network = ipaddress.ip_network(told)
    except ValueError:
        raise ValueError(
            "a proxy is an address (10.0.0.7) or a network (10.0.0.0/24, without host bits): names and '*' would let "
            "anybody say where they are from"
        ) from None
    if network.prefixlen == 0:
        raise ValueError("every address there is cannot be a trusted proxy: name the proxies")
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _field(name: str, *, prefixed: bool) -> str | None:
    if not prefixed:
        return COMPATIBLE.get(name)
    field = name.removeprefix(PREFIX).lower()
    return field if name.startswith(PREFIX) and field in ServiceSettings.model_fields else None


def _told(error: ValidationError, names: Mapping[str, str]) -> str:
    problems = []
    for found in error.errors(include_input=False, include_context=False, include_url=False):
        field = str(found["loc"][0]) if found["loc"] else ""
        where = f"{names.get(field, PREFIX + field.upper())}: " if field else ""
        problems.append(where + found["msg"].removeprefix("Value error, "))
    return "the settings make no sense. " + "; ".join(problems) + "."


def _shown(value: Any) -> str:
    if isinstance(value, SecretStr):
        return "(set)"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "(none)"
    return "(not set)" if value is None else str(value)
