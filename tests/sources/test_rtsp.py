"""Network cameras, against one on this machine: they freeze, send garbage, change, vanish, and keep their password."""

from __future__ import annotations

import datetime
import ssl
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mien.core.errors import DeviceError, InputError, MediaTooLargeError, MienError, SettingsError
from mien.core.settings import SamplingSettings
from mien.sources import is_live, open_source, told_name
from mien.sources.rtsp import AUTHORITY_VARIABLE, LOGIN_VARIABLE, RtspSource
from tests.sources.rtsp_server import RtspCamera, Script, encode, pictures

ALL = SamplingSettings()
SECRET = "pass%20word"
LOGIN = ("user", "pass word")


@pytest.fixture(scope="module")
def shot() -> list[list[bytes]]:
    return encode(pictures(160, 120, 20), 20)


def open_camera(camera: RtspCamera, user: str = "", **options: object) -> RtspSource:
    return RtspSource(camera.url(user), ALL, **{"silence_seconds": 2.0, "environment": {}, **options})  # type: ignore[arg-type]


def test_frames_are_the_pictures_that_were_filmed(shot: list[list[bytes]]) -> None:
    with RtspCamera(Script((shot,))) as camera:
        source = open_camera(camera)
        frames = [frame for frame, _ in zip(source, range(10), strict=False)]
        source.close()
    for frame in frames:
        assert frame.image.shape == (120, 160, 3)
        assert frame.image[..., 0].mean() > 80
        assert frame.image[..., 1:].mean() < 10
        assert frame.image[:, 120:, 0].mean() > frame.image[:, :40, 0].mean() + 40
    times = [frame.media_time for frame in frames]
    assert times == sorted(times)
    assert source.info.kind == "rtsp"
    assert source.info.sha256 is None


def test_a_login_opens_it_from_the_address_or_the_environment(shot: list[list[bytes]]) -> None:
    with RtspCamera(Script((shot,), credentials=LOGIN)) as camera:
        for user, environment in ((f"user:{SECRET}", {}), ("", {LOGIN_VARIABLE: "user:pass word"})):
            source = open_camera(camera, user, environment=environment)
            assert next(iter(source)).image.shape == (120, 160, 3)
            assert "pass" not in source.info.name
            source.close()


@pytest.mark.parametrize("user", ["", "user:wrong-secret"])
def test_a_wrong_login_is_told_without_telling_it(shot: list[list[bytes]], user: str) -> None:
    with RtspCamera(Script((shot,), credentials=LOGIN)) as camera, pytest.raises(DeviceError) as caught:
        open_camera(camera, user)
    assert LOGIN_VARIABLE in str(caught.value)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("rtsp://me:secret@127.0.0.1:1/x", "nobody answers"),
        ("rtsp://me:secret@/x", "names no host"),
        ("rtsp://me:secret@host:99999/x", "port"),
        ("rtsp://me:secret@[::1/x", "host or port"),
        ("http://me:secret@127.0.0.1/x?token=secret", "is an address"),
    ],
)
def test_no_error_holds_a_password(address: str, problem: str) -> None:
    with pytest.raises(MienError, match=problem) as caught:
        open_source(address, ALL)
    assert isinstance(caught.value, DeviceError | SettingsError | InputError)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("locator", "name"),
    [
        ("rtsp://host/stream1", "rtsp://host/stream1"),
        ("RTSPS://me:secret@Host:8554/a/b?user=me&password=secret#secret", "rtsps://host:8554/a/b"),
        ("rtsp://host/user=me_password=secret_channel=1", "rtsp://host"),
        ("rtsp://me:se/cret@host/x", "rtsp://"),
        ("rtsp://[::1/secret", "rtsp://"),
        ("camera:0", "camera:0"),
        ("talks/one.mp4", "talks/one.mp4"),
    ],
)
def test_what_a_locator_is_called(locator: str, name: str) -> None:
    told = told_name(locator)
    assert told.startswith(name)
    assert "secret" not in told
    assert "cret@" not in told


