"""Signatures over reports: Ed25519 (RFC 8032) over canonical JSON (RFC 8785), detached; needs the extra ``[sign]``.

What is signed is the document's value: white space, the order of keys and the spelling of numbers are no alteration.
A signature tells that a document is what the holder of a private key signed. Whose key that is, it does not tell.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NoReturn, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mien.core.errors import AlteredError, InputError, OutputError, SettingsError, SignerError
from mien.report.files import whole_text_file
from mien.report.partial import cannot_write

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SUFFIX: Final = ".sig"
"""What is added to a document's name for its signature."""
PUBLIC_SUFFIX: Final = ".pub"
"""What is added to a private key's name for its public key."""


class Signature(BaseModel):
    """A signature file.

    Attributes:
        public_key: raw, 32 bytes, base64.
        signature: over the canonical document, 64 bytes, base64.
        sha256: of the canonical document.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    algorithm: Literal["Ed25519"] = "Ed25519"
    canonicalization: Literal["RFC 8785"] = "RFC 8785"
    public_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def canonical(content: bytes) -> bytes:
    """The canonical form of a JSON document (RFC 8785).

    Raises:
        ValueError: it is no JSON in UTF-8, or JSON that readers may take differently: a key twice, a number that no
            double can hold.
        SettingsError: the extra is not installed.
    """
    try:
        import rfc8785
    except ImportError as error:
        raise _missing(error) from error
    try:
        told = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_each_key_once,
            parse_constant=_no_number,
            parse_int=lambda text: _whole_number(text, rfc8785.dumps),
        )
        return rfc8785.dumps(told)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON, or not all of it: line {error.lineno} cannot be read") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is no UTF-8 text") from error


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) < len(pairs):
        raise ValueError("it holds a key twice")
    return told


def _whole_number(text: str, spell: Callable[[float], bytes]) -> int | float:
    """Every number is a double; from 2⁵³ on, only those digits are taken that are exact or how that double is spelt."""
    value = int(text)
    if abs(value) < 2**53:
        return value
    double = float(text)
    if not math.isfinite(double) or (int(double) != value and spell(double) != text.encode()):
        raise ValueError(f"it holds {text}, which is no double")
    return double


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"it holds {text}, which is no number")


def signature_path(document: Path) -> Path:
    """Where a document's signature lies: beside it."""
    return document.with_name(document.name + SUFFIX)


def new_key(path: Path) -> Path:
    """Make a private key that only its owner can read, and its public key beside it; both PEM.

    Returns:
        Where the public key is.

    Raises:
        OutputError: one of the files exists or cannot be written; nothing is left behind.
        SettingsError: the extra is not installed.
    """
    _require()
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public_path = path.with_name(path.name + PUBLIC_SUFFIX)
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    _create(path, private, 0o600)
    try:
        _create(public_path, public, 0o644)
    except OutputError:
        path.unlink()
        raise
    return public_path


def _create(path: Path, content: bytes, mode: int) -> None:
    """Write a file that did not exist; its mode holds from the moment it does."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise OutputError(f"{path} exists, and a key is never overwritten: choose another name.") from error
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


class Signer:
    """A private key that signs documents; made by :meth:`open`."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a private key (PEM).

        Raises:
            InputError: the file cannot be read.
            SettingsError: it is no Ed25519 private key, or others may read it; or the extra is not installed.
        """
        return cls(_private_key(path))

    @property
    def public_pem(self) -> str:
        """The public key, as ``mien verify --key`` reads it."""
        from cryptography.hazmat.primitives import serialization as form

        public = self._private.public_key()
        return public.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, document: bytes) -> Signature:
        """A JSON document's signature.

        Raises:
            ValueError: it is no JSON that can be signed; see :func:`canonical`.
        """
        content = canonical(document)
        return Signature(
            public_key=_text(self._private.public_key().public_bytes_raw()),
            signature=_text(self._private.sign(content)),
            sha256=hashlib.sha256(content).hexdigest(),
        )


def file_text(signature: Signature) -> str:
    """What is in a signature file."""
    return signature.model_dump_json(indent=2) + "\n"


def sign(document: Path, key: Path) -> Signature:
    """Sign a JSON document; the signature is written beside it, replacing an earlier one.

    Args:
        document: what is signed, as it lies on the disk.
        key: the private key, PEM.

    Raises:
        InputError: the document or the key cannot be read, or the document is no JSON that can be signed.
        SettingsError: the key is no Ed25519 private key, or others may read it; or the extra is not installed.
        OutputError: the signature cannot be written.
    """
    signer = Signer.open(key)
    try:
        made = signer.sign(_read(document))
    except ValueError as error:
        raise InputError(f"{document} cannot be signed: {error}.") from error
    with whole_text_file(signature_path(document)) as file:
        file.write(file_text(made))
    return made


def verify(document: Path, key: Path | None = None) -> Signature:
    """Check that a document says what was signed.

    Args:
        document: with its signature beside it.
        key: the public key (PEM) it is expected to be signed with; None accepts any.

    Returns:
        The signature, which holds.

    Raises:
        AlteredError: the document or its signature was altered.
        SignerError: it was signed with another key.
        InputError: there is no document, no signature, or one that cannot be read.
        SettingsError: ``key`` is no Ed25519 public key, or the extra is not installed.
    """
    _require()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    content = _read(document)
    path = signature_path(document)
    if not path.exists():
        raise InputError(f"{document} is not signed: there is no {path.name} beside it.")
    try:
        told = Signature.model_validate_json(_read(path))
        signer, signature = _bytes(told.public_key), _bytes(told.signature)
    except (ValidationError, binascii.Error) as error:
        raise InputError(f"{path} is no signature that can be read.") from error
    if key is not None and _public_key(key).public_bytes_raw() != signer:
        raise SignerError(f"{document} was signed with another key ({told.public_key}) than {key}.")
    try:
        told_now = canonical(content)
    except ValueError as error:
        raise AlteredError(f"{document} was altered after it was signed: {error}.") from error
    try:
        Ed25519PublicKey.from_public_bytes(signer).verify(signature, told_now)
        intact = hashlib.sha256(told_now).hexdigest() == told.sha256
    except (InvalidSignature, ValueError):
        intact = False
    if not intact:
        raise AlteredError(f"{document} was altered: it, or its signature, is not what was signed.")
    return told


def _private_key(path: Path) -> Ed25519PrivateKey:
    _require()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _read(path)
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise SettingsError(f"the private key {path} can be read by others: run 'chmod 600 {path}'.")
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{path} is no private key that can be read: make one with '--new-key'.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"{path} is no Ed25519 key: make one with '--new-key'.")
    return key


def _public_key(path: Path) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{path} is no public key: give the file that ends in {PUBLIC_SUFFIX}.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SettingsError(f"{path} is no Ed25519 key.")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or str(error)).lower()}.") from error


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _require() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise _missing(error) from error


def _missing(error: ImportError) -> SettingsError:
    return SettingsError(f"signing needs {error.name}: pip install 'mien[sign]'")
