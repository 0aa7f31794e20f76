"""Signs messages in the manner of Standard Webhooks (https://www.standardwebhooks.com), and checks signatures.

The signature is HMAC-SHA256 over ``webhook-id.webhook-timestamp.body``, in base64 after ``v1,``. While a secret is
being rotated the header holds two, parted by a blank: whoever knows either secret can check it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from mien.core.errors import MienError

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
LEAST_SECRET_BYTES: Final = 24
MOST_SECRET_BYTES: Final = 64
TOLERANCE_SECONDS: Final = 300.0

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"


class SignatureError(MienError):
    """A message is not what it says, or not from whom it says, or too old."""


def mint_secret() -> str:
    """A new secret: ``whsec_`` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The key in a secret.

    Raises:
        SignatureError: it is none.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not LEAST_SECRET_BYTES <= len(key) <= MOST_SECRET_BYTES:
        raise SignatureError(
            f"a webhook's secret is '{PREFIX}' and {LEAST_SECRET_BYTES} to {MOST_SECRET_BYTES} bytes in base64."
        )
    return key


def sign(message_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]) -> str:
    """The value of the header ``webhook-signature``.

    Args:
        message_id: the header ``webhook-id``; holds no full stop.
        timestamp: when the message is sent, seconds since 1970.
        body: as it is sent.
        keys: the current one, and the one before while it still holds.
    """
    return " ".join(f"v1,{_digest(message_id, timestamp, body, key)}" for key in keys)


def verify(
    headers: Mapping[str, str], body: bytes, secret: str, now: float, *, tolerance_seconds: float = TOLERANCE_SECONDS
) -> str:
    """Check a message, as its receiver does.

    Args:
        headers: of the request, by names in small letters.
        body: exactly as it came.
        secret: ``whsec_…``.
        now: seconds since 1970.
        tolerance_seconds: how old or early a message may be; an older one may be a recording.

    Returns:
        The message's id: the same at every attempt, so one that was seen before is a repeat.

    Raises:
        SignatureError: it must not be believed.
    """
    key = key_of(secret)
    try:
        message_id, sent, given = headers[ID], headers[TIMESTAMP], headers[SIGNATURE]
    except KeyError as error:
        raise SignatureError(f"the header {error.args[0]} is missing.") from None
    if not sent.isascii() or not sent.isdigit() or len(sent) > 12:
        raise SignatureError(f"the header {TIMESTAMP} is no number of seconds.")
    if abs(now - int(sent)) > tolerance_seconds:
        raise SignatureError(f"the message was sent more than {tolerance_seconds:g} seconds from now.")
    expected = _digest(message_id, int(sent), body, key).encode()
    for part in given.split(" "):
        version, _, digest = part.partition(",")
        if version == "v1" and hmac.compare_digest(digest.encode(), expected):
            return message_id
    raise SignatureError("no signature fits the message.")


def _digest(message_id: str, timestamp: int, body: bytes, key: bytes) -> str:
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
