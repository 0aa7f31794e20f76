"""Nobody takes every place."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.service.bench import BusyError
from mien.service.pictures.admission import Admission, AdmissionOptions, TooManyError
from mien.service.pictures.held import HeldFile

OPTIONS = AdmissionOptions(arriving=3, reading=2, share=2, address_share=3, held_bytes=100)


def test_a_caller_has_a_share_and_leaves_room_to_others() -> None:
    admission = Admission(OPTIONS)
    with ExitStack() as here:
        for _ in range(2):
            here.enter_context(admission.share("one", "a"))
        with pytest.raises(TooManyError), admission.share("one", "b"):
            pass
        with admission.share("two", "b"):
            pass
    with admission.share("one", "a"):
        pass


def test_an_address_has_a_larger_one() -> None:
    admission = Admission(OPTIONS)
    with ExitStack() as here:
        for caller in ("one", "two", "three"):
            here.enter_context(admission.share(caller, "a"))
        with pytest.raises(TooManyError), admission.share("four", "a"):
            pass
        with admission.share("four", "b"):
            pass


@pytest.mark.parametrize(("place", "most"), [("arrival", 3), ("reading", 2)])
def test_places_come_back(place: str, most: int) -> None:
    admission = Admission(OPTIONS)
    for _ in range(2):
        with ExitStack() as here:
            for _ in range(most):
                here.enter_context(getattr(admission, place)())
            with pytest.raises(BusyError), getattr(admission, place)():
                pass


@given(sizes=st.lists(st.integers(0, 60), max_size=8))
def test_no_more_bytes_are_here_than_may_be_and_all_of_them_go(sizes: list[int]) -> None:
    admission = Admission(OPTIONS)
    with ExitStack() as here:
        total = 0
        for size in sizes:
            file = here.enter_context(HeldFile(admission))
            if total + size <= OPTIONS.held_bytes:
                file.write(bytes(size))
                total += size
            else:
                with pytest.raises(BusyError):
                    file.write(bytes(size))
    admission.hold(OPTIONS.held_bytes)


def test_what_is_held_has_no_name_and_cannot_be_changed_once_it_is_sealed() -> None:
    with HeldFile(Admission(OPTIONS)) as file:
        file.write(b"some")
        file.write(memoryview(b"thing"))
        assert str(Path(f"/proc/self/fd/{file.handle}").readlink()).startswith("/memfd:")
        file.seal()
        with pytest.raises(PermissionError):
            os.pwrite(file.handle, b"x", 0)
        assert os.pread(file.handle, 100, 0) == b"something"
        assert file.size == 9
