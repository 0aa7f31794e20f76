"""Runs the service: opens its parts, listens, and ends well.

Told to stop (SIGTERM, SIGINT), it is not ready at once, takes requests for a moment yet so that load balancers notice,
then listens no more, finishes what is in progress, and closes. A second signal cuts that short.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import socket
import ssl
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn

from mien import __version__
from mien.core.errors import SettingsError
from mien.service import logs
from mien.service.app import create_app
from mien.service.companions import Companions
from mien.service.first_run import first_admin, missing_organisation, with_secret
from mien.service.parts import ServiceParts
from mien.service.settings import ServiceSettings
from mien.service.sockets import OTHER_BYTES, LimitedSockets
from mien.service.work.protections import tell_protections
from mien.service.work.signing import signer_of
from mien.store.database import Store
from mien.store.engine import StoreOptions
from mien.streams.opening import BusOptions, open_bus

_log = logging.getLogger("mien.service.serving")

Tell = Callable[[str], None]
LONGEST_STOP_SECONDS: Final = 28.0
_KEEP_ALIVE_SECONDS: Final = 75
_NEW_OBJECTS: Final = 20_000
"""That are counted before Python looks for circles among them: a batch of snapshots makes thousands, and no circle."""
_LOOPBACK: Final = ("127.", "::1", "localhost")


def serve(settings: ServiceSettings, tell: Tell) -> None:
    """Run until told to stop.

    Args:
        settings: of the service; a secret is made where there is none.
        tell: shows the operator a line. What is shown once is shown here.

    Raises:
        SettingsError: something cannot be as it is set; nothing was left half-made.
        StoreError: the database cannot be opened.
        BusError: Redis cannot be reached.
    """
    settings, made = with_secret(settings)
    certificate(settings)
    signer_of(settings.report_key)
    logs.configure(settings.log_level, settings.log_format)
    if made is not None:
        tell(f"A secret to sign tokens with was made: {made} (readable by you alone; keep a copy).")
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, tell))


def certificate(settings: ServiceSettings) -> None:
    """Make sure that certificate and key can be read and belong together.

    Raises:
        SettingsError: they cannot, or do not.
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.tls_certificate, settings.tls_key, password=lambda: b""
        )
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise SettingsError(
            f"the certificate {settings.tls_certificate} and the key {settings.tls_key} cannot be used: {reason}. "
            "Give a PEM chain and the unencrypted key it belongs to."
        ) from error


async def _serve(settings: ServiceSettings, tell: Tell) -> None:
    listener = _listen(settings)
    try:
        store = await Store.open(settings.database, options=StoreOptions(connections=settings.database_connections))
        try:
            redis = None if settings.redis_url is None else settings.redis_url.get_secret_value()
            bus = await open_bus(redis, BusOptions(require_durable=settings.redis_durable))
            try:
                admin = await first_admin(store, settings)
                if admin is not None and admin.password is not None:
                    tell(f"First start: sign in as {admin.name!r} with this password, which is shown once:")
                    tell(f"    {admin.password}")
                if problem := await missing_organisation(store, settings):
                    tell(f"Warning: {problem}")
                await _listening(ServiceParts(settings, store, bus), listener, tell)
            finally:
                await bus.close()
        finally:
            await store.close()
    finally:
        listener.close()


async def _listening(parts: ServiceParts, listener: socket.socket, tell: Tell) -> None:
    settings = parts.settings
    companions = Companions(settings)
    server = _Server(config(parts), parts, companions)
    logs.say(_log, logging.INFO, "service.starting", version=__version__, settings=settings.logged())
    tell_protections()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if server.started:
            _spare_collections()
            _greet(settings, listener, tell)
        await serving
    except SystemExit as error:
        # uvicorn's way to say that the application did not start; why was logged.
        raise SettingsError("the service did not start: its log says why.") from error
    finally:
        told_at = server.told_at or time.monotonic()
        await companions.stop(max(0.0, LONGEST_STOP_SECONDS - (time.monotonic() - told_at)))
    logs.say(_log, logging.INFO, "service.stopped")


class _Server(uvicorn.Server):
    """Ends in the order that load balancers need, and with exit code 0: being told to stop is no failure."""

    def __init__(self, config: uvicorn.Config, parts: ServiceParts, companions: Companions) -> None:
        super().__init__(config)
        self._parts = parts
        self._companions = companions
        self._loop = asyncio.get_running_loop()
        self.told_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.told_at is not None:
            self.force_exit = self.should_exit = True
            return
        self.told_at = time.monotonic()
        self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._parts.lifecycle.drain()
        self._companions.ask_to_stop()
        logs.say(_log, logging.INFO, "service.draining")
        self._loop.call_later(self._parts.settings.notice_seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True


def config(parts: ServiceParts) -> uvicorn.Config:
    """How the application is listened for. Of forwarded addresses only those that trusted proxies tell are believed."""
    settings = parts.settings
    return uvicorn.Config(
        create_app(parts),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        ws=LimitedSockets,
        ws_max_size=OTHER_BYTES,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
    )


def _listen(settings: ServiceSettings) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise SettingsError(
            f"{settings.host}, port {settings.port}, cannot be listened on: {error.strerror}. Choose another with "
            "'--port' (PORT)."
        ) from error
    return listener


def _greet(settings: ServiceSettings, listener: socket.socket, tell: Tell) -> None:
    host, port = listener.getsockname()[:2]
    scheme = "https" if settings.tls else "http"
    shown = f"[{host}]" if ":" in host else host
    address = f"{scheme}://{shown}:{port}"
    tell(f"Mien {__version__} listens on {address}")
    if settings.docs:
        tell(f"What it can do: {address}/docs")
    if not settings.tls and not settings.trusted_proxies and not host.startswith(_LOOPBACK):
        tell(
            "Warning: without TLS, passwords and tokens cross the network in the clear. Give --tls-certificate and "
            "--tls-key, or put a proxy before it and name it in MIEN_TRUSTED_PROXIES."
        )


def _spare_collections() -> None:
    """Have the collector leave alone what was loaded, which stays, and look at the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
