"""``mien predict``: the expressions in single pictures, as JSON on standard output."""

from __future__ import annotations

from typing import Any

import click

from mien.cli._options import (
    LABEL_SET_NAMES,
    choices,
    declaration,
    inference,
    leave_out_option,
    model_options,
    policy_options,
    profile_with,
)


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="IMAGE...")
@policy_options
@click.option("--label-set", type=click.Choice(LABEL_SET_NAMES), default="ferplus8", show_default=True)
@click.option("--min-face", "min_face_px", type=click.FloatRange(0), help="Smallest face that is read, pixels.")
@leave_out_option
@model_options
def command(inputs: tuple[str, ...], **options: Any) -> None:
    """Read the faces in pictures.

    Prints one JSON object a picture: how many faces were seen and read, and for each face read its label, its
    confidence and every score. No position is printed.
    """
    import json

    from mien.assembly import assemble
    from mien.pipeline import Pipeline
    from mien.sources import open_source

    profile = profile_with(
        "interview",
        quality={"min_face_px": options["min_face_px"]},
        smoothing={"seconds": 0.0, "operating_point": options["operating_point"]},
        audience={"label_set": options["label_set"], "left_out": options["left_out"]},
    )
    told = declaration(options, profile)
    networks = inference(options["threads"], options["providers"])
    made = assemble(profile, told, choices(options["detector"], options["classifier"]), networks)
    for locator in inputs:
        source = open_source(locator, profile.sampling)
        try:
            for frame in source:
                # Each picture stands for itself: nothing is followed from one to the next.
                alone = Pipeline(made.pipeline.detector, made.pipeline.classifier, profile, made.pipeline.grant)
                reading = alone.process([frame])[0]
                click.echo(
                    json.dumps(_document(source.info.name, reading, alone.labels, alone.profile.audience.left_out))
                )
        finally:
            source.close()


def _document(name: str, reading: Any, labels: Any, left_out: tuple[str, ...]) -> dict[str, object]:
    import numpy as np

    unseen = labels.without(left_out)
    faces = []
    for face in reading.faces:
        if face.probabilities is None:
            continue
        view = labels.view(np.asarray(face.probabilities)[None])[0]
        ranked = [labels.labels[i] for i in np.argsort(-view, kind="stable") if labels.labels[i] not in unseen]
        first = face.label if face.label in ranked else ranked[0]
        faces.append(
            {
                "label": face.label,
                "confidence": round(face.confidence, 4),
                "second": next(label for label in ranked if label != first),
                "scores": {
                    label: round(float(p), 4)
                    for label, p in zip(labels.labels, view, strict=True)
                    if label not in unseen
                },
            }
        )
    unread = [face.unread.value for face in reading.faces if face.unread is not None]
    return {"input": name, "frame": reading.index, "seen": len(reading.faces), "read": faces, "unread": unread}
