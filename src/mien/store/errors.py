"""What can go wrong with stored things."""

from __future__ import annotations

from mien.core.errors import MienError


class StoreError(MienError):
    """Something about the database or what is in it that a user can act on."""


class NotFoundError(StoreError):
    """There is no such thing in this organisation; whether another has it is not told."""

    @classmethod
    def of(cls, what: str, key: object) -> NotFoundError:
        """For one missing thing by its kind and key."""
        return cls(f"there is no {what} {key}: check the id, or create it first.")


class ConflictError(StoreError):
    """What was asked for contradicts what is stored (a name that is taken, a session that has ended)."""


class InvalidError(StoreError):
    """A value that cannot be stored."""


class LeaseLostError(StoreError):
    """A job no longer belongs to the worker that reports about it. Whatever the worker did for it must not be kept."""


class JobCancelledError(StoreError):
    """A job was cancelled, or the consent that it rests on was taken back: its results are not kept."""


class JobTimedOutError(LeaseLostError):
    """A job ran longer than it may; the lease is lost."""
