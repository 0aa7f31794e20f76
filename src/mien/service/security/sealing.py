"""What the service keeps for itself alone: sealed, so that a copy of the database tells nothing of it.

AES-256-GCM under a key derived (HKDF-SHA256) from the service's secret for one purpose. What is sealed is bound to
where it lies: moved elsewhere it does not open.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12


class SealError(Exception):
    """Something was sealed under another secret, for another place, or is damaged."""


class Seal:
    """Seals and opens.

    Args:
        secret: the service's own.
        purpose: keys of different purposes have nothing to do with each other.
    """

    def __init__(self, secret: bytes, purpose: str) -> None:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"mien {purpose} 1".encode()).derive(secret)
        self._cipher = AESGCM(derived)

    def close(self, plain: bytes, place: bytes) -> bytes:
        """Seal something for a place."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """What was sealed for a place.

        Raises:
            SealError: it does not open.
        """
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] != _VERSION:
                raise ValueError
            return self._cipher.decrypt(nonce, rest, place)
        except (InvalidTag, ValueError) as error:
            raise SealError from error
