"""The error hierarchy.

Every error a user can meet is a :class:`MienError`. Its message names the input, says what is wrong with it
and what to do; ``exit_code`` is what the command line returns for it (documented in ``docs/reference/cli.md``).
"""

from __future__ import annotations

from typing import ClassVar


class MienError(Exception):
    """Something a user can act on. ``str(error)`` is one or two plain sentences."""

    exit_code: ClassVar[int] = 1


class InputError(MienError):
    """An input does not exist or cannot be opened."""

    exit_code = 3


class UnsupportedMediaError(InputError):
    """An input was opened, but it holds no picture that can be read (audio only, a playlist, a text file)."""

    exit_code = 4


class MediaTooLargeError(InputError):
    """An input, or what is asked for at once, is larger than the limits allow: in declared pixels, bytes or cells.

    It was refused before it was decoded or reckoned.
    """

    exit_code = 5


class PolicyError(MienError):
    """The declared purpose, jurisdiction and basis do not permit this analysis."""

    exit_code = 6


class WeightsError(MienError):
    """Model weights could not be found, fetched or verified."""

    exit_code = 7


class OutputError(MienError):
    """Results cannot be written: the folder is missing, read-only or the disk is full."""

    exit_code = 8


class SettingsError(MienError):
    """An option or a settings file holds a value that makes no sense."""

    exit_code = 2


class DeviceError(MienError):
    """A camera or an accelerator is missing or stopped answering."""

    exit_code = 9


class AlteredError(MienError):
    """A signed document does not say what was signed."""

    exit_code = 10


class SignerError(MienError):
    """A document was signed with another key than the one it was expected from."""

    exit_code = 11


class DisagreementError(MienError):
    """A converted model does not answer as its source does."""

    exit_code = 13
