"""Small secrets as they are stored: sealed under the service's own, so that a copy of the database opens nothing.

AES-256-GCM under a key derived (HKDF-SHA256) from the service's secret for one purpose, bound to what it belongs to: a
sealed value that is moved elsewhere does not open.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mien.core.errors import SettingsError

LEAST_SECRET_BYTES: Final = 32
_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12


class Sealer:
    """Seals and opens values of one purpose.

    Args:
        secret: the service's own, 32 bytes or more.
        purpose: what is sealed; another purpose has another key.

    Raises:
        SettingsError: the secret is too short.
    """

    def __init__(self, secret: bytes, purpose: str) -> None:
        if len(secret) < LEAST_SECRET_BYTES:
            raise SettingsError(f"the service's secret has at least {LEAST_SECRET_BYTES} bytes.")
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"mien {purpose} 1".encode()).derive(secret)
        self._cipher = AESGCM(derived)

    def seal(self, plain: bytes, belongs_to: bytes) -> bytes:
        """A value as it is stored, bound to what it belongs to."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, belongs_to)

    def open(self, sealed: bytes, belongs_to: bytes) -> bytes:
        """The value.

        Raises:
            SettingsError: it was sealed under another secret or for something else, or is damaged.
        """
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] != _VERSION:
                raise ValueError
            return self._cipher.decrypt(nonce, rest, belongs_to)
        except (InvalidTag, ValueError):
            raise SettingsError(
                "a stored key was sealed under another secret of the service: set the one it was made with."
            ) from None
