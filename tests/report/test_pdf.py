"""Pages printed: nothing cut, no page empty, on either paper, by an installed browser or with a clear word."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from mien.analysis.scenes import Scene
from mien.core.errors import OutputError, SettingsError
from mien.report import pdf, write_reports
from mien.report.comparison import write_comparison
from mien.report.screening import FilmFile, Screening
from tests.report.factory import CREATED, hall, one_person
from tests.report.test_comparison_page import documents

POINTS = {"a4": (595, 842), "letter": (612, 792)}
SCENES = tuple(Scene(f"Scene {i + 1}", i * 36.0, (i + 1) * 36.0) for i in range(10))


@pytest.fixture(scope="module")
def poppler() -> None:
    if shutil.which("pdftotext") is None or shutil.which("pdfinfo") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs poppler-utils")
        pytest.skip("poppler-utils is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("printed")
    film = FilmFile(root / "night.webm", 360.0)
    write_reports(hall(), root / "hall", created=CREATED, screening=Screening(film=film, scenes=SCENES))
    write_reports(one_person(), root / "one", created=CREATED)
    for name in ("scenes", "several", "single"):
        (root / name).mkdir()
        write_comparison(documents()[name], root / name)
    return root


def pages_of(path: Path) -> list[str]:
    """The text of each page."""
    told = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout
    return told.split("\f")[:-1]


LEADING_ELSEWHERE = [
    '<meta http-equiv="refresh" content="0; url={}">',
    "<META\nHTTP-EQUIV = '&#114;efresh' CONTENT='0; URL={}'>",
    '<!--><meta http-equiv=refresh content="0;{}">-->',
]
LOADING = [
    '<iframe src="{}" width=600 height=200></iframe>',
    '<object data="{}" width=600 height=200></object>',
    '<embed src="{}" type="text/plain">',
    '<script>location = "{}"</script>',
    '<body onload="location=&quot;{}&quot;">',
    "<style>@import url({});</style>",
    '<head></head><base href="{}"><svg><use href="{}#a"/></svg><link rel=stylesheet href="{}">',
]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.txt"
    path.write_text("TOPSECRETVALUE42\n")
    return path


@pytest.mark.usefixtures("poppler")
@pytest.mark.parametrize("held", LOADING)
def test_nothing_that_a_page_names_is_loaded(chromium: Path, tmp_path: Path, secret: Path, held: str) -> None:
    """Pages are made where strangers' recordings are decoded: what took that over would read files by this."""
    page = tmp_path / "report.html"
    page.write_text(f"<html><head></head><body><h1>A report</h1>{held.replace('{}', secret.as_uri())}</body></html>")
    pdf.print_pdf(page, tmp_path / "report.pdf", browser=chromium)
    told = "".join(pages_of(tmp_path / "report.pdf"))
    assert "A report" in told
    assert "TOPSECRET" not in told


@pytest.mark.usefixtures("poppler")
def test_a_browser_reads_the_letters_that_were_looked_at(chromium: Path, tmp_path: Path) -> None:
    """In ISO-2022-JP the escapes are no letters: a name with one in it would be another name to the browser."""
    page = tmp_path / "report.html"
    page.write_text('<html><head><meta charset="iso-2022-jp"></head><body><h1>A \x1b$B%F%9%H\x1b(B report</h1></body>')
    pdf.print_pdf(page, tmp_path / "report.pdf", browser=chromium)
    (told,) = pages_of(tmp_path / "report.pdf")
    assert "%F%9%H" in told


