"""``mien doctor``: is everything in place, and what to do where it is not."""

from __future__ import annotations

import click


@click.command()
@click.option("--camera", type=int, multiple=True, help="Also open this camera and read frames from it for a second.")
@click.pass_context
def command(context: click.Context, camera: tuple[int, ...]) -> None:
    """Check the installation, execution providers, weights, what keeps decoders of uploads, and cameras."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="mien doctor", show_lines=False)
    table.add_column("what")
    table.add_column("state")
    table.add_column("detail", overflow="fold")
    checks = [*_software(), *_providers(), *_models(), *_protections(), *_cameras(camera)]
    for what, state, detail in checks:
        colour = {"ok": "green", "missing": "yellow", "failed": "red"}[state]
        table.add_row(what, f"[{colour}]{state}[/{colour}]", detail)
    Console().print(table)
    context.exit(1 if any(state == "failed" for _, state, _ in checks) else 0)


_Check = tuple[str, str, str]


def _software() -> list[_Check]:
    import platform
    from importlib import metadata

    from mien import __version__
    from mien.runtime.provenance import SOFTWARE

    found: list[_Check] = [("mien", "ok", f"{__version__} on Python {platform.python_version()}, {platform.machine()}")]
    for name in SOFTWARE:
        try:
            found.append((name, "ok", metadata.version(name)))
        except metadata.PackageNotFoundError:
            found.append((name, "failed", f"not installed: pip install {name}"))
    return found


def _providers() -> list[_Check]:
    from mien.inference import available_providers

    names = available_providers()
    return [("execution providers", "ok" if names else "failed", ", ".join(names) or "none: reinstall onnxruntime")]


def _models() -> list[_Check]:
    from mien.assembly import PREFERRED_DETECTORS, load_classifier, load_detector
    from mien.core.errors import MienError
    from mien.core.settings import DetectionSettings, InferenceSettings
    from mien.models import bundled

    found: list[_Check] = []
    working = 0
    for name in PREFERRED_DETECTORS:
        try:
            detector, _ = load_detector(name, DetectionSettings(), InferenceSettings())
        except MienError as error:
            found.append((f"detector {name}", "missing", str(error)))
        else:
            working += 1
            found.append((f"detector {name}", "ok", f"SHA-256 {detector.sha256[:12]}…"))
    if not working:
        found.append(("detectors", "failed", "none can be loaded: connect to a network and run 'mien models pull'"))
    for name in bundled():
        try:
            classifier = load_classifier(name, InferenceSettings())
        except MienError as error:
            found.append((f"classifier {name}", "failed", str(error)))
        else:
            found.append((f"classifier {name}", "ok", f"SHA-256 {classifier.sha256[:12]}…"))
    return found


def _protections() -> list[_Check]:
    """What keeps processes of the service that decode strangers' files; see docs/reference/service/work.md."""
    from mien.service.work.protections import protections

    return [(f"decoders: {told.name}", "ok" if told.holds else "missing", told.detail) for told in protections()]


def _cameras(wanted: tuple[int, ...]) -> list[_Check]:
    from mien.core.errors import MienError
    from mien.core.settings import SamplingSettings
    from mien.sources.camera import create, list_cameras

    present = list_cameras()
    found: list[_Check] = [("cameras", "ok" if present else "missing", ", ".join(present) or "none found")]
    for number in wanted:
        try:
            source = create(f"camera:{number}", SamplingSettings())
            try:
                frames = 0
                for frame in source:
                    frames += 1
                    if frame.media_time >= 1.0:
                        break
                detail = f"{frames} frames of {frame.width}×{frame.height} in a second"
            finally:
                source.close()
        except MienError as error:
            found.append((f"camera {number}", "failed", str(error)))
        else:
            found.append((f"camera {number}", "ok", detail))
    return found
