"""Where a file comes from: in which order, never unverified, whole or not at all, once for all processes."""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mien.core.errors import SettingsError, WeightsError
from mien.weights import Store, read_registry
from mien.weights.store import default_cache
from tests.weights.conftest import MakeStore
from tests.weights.parts import CARRIER, CONTENT, FILE, MEMBER, SHA256, https, registry_text, upstream, wheel

NOWHERE = "http://127.0.0.1:9/tiny.onnx"
CHILD = """
import sys
from pathlib import Path
from mien.weights import Store, read_registry
store = Store(Path(sys.argv[2]), entries=read_registry(Path(sys.argv[1])))
print(store.resolve("tiny"), flush=True)
"""


def child(registry: Path, cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(registry), str(cache)], stdout=subprocess.PIPE, text=True)


def test_a_folder_of_the_users_comes_first_and_nothing_is_fetched(make_store: MakeStore, tmp_path: Path) -> None:
    with upstream() as server:
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / FILE).write_bytes(CONTENT)
        store = make_store(https(server.address), folders=(tmp_path / "absent", folder))
        assert store.resolve("tiny") == folder / FILE
        assert server.requests == []
        assert not store.cache.exists()


def test_the_cache_comes_before_the_sources(make_store: MakeStore) -> None:
    with upstream() as server:
        store = make_store(https(server.address))
        first = store.resolve("tiny")
        assert first.read_bytes() == CONTENT
        assert first.name == FILE
        assert store.resolve("tiny") == first
        assert len(server.requests) == 1