def test_a_page_that_is_no_text_of_ours_is_not_opened(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_bytes("<html><head></head><body>Café</body></html>".encode("latin-1"))
    with pytest.raises(OutputError, match=r"report\.html is no page of Mien's"):
        pdf.print_pdf(page, tmp_path / "report.pdf", browser=tmp_path / "none")
    assert not (tmp_path / "report.pdf").exists()


@pytest.mark.parametrize("held", LEADING_ELSEWHERE)
def test_a_page_that_leads_elsewhere_is_not_opened(tmp_path: Path, secret: Path, held: str) -> None:
    page = tmp_path / "report.html"
    page.write_text(f"<html><head>{held.format(secret.as_uri())}</head><body><h1>A report</h1></body></html>")
    with pytest.raises(OutputError, match=r"report\.html is no page of Mien's as it was written"):
        pdf.print_pdf(page, tmp_path / "report.pdf", browser=Path("/bin/false"))
    assert not (tmp_path / "report.pdf").exists()


PRINTED = [
    (
        "hall/report.html",
        8,
        ("Strongest moments", "Scene 10", "Facing the screen", "Detector SHA-256", "Settings in force"),
    ),
    ("one/report.html", 6, ("Personal data", "Strongest moments", "Settings in force")),
    ("scenes/comparison.html", 5, ("Fear is higher in director", "Cellar", "family-wise control", "THEY DO NOT MEAN")),
    ("several/comparison.html", 7, ("short against theatrical", "Shuffles")),
    ("single/comparison.html", 5, ("Nothing is concluded", "Withheld")),
]


@pytest.mark.usefixtures("poppler")
@pytest.mark.parametrize("paper", ["a4", "letter"])
@pytest.mark.parametrize(("page", "most", "words"), PRINTED)
def test_a_page_prints_whole(
    chromium: Path, folder: Path, tmp_path: Path, page: str, most: int, words: tuple[str, ...], paper: pdf.Paper
) -> None:
    out = tmp_path / "page.pdf"
    pdf.print_pdf(folder / page, out, browser=chromium, paper=paper)
    told = subprocess.run(["pdfinfo", str(out)], capture_output=True, text=True, check=True).stdout
    size = [round(float(v)) for v in re.findall(r"Page size:\s+([\d.]+) x ([\d.]+)", told)[0]]
    assert size == pytest.approx(POINTS[paper], abs=1)
    pages = pages_of(out)
    assert 2 <= len(pages) <= most
    assert min(len(text.split()) for text in pages) > 40, "a page is next to empty"
    whole = " ".join(" ".join(pages).split())
    for word in words:
        assert re.sub(r"\s+", " ", word) in whole
    assert "Choose the film" not in whole
    assert "Previous mark" not in whole
    assert {path.name for path in tmp_path.iterdir()} == {"page.pdf"}


@pytest.mark.usefixtures("poppler")
def test_colours_are_kept(chromium: Path, folder: Path, tmp_path: Path) -> None:
    pdf.print_pdf(folder / "hall" / "report.html", tmp_path / "page.pdf", browser=chromium)
    subprocess.run(
        ["pdftoppm", "-r", "40", "-f", "1", "-l", "1", str(tmp_path / "page.pdf"), str(tmp_path / "p")], check=True
    )
    import cv2
    import numpy as np

    [image] = tmp_path.glob("p*.ppm")
    printed = cv2.imread(str(image))
    assert printed is not None
    pixels = cv2.cvtColor(printed, cv2.COLOR_BGR2HSV).reshape(-1, 3)
    coloured = pixels[(pixels[:, 1] > 80) & (pixels[:, 2] > 60)]
    hues = np.bincount(coloured[:, 0] // 20, minlength=9)
    assert len(coloured) > 300
    assert (hues > 10).sum() >= 3, "orange, green and purple at least"


def test_an_earlier_pdf_stays_when_printing_fails(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.pdf"
    out.write_bytes(b"%PDF earlier")
    broken = tmp_path / "browser"
    broken.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(OutputError, match="no display"):
        pdf.print_pdf(folder / "one" / "report.html", out, browser=broken)
    assert out.read_bytes() == b"%PDF earlier"
    assert {path.name for path in tmp_path.iterdir()} == {"page.pdf", "browser"}


def test_the_browser_is_looked_for_where_commands_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(pdf.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match=pdf.VARIABLE):
        pdf.find_browser()
    found = tmp_path / "microsoft-edge"
    found.write_text("#!/bin/sh\n")
    found.chmod(0o755)
    assert pdf.find_browser() == found
    monkeypatch.setenv(pdf.VARIABLE, "no-such-browser")
    with pytest.raises(SettingsError, match="no-such-browser"):
        pdf.find_browser()
    monkeypatch.setenv(pdf.VARIABLE, str(found))
    assert pdf.find_browser() == found
