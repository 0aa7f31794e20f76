"""A tour of the service, from an empty machine to a comparison of two cuts. Read it from top to bottom.

    python examples/service_tour.py                     # a demo clip is fetched
    python examples/service_tour.py talk.mp4 --out tour # your own recording

It starts a service of its own in a temporary folder, uses it over HTTP alone, and stops it. Every call is one that your
programs can make too: ``/docs`` of a running service describes them all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, ClassVar

import httpx
from webhook_receiver import Receiver  # the example beside this one

from mien import weights
from mien.core.errors import MienError

PATIENCE_SECONDS = 60.0
say = partial(print, "\n•", flush=True)
show = partial(print, "   ", flush=True)
WORDING = "I agree that my reactions to this film are measured. I can take this back at any time."


class TourError(Exception):
    """Something did not go as it should; the message says what."""


def main() -> None:
    """The tour."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("clip", nargs="?", type=Path, help="recording to analyse; a demo clip if none is named")
    parser.add_argument("--out", type=Path, default=Path("service-tour"), help="folder for the report and its exports")
    told = parser.parse_args()
    try:
        clip = told.clip or weights.resolve("demo-clip")
        with tempfile.TemporaryDirectory() as folder, inbox() as url, running(Path(folder)) as (api, password):
            tour(api, password, url, clip, told.out)
    except (TourError, MienError, OSError, httpx.HTTPError) as error:
        sys.exit(f"The tour ended early: {error}")
    say(f"The service has stopped and its folder is gone. What it found is in {told.out}.")


def tour(api: httpx.Client, password: str, url: str, clip: Path, out: Path) -> None:
    """What a program does with the service."""
    say("Sign in as the admin of the first start; every further call carries the token.")
    signed_in = api.post("auth/login", json={"name": "admin", "password": password}).json()
    api.headers["Authorization"] = f"Bearer {signed_in['access_token']}"

    say("Make a webhook: from now on the service tells us of jobs, scares and sessions that ended.")
    webhook = {"url": url, "events": ["job.done", "scare.detected", "session.ended"]}
    Inbox.secret = api.post("webhooks", json=webhook).json()["secret"]  # told once; signatures are checked with it

    say("Make a title with two versions, and a study that asks which of them scares more.")
    title = api.post("titles", json={"name": "Night Bus"}).json()["id"]
    versions = {n: api.post(f"titles/{title}/versions", json={"name": n}).json()["id"] for n in ("Cut A", "Cut B")}
    asked = {"title_id": title, "name": "Which cut?", "question": "Which scares more?"}
    study = api.post("studies", json=asked).json()["id"]

    say(f"Upload {clip.name} in two parts, as if the connection had broken in between.")
    upload_id = upload(api, clip)

    say("Ask for an analysis. What it is for and what permits it must be declared: the purpose gate reads it.")
    declared = {"purpose": "personal", "basis": "own_recording"}
    job = api.post("analyses", json={"upload_id": upload_id, **declared, "sample_hz": 5}).json()
    job = follow(api, job["id"])

    say("Fetch the report: as JSON, as a page, as a table, and its moments for an edit suite.")
    [report] = api.get("reports", params={"session_id": job["session_id"]}).json()["items"]
    document = api.get(f"reports/{report['id']}/document").json()
    show(document["headline"])
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
    for name in ("report.html", "timeline.csv"):
        (out / name).write_bytes(api.get(f"reports/{report['id']}/files/{name}").content)
    markers = api.get(f"reports/{report['id']}/markers/edl", params={"frame_rate": "25"})
    (out / "markers.edl").write_bytes(markers.content)
    show(f"report.json, report.html, timeline.csv and markers.edl are in {out}")

    say("Measure each cut live with ten respondents who agreed. Their figures are composed here, and marked as a demo.")
    rng = random.Random(7)
    for name, fright in (("Cut A", 5.0), ("Cut B", 60.0)):
        for _ in range(10):
            watch(api, study, versions[name], fright, rng)
        show(f"{name}: 10 sessions of a minute")

    say("Compare the two cuts: a permutation test over sessions.")
    pair = {"versions": [{"version_id": key} for key in versions.values()], "series": ["fear"]}
    compared = api.post(f"studies/{study}/comparisons", json=pair).json()
    show(compared["headline"])
    (out / "comparison.json").write_text(json.dumps(compared["document"], indent=2), encoding="utf-8")

    say("See what the webhook was told: of the analysis, of every session that ended, of the scares in Cut B's.")
    show("Each live session was reported by a job of its own, as the recording was.")
    for event, messages in received({"job.done": 21, "session.ended": 21, "scare.detected": 10}).items():
        show(f"{len(messages)} × {event}, such as {json.dumps(messages[0])}")


