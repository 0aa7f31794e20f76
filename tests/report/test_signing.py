"""A signature holds for the same values however they are written, and for no other."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import AlteredError, InputError, OutputError, SettingsError, SignerError
from mien.report import write_reports
from mien.report.signing import Signature, canonical, new_key, sign, signature_path, verify
from tests.report.factory import CREATED, one_person

TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "studio"
    new_key(path)
    return path


@pytest.fixture
def report(tmp_path: Path, key: Path) -> Path:
    """A signed report."""
    write_reports(one_person(), tmp_path, created=CREATED)
    sign(tmp_path / "report.json", key)
    return tmp_path / "report.json"


def public(key: Path) -> Path:
    return key.with_name(key.name + ".pub")


class TestCanonicalForm:
    def test_is_that_of_the_standard_s_example(self) -> None:
        """RFC 8785, 3.2.2 and 3.2.3."""
        text = r"""{
          "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
          "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
          "literals": [null, true, false]
        }"""
        assert canonical(text.encode()).decode() == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        )

    @pytest.mark.parametrize(
        ("bits", "text"),
        [
            ("0000000000000000", "0"),
            ("8000000000000000", "0"),
            ("0000000000000001", "5e-324"),
            ("8000000000000001", "-5e-324"),
            ("7fefffffffffffff", "1.7976931348623157e+308"),
            ("4340000000000000", "9007199254740992"),
            ("4430000000000000", "295147905179352830000"),
            ("44b52d02c7e14af5", "9.999999999999997e+22"),
            ("44b52d02c7e14af6", "1e+23"),
            ("44b52d02c7e14af7", "1.0000000000000001e+23"),
            ("444b1ae4d6e2ef4e", "999999999999999700000"),
            ("444b1ae4d6e2ef4f", "999999999999999900000"),
            ("444b1ae4d6e2ef50", "1e+21"),
            ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
            ("3eb0c6f7a0b5ed8d", "0.000001"),
            ("41b3de4355555553", "333333333.3333332"),
            ("41b3de4355555557", "333333333.33333343"),
            ("becbf647612f3696", "-0.0000033333333333333333"),
            ("43143ff3c1cb0959", "1424953923781206.2"),
        ],
    )
    def test_writes_numbers_as_the_standard_s_appendix_b(self, bits: str, text: str) -> None:
        (value,) = struct.unpack(">d", bytes.fromhex(bits))
        assert canonical(repr(value).encode()).decode() == text

    def test_sorts_keys_by_utf_16(self) -> None:
        """RFC 8785, 3.2.3: a surrogate pair comes before U+FB33."""
        told = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
        assert [*json.loads(canonical(json.dumps(told).encode())).values()] == [2, 4, 6, 7, 1, 5, 3]

    @given(JSON)
    def test_has_the_same_value_and_is_its_own_canonical_form(self, value: Any) -> None:
        form = canonical(json.dumps(value).encode())
        assert json.loads(form, parse_int=float) == json.loads(json.dumps(value), parse_int=float)
        assert canonical(form) == form

    @given(JSON)
    def test_does_not_depend_on_how_it_was_written(self, value: Any) -> None:
        loose = json.dumps(value, indent=3, ensure_ascii=False)
        assert canonical(loose.encode()) == canonical(json.dumps(value, separators=(",", ":")).encode())

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "it is no JSON, or not all of it: line 1"),
            (b'{"a": 1, "a": 2}', "a key twice"),
            (b'{"a": {"b": 1, "b": 1}}', "a key twice"),
            (b"[NaN]", "NaN"),
            (b"[1e999]", "not representable"),
            (b"[9007199254740993]", "no double"),
            (b"[" + b"9" * 400 + b"]", "no double"),
            (b"\xff", "no UTF-8 text"),
            (b"[" * 100_000, "nested too deeply"),
            (b'["\\ud800"]', "non-UTF-8"),
        ],
    )
    def test_refuses_what_readers_may_take_differently(self, content: bytes, told: str) -> None:
        with pytest.raises(ValueError, match=told):
            canonical(content)


class TestKey:
    def test_is_readable_by_its_owner_alone(self, key: Path) -> None:
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert public(key).read_text().startswith("-----BEGIN PUBLIC KEY-----")
        assert "PRIVATE" not in public(key).read_text()

    def test_is_readable_by_its_owner_alone_whatever_the_umask(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            new_key(tmp_path / "k")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600

    def test_is_never_overwritten(self, key: Path) -> None:
        before = key.read_bytes(), public(key).read_bytes()
        with pytest.raises(OutputError, match="never overwritten"):
            new_key(key)
        assert (key.read_bytes(), public(key).read_bytes()) == before

    def test_leaves_nothing_when_its_public_half_is_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "k.pub").write_text("theirs")
        with pytest.raises(OutputError, match=r"k\.pub exists"):
            new_key(tmp_path / "k")
        assert [p.name for p in tmp_path.iterdir()] == ["k.pub"]

    def test_two_keys_differ(self, tmp_path: Path) -> None:
        assert new_key(tmp_path / "a").read_bytes() != new_key(tmp_path / "b").read_bytes()

    def test_that_others_can_read_does_not_sign(self, report: Path, tmp_path: Path) -> None:
        new_key(tmp_path / "k")
        (tmp_path / "k").chmod(0o640)
        with pytest.raises(SettingsError, match="chmod 600"):
            sign(report, tmp_path / "k")

    def test_of_another_kind_is_refused(self, report: Path, tmp_path: Path) -> None:
        other = generate_private_key(SECP256R1())
        private, told = tmp_path / "ec", tmp_path / "ec.pub"
        private.touch(0o600)
        private.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        told.write_bytes(other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        with pytest.raises(SettingsError, match="no Ed25519 key"):
            sign(report, private)
        with pytest.raises(SettingsError, match="no Ed25519 key"):
            verify(report, told)

    def test_that_is_none_is_refused(self, report: Path, key: Path) -> None:
        with pytest.raises(SettingsError, match=r"ends in \.pub"):
            verify(report, key)
        with pytest.raises(InputError, match=r"cannot read .*absent"):
            verify(report, key.with_name("absent"))


def test_what_was_signed_holds(report: Path, key: Path) -> None:
    told = verify(report, public(key))
    assert verify(report) == told
    assert told.sha256 == hashlib.sha256(canonical(report.read_bytes())).hexdigest()
    assert {p.name for p in report.parent.iterdir()} >= {"report.json", "report.json.sig"}


def test_the_signature_file_has_the_shape_others_read(report: Path) -> None:
    told = json.loads(signature_path(report).read_text())
    assert list(told) == ["algorithm", "canonicalization", "public_key", "signature", "sha256"]
    assert (told["algorithm"], told["canonicalization"]) == ("Ed25519", "RFC 8785")


def test_signing_again_gives_the_same_signature(report: Path, key: Path) -> None:
    before = signature_path(report).read_bytes()
    sign(report, key)
    assert signature_path(report).read_bytes() == before


def test_white_space_order_of_keys_and_spelling_are_no_alteration(report: Path, key: Path) -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: turned(value[name]) for name in reversed(value)}
        return [turned(v) for v in value] if isinstance(value, list) else value

    told = turned(json.loads(report.read_text()))
    report.write_text(json.dumps(told, indent=7, ensure_ascii=True) + "\n\n")
    verify(report, public(key))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every single value of a document is."""
    if isinstance(value, dict | list):
        for at, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, at))
    else:
        yield path