def test_cameras_have_no_end() -> None:
    assert all(map(is_live, ("camera:0", "rtsp://host/x", "RTSPS://host/x")))
    assert not any(map(is_live, ("film.mp4", "synthetic:hall.yaml", "rtsp.mp4")))


def test_a_login_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="USER:PASSWORD"):
        RtspSource("rtsp://127.0.0.1:1/x", ALL, environment={LOGIN_VARIABLE: "secret"})


def test_a_camera_that_freezes_is_lost_after_its_silence(shot: list[list[bytes]]) -> None:
    with RtspCamera(Script((shot,), freezes_after=60)) as camera:
        source = open_camera(camera, silence_seconds=1.0)
        frames = list(source)
        begun = time.monotonic()
        source.close()
        assert time.monotonic() - begun < 3
    assert frames
    assert not source.complete


def test_a_camera_that_hangs_up_ends_the_source(shot: list[list[bytes]]) -> None:
    with RtspCamera(Script((shot,), ends_after=50)) as camera:
        source = open_camera(camera)
        assert len(list(source)) > 5
    assert not source.complete


def test_garbage_is_left_out_and_then_taken_for_silence(shot: list[list[bytes]]) -> None:
    with RtspCamera(Script((shot,), garbage_after=50)) as camera:
        source = open_camera(camera, silence_seconds=1.5)
        frames = list(source)
        source.close()
    assert frames
    assert not source.complete
    assert all(frame.image.shape == (120, 160, 3) for frame in frames)


def test_a_camera_that_changes_its_resolution_is_read_on() -> None:
    small, large = encode(pictures(160, 120, 45), 20), encode(pictures(320, 240, 20), 20)
    with RtspCamera(Script((small, large))) as camera:
        source = open_camera(camera)
        shapes = []
        for frame in source:
            shapes.append(frame.image.shape[:2])
            if shapes[-1] == (240, 320):
                break
        source.close()
    assert shapes[0] == (120, 160)
    assert shapes[-1] == (240, 320)


def test_pictures_that_are_too_large_are_not_taken(shot: list[list[bytes]]) -> None:
    with RtspCamera(Script((shot,))) as camera, pytest.raises(MediaTooLargeError, match="160×120"):
        RtspSource(camera.url(), SamplingSettings(max_pixels=10_000), environment={})


def test_nobody_who_answers_is_waited_for_no_longer_than_asked() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        begun = time.monotonic()
        with pytest.raises(DeviceError, match="in time"):
            RtspSource(f"rtsp://127.0.0.1:{deaf.getsockname()[1]}/x", ALL, open_seconds=1.0, environment={})
    assert time.monotonic() - begun < 5


Certificate = Callable[[str], tuple[ssl.SSLContext, Path]]


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """Makes a camera's own certificate for a name: what the camera answers with, and the file to check it against."""

    def make(name: str) -> tuple[ssl.SSLContext, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        public, private = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(public, private)
        return context, public

    return make


def test_an_encrypted_camera_whose_certificate_is_known_is_read(
    shot: list[list[bytes]], certificate: Certificate
) -> None:
    context, public = certificate("localhost")
    with RtspCamera(Script((shot,), credentials=LOGIN), context=context) as camera:
        source = open_camera(camera, f"user:{SECRET}", environment={AUTHORITY_VARIABLE: str(public)})
        assert np.asarray(next(iter(source)).image)[..., 0].mean() > 80
        assert source.info.name.startswith("rtsps://localhost:")
        source.close()


@pytest.mark.parametrize("name", ["localhost", "elsewhere"])
def test_a_certificate_that_is_unknown_or_of_another_name_is_refused(
    shot: list[list[bytes]], certificate: Certificate, name: str
) -> None:
    context, public = certificate(name)
    _, other = certificate("other")
    environment = {AUTHORITY_VARIABLE: str(public if name == "elsewhere" else other)}
    with (
        RtspCamera(Script((shot,), credentials=LOGIN), context=context) as camera,
        pytest.raises(DeviceError, match="certificate"),
    ):
        open_camera(camera, f"user:{SECRET}", environment=environment)
    assert camera.requests == [], "nothing was said, let alone a password"
