from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.errors import SettingsError
from mien.service.webhooks import signing
from mien.service.webhooks.keyring import Keys, Seal
from mien.service.webhooks.signing import SignatureError, key_of, mint_secret, sign, verify

NOW = 1_790_000_000
BODY = b'{"type":"scare.detected"}'


def headers(secret: str, *, sent: int = NOW, body: bytes = BODY) -> dict[str, str]:
    return {
        signing.ID: "msg_1",
        signing.TIMESTAMP: str(sent),
        signing.SIGNATURE: sign("msg_1", sent, body, [key_of(secret)]),
    }


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of Standard Webhooks (spec/standard-webhooks.md and its libraries' tests)."""
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    told = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [key])
    assert told == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_is_believed_by_whoever_knows_the_secret() -> None:
    secret = mint_secret()
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret[6:])) == 32
    assert verify(headers(secret), BODY, secret, NOW + 299) == "msg_1"


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 199), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(body: bytes, place: int, flip: int) -> None:
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    told = headers(secret, body=body)
    changed = bytearray(body or b"x")
    changed[place % len(changed)] ^= flip
    with pytest.raises(SignatureError, match="no signature fits"):
        verify(told, bytes(changed), secret, NOW)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({signing.TIMESTAMP: str(NOW - 301)}, "more than 300 seconds"),
        ({signing.TIMESTAMP: str(NOW + 301)}, "more than 300 seconds"),
        ({signing.TIMESTAMP: "now"}, "no number"),
        ({signing.TIMESTAMP: "²"}, "no number"),
        ({signing.TIMESTAMP: "9" * 40}, "no number"),
        ({signing.TIMESTAMP: str(NOW - 1)}, "no signature fits"),
        ({signing.ID: "msg_2"}, "no signature fits"),
        ({signing.SIGNATURE: ""}, "no signature fits"),
        ({signing.SIGNATURE: "v1"}, "no signature fits"),
        ({signing.SIGNATURE: "v1,Zm9v"}, "no signature fits"),
    ],
)
def test_what_was_not_signed_so_is_not_believed(change: dict[str, str], why: str) -> None:
    secret = mint_secret()
    with pytest.raises(SignatureError, match=why):
        verify({**headers(secret), **change}, BODY, secret, NOW)


@pytest.mark.parametrize("missing", [signing.ID, signing.TIMESTAMP, signing.SIGNATURE])
def test_a_missing_header_is_named(missing: str) -> None:
    secret = mint_secret()
    told = headers(secret)
    del told[missing]
    with pytest.raises(SignatureError, match=missing):
        verify(told, BODY, secret, NOW)


def test_another_version_of_the_scheme_proves_nothing() -> None:
    secret = mint_secret()
    told = headers(secret)
    told[signing.SIGNATURE] = told[signing.SIGNATURE].replace("v1,", "v1a,")
    with pytest.raises(SignatureError):
        verify(told, BODY, secret, NOW)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
)
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(SignatureError, match="a webhook's secret is"):
        key_of(secret)


def test_while_a_secret_is_rotated_both_fit_and_later_only_the_new_one() -> None:
    now = datetime(2026, 11, 21, 20, 15, tzinfo=UTC)
    old = Keys(mint_secret())
    new = old.rotated(now, timedelta(hours=24))
    assert new.current != old.current
    during = sign("msg_1", NOW, BODY, new.at(now + timedelta(hours=23)))
    after = sign("msg_1", NOW, BODY, new.at(now + timedelta(hours=24)))
    told = {signing.ID: "msg_1", signing.TIMESTAMP: str(NOW)}
    for secret in (old.current, new.current):
        assert verify({**told, signing.SIGNATURE: during}, BODY, secret, NOW) == "msg_1"
    assert verify({**told, signing.SIGNATURE: after}, BODY, new.current, NOW) == "msg_1"
    with pytest.raises(SignatureError):
        verify({**told, signing.SIGNATURE: after}, BODY, old.current, NOW)
    assert new.rotated(now, timedelta(0)).previous is None


ORGANISATION, OTHER = UUID(int=1), UUID(int=2)


def test_a_sealed_secret_opens_under_the_same_secret_and_for_the_same_organisation_only() -> None:
    seal, now = Seal(b"s" * 64), datetime(2026, 11, 21, tzinfo=UTC)
    keys = Keys(mint_secret()).rotated(now, timedelta(hours=1))
    sealed = seal.close(ORGANISATION, keys)
    assert seal.open(ORGANISATION, sealed) == keys
    assert Seal(b"s" * 64).open(ORGANISATION, sealed) == keys
    assert seal.close(ORGANISATION, keys) != sealed
    for part in (keys.current, keys.current[6:], keys.previous or ""):
        assert part.encode() not in sealed
        assert part not in repr(keys)
    for opener, organisation, value in (
        (Seal(b"t" * 64), ORGANISATION, sealed),
        (seal, OTHER, sealed),
        (seal, ORGANISATION, sealed[:-1]),
        (seal, ORGANISATION, b"\x02" + sealed[1:]),
        (seal, ORGANISATION, b""),
    ):
        with pytest.raises(SettingsError, match="sealed under another secret"):
            opener.open(organisation, value)