def another(value: Any) -> Any:
    """A value that is not this one, as close as can be."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, str):
        return value + "."
    return value + 1 if isinstance(value, int) else math.nextafter(value, math.inf)


def test_every_changed_value_is_caught(report: Path, key: Path) -> None:
    short = json.loads(report.read_text())
    del short["timeline"][2:]
    text = json.dumps(short)
    report.write_text(text)
    sign(report, key)
    places = [*leaves(short)]
    for path in places:
        told = json.loads(text)
        inside = told
        for at in path[:-1]:
            inside = inside[at]
        inside[path[-1]] = another(inside[path[-1]])
        report.write_text(json.dumps(told))
        with pytest.raises(AlteredError, match="was altered"):
            verify(report)
    assert len(places) > 200
    report.write_text(text)
    verify(report)


@pytest.mark.parametrize("change", ["remove", "add", "swap", "cut", "twice"])
def test_what_is_missing_added_or_moved_is_caught(change: str, report: Path) -> None:
    text = report.read_text()
    told = json.loads(text)
    if change == "remove":
        del told["timeline"][-1]
    elif change == "add":
        told["approved"] = True
    elif change == "swap":
        told["timeline"][0], told["timeline"][1] = told["timeline"][1], told["timeline"][0]
    altered = {"cut": text[:-5], "twice": '{"demo": true,' + text.lstrip()[1:]}.get(change, json.dumps(told))
    report.write_text(altered)
    with pytest.raises(AlteredError, match="was altered"):
        verify(report)


@pytest.mark.parametrize("field", ["public_key", "signature", "sha256"])
def test_an_altered_signature_is_caught(field: str, report: Path) -> None:
    told = json.loads(signature_path(report).read_text())
    told[field] = ("b" if told[field][0] != "b" else "c") + told[field][1:]
    signature_path(report).write_text(json.dumps(told))
    with pytest.raises(AlteredError, match="or its signature"):
        verify(report)


def test_somebody_else_s_signature_is_told_from_the_expected_one(report: Path, key: Path, tmp_path: Path) -> None:
    new_key(tmp_path / "other")
    report.write_text(report.read_text().replace("happiness", "happyness"))
    sign(report, tmp_path / "other")
    verify(report)
    with pytest.raises(SignerError, match="another key"):
        verify(report, public(key))


def test_a_missing_signature_is_told(report: Path) -> None:
    signature_path(report).unlink()
    with pytest.raises(InputError, match=r"is not signed: there is no report\.json\.sig beside it"):
        verify(report)


@pytest.mark.parametrize("text", ["", "{}", "no", '{"algorithm": "none"}'])
def test_a_signature_that_cannot_be_read_is_told(text: str, report: Path) -> None:
    signature_path(report).write_text(text)
    with pytest.raises(InputError, match="no signature that can be read"):
        verify(report)


def test_what_is_no_json_is_not_signed(tmp_path: Path, key: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": NaN}')
    with pytest.raises(InputError, match=r"a\.json cannot be signed: it holds NaN"):
        sign(tmp_path / "a.json", key)
    (tmp_path / "a.json").write_text('{"a":\n "torn')
    with pytest.raises(InputError, match=r"a\.json cannot be signed: it is no JSON, or not all of it: line 2"):
        sign(tmp_path / "a.json", key)
    (tmp_path / "a.json").write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(InputError, match=r"a\.json cannot be signed: it is no UTF-8 text"):
        sign(tmp_path / "a.json", key)
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_signature_has_no_room_for_another_algorithm() -> None:
    assert set(Signature.model_fields) == {"algorithm", "canonicalization", "public_key", "signature", "sha256"}


@pytest.mark.parametrize("library", ["cryptography", "rfc8785"])
def test_a_missing_library_names_its_extra(
    library: str, report: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SettingsError, match=r"pip install 'mien\[sign\]'"):
        sign(report, key)