def test_sources_are_tried_in_the_order_of_the_registry(make_store: MakeStore, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", {MEMBER: CONTENT})
    with upstream() as server:
        make_store(https(server.address), CARRIER).resolve("tiny")
        assert len(server.requests) == 1
        store = make_store(https(NOWHERE), CARRIER)
        store.cached_path("tiny").unlink()
        assert store.resolve("tiny").read_bytes() == CONTENT
        assert len(server.requests) == 1


def test_what_is_loaded_is_what_was_hashed(make_store: MakeStore) -> None:
    with upstream() as server:
        weights = make_store(https(server.address)).load("tiny")
    assert weights.name == "tiny"
    assert weights.sha256 == SHA256 == hashlib.sha256(weights.content).hexdigest()


def test_progress_reaches_the_size(make_store: MakeStore) -> None:
    seen: list[tuple[int, int]] = []
    with upstream() as server:
        store = make_store(https(server.address))
        store.resolve("tiny", progress=lambda done, total: seen.append((done, total)))
        assert seen[0] == (0, len(CONTENT))
        assert seen[-1] == (len(CONTENT), len(CONTENT))
        assert seen == sorted(seen)
        seen.clear()
        store.resolve("tiny", progress=lambda done, total: seen.append((done, total)))
        assert seen == []


@pytest.mark.parametrize("wrong", [CONTENT[:-1], bytes(len(CONTENT))], ids=["other length", "other content"])
def test_a_wrong_cached_file_is_discarded_and_fetched_again(
    make_store: MakeStore, wrong: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with upstream() as server:
        store = make_store(https(server.address))
        path = store.resolve("tiny")
        path.write_bytes(wrong)
        assert store.locate("tiny") is None
        with caplog.at_level(logging.WARNING):
            assert store.load("tiny").content == CONTENT
    assert path.read_bytes() == CONTENT
    assert "discarded" in caplog.text


def test_a_wrong_cached_file_does_not_stay_when_no_source_gives_a_better_one(make_store: MakeStore) -> None:
    path = make_store().cached_path("tiny")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"wrong")
    with pytest.raises(WeightsError, match="has 5 bytes instead of"):
        make_store(offline=True).resolve("tiny")
    assert path.exists()
    with pytest.raises(WeightsError, match="has 5 bytes instead of"):
        make_store(https(NOWHERE)).resolve("tiny")
    assert not path.exists()


def test_a_wrong_file_of_the_users_is_named_and_left_alone(
    make_store: MakeStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = bytes(len(CONTENT))
    (tmp_path / FILE).write_bytes(wrong)
    store = make_store(folders=(tmp_path,))
    with pytest.raises(WeightsError, match=r"is not the registered file.*left as it is"):
        store.load("tiny")
    with upstream() as server, caplog.at_level(logging.WARNING):
        store = make_store(https(server.address), folders=(tmp_path,))
        assert store.resolve("tiny") == store.cached_path("tiny")
    assert str(tmp_path / FILE) in caplog.text
    assert (tmp_path / FILE).read_bytes() == wrong


def test_a_source_with_other_content_is_refused_and_leaves_nothing(make_store: MakeStore) -> None:
    with upstream(content=bytes(len(CONTENT))) as server:
        store = make_store(https(server.address))
        with pytest.raises(WeightsError, match="is not the registered file"):
            store.resolve("tiny")
    assert [p.suffix for p in store.cached_path("tiny").parent.iterdir()] in ([], [".lock"])


def test_the_error_lists_every_source_and_why_it_failed(make_store: MakeStore, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    with upstream(content=CONTENT + b"more") as server:
        store = make_store(https(NOWHERE), https(server.address), CARRIER, folders=(tmp_path / "mine",))
        with pytest.raises(WeightsError) as caught:
            store.resolve("tiny")
    message = str(caught.value)
    assert f"{tmp_path / 'mine'}: holds no {FILE}" in message
    assert f"cache {store.cached_path('tiny')}: not there" in message
    assert f"{NOWHERE}: could not be reached" in message
    assert f"{server.address}: is longer than" in message
    assert "wheel carrier==1.0" in message
    assert "pip could not get it" in message
    assert "MIEN_MODELS" in message
    assert SHA256 in message
    assert caught.value.exit_code == 7


def test_a_host_that_did_not_answer_is_not_asked_twice(make_store: MakeStore) -> None:
    store = make_store(https(NOWHERE), https(NOWHERE.replace("tiny", "other")))
    with pytest.raises(WeightsError, match="skipped, as its host could not be reached"):
        store.resolve("tiny")


def test_offline_uses_what_is_there_and_touches_nothing_else(make_store: MakeStore) -> None:
    with upstream() as server:
        offline = make_store(https(server.address), CARRIER, offline=True)
        with pytest.raises(WeightsError, match="MIEN_OFFLINE") as caught:
            offline.resolve("tiny")
        assert str(caught.value).count("skipped") == 2
        assert server.requests == []
        assert not offline.cache.exists()
        make_store(https(server.address)).resolve("tiny")
        assert offline.load("tiny").content == CONTENT


def test_locating_and_verifying_never_fetch(make_store: MakeStore, tmp_path: Path) -> None:
    with upstream() as server:
        store = make_store(https(server.address), folders=(tmp_path,))
        assert store.locate("tiny") is None
        assert store.verify("tiny") == ()
        assert server.requests == []
        (tmp_path / FILE).write_bytes(b"something else")
        store.resolve("tiny")
        mine, cached = store.verify("tiny")
        assert (mine.path, mine.cached) == (tmp_path / FILE, False)
        assert mine.problem == f"has 14 bytes instead of {len(CONTENT)}"
        assert (cached.path, cached.cached, cached.problem) == (store.cached_path("tiny"), True, None)
        assert store.locate("tiny") == cached.path


def test_an_unknown_name_lists_the_known_ones(make_store: MakeStore) -> None:
    with pytest.raises(SettingsError, match="no registered file 'huge': choose one of tiny"):
        make_store().resolve("huge")


def test_a_cache_that_cannot_be_written_is_said_to_be_so(make_store: MakeStore) -> None:
    with upstream() as server:
        store = make_store(https(server.address))
        store.cache.write_text("a file where the folder should be")
        with pytest.raises(WeightsError, match=r"cannot be written.*MIEN_CACHE"):
            store.resolve("tiny")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_not_blamed_on_the_network(make_store: MakeStore) -> None:
    with upstream() as server:
        store = make_store(https(server.address))
        path = store.cached_path("tiny")
        path.parent.mkdir(parents=True)
        path.with_name(f"{FILE}.part").symlink_to("/dev/full")
        with pytest.raises(WeightsError, match="cannot be written: No space left"):
            store.resolve("tiny")


def test_several_processes_fetch_once(make_store: MakeStore, tmp_path: Path) -> None:
    with upstream(chunk_pause_seconds=0.1) as server:
        store = make_store(https(server.address))
        children = [child(tmp_path / "registry.toml", store.cache) for _ in range(3)]
        printed = {process.communicate(timeout=60)[0].strip() for process in children}
        assert printed == {str(store.cached_path("tiny"))}
        assert [process.returncode for process in children] == [0, 0, 0]
        assert len(server.requests) == 1


def test_a_killed_download_leaves_no_file_and_is_continued(make_store: MakeStore, tmp_path: Path) -> None:
    with upstream(chunk_pause_seconds=0.2) as server:
        store = make_store(https(server.address))
        part = store.cached_path("tiny").with_name(f"{FILE}.part")
        process = child(tmp_path / "registry.toml", store.cache)
        deadline = time.monotonic() + 30
        while (not part.exists() or part.stat().st_size == 0) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        have = part.stat().st_size
        assert 0 < have < len(CONTENT)
        assert not store.cached_path("tiny").exists()
        server.chunk_pause_seconds = 0.0
        assert store.load("tiny").content == CONTENT
        assert server.requests == [None, f"bytes={have}-"]
        assert not part.exists()


def test_the_environment_names_folders_cache_and_being_offline(tmp_path: Path) -> None:
    store = Store.from_environment(
        {
            "MIEN_MODELS": f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}",
            "MIEN_CACHE": str(tmp_path),
            "MIEN_OFFLINE": "1",
        }
    )
    assert (store.folders, store.cache, store.offline) == ((tmp_path / "a", tmp_path / "b"), tmp_path, True)
    plain = Store.from_environment({"MIEN_OFFLINE": "0"})
    assert (plain.folders, plain.offline) == ((), False)


def test_the_cache_is_where_the_platform_keeps_caches(tmp_path: Path) -> None:
    assert default_cache({"XDG_CACHE_HOME": str(tmp_path)}, "linux") == tmp_path / "mien"
    assert default_cache({}, "linux") == Path.home() / ".cache" / "mien"
    assert default_cache({}, "darwin") == Path.home() / "Library" / "Caches" / "mien"
    assert default_cache({"LOCALAPPDATA": str(tmp_path)}, "win32") == tmp_path / "mien" / "Cache"
    assert default_cache({"MIEN_CACHE": str(tmp_path / "c")}, "win32") == tmp_path / "c"


def test_two_versions_of_a_file_do_not_push_each_other_out(make_store: MakeStore, tmp_path: Path) -> None:
    here = make_store().cached_path("tiny")
    (tmp_path / "other.toml").write_text(registry_text(sha256="0" * 64), encoding="utf-8")
    other = Store(tmp_path / "cache", entries=read_registry(tmp_path / "other.toml"))
    assert other.cached_path("tiny").name == here.name
    assert other.cached_path("tiny") != here
