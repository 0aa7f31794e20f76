"""A worker: started, asked to stop, and ended whatever became of it."""

from __future__ import annotations

import pickle

import pytest

from mien.runtime.live.workers import Worker


def test_what_could_not_be_started_is_ended_all_the_same() -> None:
    worker = Worker("networks", lambda connection: None, (), "process")
    with pytest.raises((AttributeError, pickle.PicklingError)):
        worker.start()
    worker.end()
    assert not worker.alive
    assert worker.pid is None
    assert worker.connection is None