def upload(api: httpx.Client, clip: Path) -> str:
    """Send a file resumably (tus 1.0.0); its id. The service keeps it encrypted, and erases it when its job ends."""
    content = clip.read_bytes()
    upload_id: str = api.post("uploads", headers={"Upload-Length": str(len(content))}).json()["id"]
    for end in (len(content) // 2, len(content)):
        # After an interruption the service knows how far it got.
        offset = int(api.head(f"uploads/{upload_id}").headers["Upload-Offset"])
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        api.patch(f"uploads/{upload_id}", headers=headers, content=content[offset:end])
        show(f"{end} of {len(content)} bytes")
    return upload_id


def follow(api: httpx.Client, job_id: str) -> dict[str, Any]:
    """Follow a job by server-sent events, until it has ended; how it ended."""
    job: dict[str, Any] = {"state": "not told of"}
    with api.stream("GET", f"jobs/{job_id}/events") as told:
        for line in told.iter_lines():
            if line.startswith("data: "):
                job = json.loads(line.removeprefix("data: "))
                # What fails is tried again; why stands beside it.
                show(f"{job['state']}, {job['progress']:.0%}, {job['error'] or job['note'] or 'nothing read yet'}")
    if job["state"] != "done":
        raise TourError("the analysis did not come to its end")
    return job


def watch(api: httpx.Client, study_id: str, version_id: str, fright: float, rng: random.Random) -> None:
    """One respondent watches a version: consent, session, snapshots, end."""
    consent = {"wording_sha256": hashlib.sha256(WORDING.encode()).hexdigest(), "scopes": ["measure"]}
    enrolled = api.post("respondents", json={"consent": consent}).json()
    session = {
        "purpose": "audience_research", "basis": "consent", "profile": "panel", "step_seconds": 0.5,
        "study_id": study_id, "version_id": version_id,
        "respondent_id": enrolled["respondent"]["id"], "consent_id": enrolled["consent"]["id"],
    }  # fmt: skip
    session_id = api.post("sessions", json=session).json()["id"]
    # A camera's box or a browser sends these as it measures, a batch every few seconds.
    batch = [snapshot(session_id, step, fright, rng) for step in range(120)]
    taken = api.post("snapshots", json=batch).json()
    if taken["refused"]:
        raise TourError(f"snapshots were refused: {taken['refused'][0]['reason']}")
    api.post(f"sessions/{session_id}/end")


def snapshot(session_id: str, step: int, fright: float, rng: random.Random) -> dict[str, Any]:
    """Half a second of one calm face, which is afraid from second 40 to 42. Percentages sum to 100."""
    fear = rng.uniform(2, 6) + (fright if 80 <= step < 84 else 0.0)
    few = dict.fromkeys(("happiness", "surprise", "sadness", "anger", "disgust", "contempt"), 1.0)
    return {
        "session_id": session_id, "media_time": step * 0.5, "duration_seconds": 0.5,
        "suppressed": False, "demo": True, "frames": 5, "present": 1, "readable": 1, "tracks": 1, "coverage": 1.0,
        "emotions": {"neutral": 94 - fear, "fear": fear, **few},
    }  # fmt: skip


@contextmanager
def running(folder: Path) -> Iterator[tuple[httpx.Client, str]]:
    """A service with its defaults, and the worker that it starts beside itself; a client, and the admin's password."""
    say("Start the service: 'mien serve', its data in a temporary folder, on a port that is free.")
    # Webhooks go to https:// on the internet only, so that nobody reaches a studio's inside through them. For trying
    # things out on one machine the operator can permit more.
    permit = {"MIEN_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8", "MIEN_WEBHOOK_ALLOW_HTTP": "true"}
    options = ["--data", str(folder / "mien-data"), "--host", "127.0.0.1", "--port", "0", "--env-file", os.devnull]
    command, log, environ = [sys.executable, "-m", "mien", "serve", *options], folder / "log", os.environ | permit
    with log.open("w") as logged, Popen(command, stdout=PIPE, stderr=logged, text=True, env=environ) as service:
        try:
            address, password = greeting(service, log)
            with httpx.Client(base_url=f"{address}/api/v1", timeout=60, event_hooks={"response": [refuse]}) as api:
                yield api, password
        finally:
            service.send_signal(signal.SIGTERM)  # before anything is printed: whoever read that may be gone
            say("Stop the service: SIGTERM, after which it finishes what is in progress.")
            show(f"ended with exit code {service.wait(PATIENCE_SECONDS)}")
    if service.returncode != 0:
        raise TourError("the service did not end well")


def greeting(service: Popen[str], log: Path) -> tuple[str, str]:
    """Read what the service says when it starts: the first admin's password, shown once, and where it listens."""
    said = ""
    for line in service.stdout or ():
        said += line
        if "listens on" in line:
            break
    found = re.search(r"shown once:\n +(\S+)\n.* listens on (\S+)", said)
    if found is None:
        raise TourError(f"no new service started; is a setting MIEN_… in its way?\n{said}{log.read_text()[-2000:]}")
    show(f"listening on {found[2]}")
    return found[2], found[1]


class Inbox(Receiver):
    """The receiver of ``webhook_receiver.py``, which keeps what it believes instead of printing it."""

    came: ClassVar[list[dict[str, Any]]] = []

    def take(self, told: dict[str, Any]) -> None:
        """Keep one message."""
        self.came.append(told)


@contextmanager
def inbox() -> Iterator[str]:
    """The receiver, at the address that is given, until the tour is over."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Inbox) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def received(expected: dict[str, int]) -> dict[str, list[dict[str, Any]]]:
    """What the webhook was told, by event, once so much of it is there: messages come within a moment, in no order."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        came = {event: [m["data"] for m in list(Inbox.came) if m["type"] == event] for event in expected}
        if all(len(came[event]) >= count for event, count in expected.items()):
            return came
        time.sleep(0.1)
    raise TourError(f"the webhook was told {len(Inbox.came)} times only: the deliveries say why (GET deliveries)")


def refuse(answer: httpx.Response) -> None:
    """Every error is a problem document that says what to do (RFC 9457)."""
    if answer.is_error:
        answer.read()
        told = answer.json() if "json" in answer.headers.get("content-type", "") else {"detail": answer.text}
        where = f"{answer.request.method} {answer.request.url.path}"
        why = json.dumps(told["errors"]) if told.get("errors") else told.get("detail", "")
        raise TourError(f"{where} was answered {answer.status_code}: {why}")


if __name__ == "__main__":
    main()
