"""What was spent of a privacy budget: a file beside the sessions, in which a release is entered before it is drawn.

Releases about the same sessions compose: their ε and δ add up (Dwork and others 2006), whatever was asked and by which
mechanism. A ledger belongs to sessions, not to a question: all releases about any part of them go into one. It keeps
honest people from losing count; it cannot keep anybody from copying the sessions elsewhere.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

from mien.analysis.noise import PrivacyLoss
from mien.core.errors import InputError, OutputError, PolicyError, SettingsError
from mien.report.files import whole_text_file

IN_FOLDER: Final = "release-ledger.json"
"""A folder's ledger; a file's has the file's name before it."""
LOCK_SECONDS: Final = 30.0

Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False), PlainSerializer(str, return_type=str)]
"""A decimal number, exactly as it was declared: ten times 0.1 is 1."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def exactly(amount: float) -> Decimal:
    """A float as the decimal number it was written as: 0.1, not the nearest binary fraction."""
    return Decimal(f"{Decimal(repr(amount)).normalize():f}")


class Loss(_Part):
    """An (ε, δ)."""

    epsilon: Amount
    delta: Amount

    @classmethod
    def of(cls, loss: PrivacyLoss) -> Loss:
        """From floats, as they are written in decimals."""
        return cls(epsilon=exactly(loss.epsilon), delta=exactly(loss.delta))

    def __add__(self, other: Loss) -> Loss:
        return Loss(epsilon=self.epsilon + other.epsilon, delta=self.delta + other.delta)

    def within(self, other: Loss) -> bool:
        """Whether neither part is larger than the other's."""
        return self.epsilon <= other.epsilon and self.delta <= other.delta

    def __str__(self) -> str:
        epsilon, delta = self.epsilon.normalize(), self.delta.normalize()
        return f"ε = {epsilon:f}" + (f", δ = {delta:f}" if delta else "")


NOTHING: Final = Loss(epsilon=Decimal(0), delta=Decimal(0))


class Entry(_Part):
    """One release: when, about what, and what it cost."""

    created: AwareDatetime
    title: str
    version: str
    mechanism: str
    figures: Annotated[int, Field(ge=1)]
    sessions: Annotated[int, Field(ge=1)]
    loss: Loss


class Ledger(_Part):
    """A ledger file.

    Attributes:
        budget: all that may ever be spent.
        entries: what was, in order.
    """

    schema_version: Literal[1] = 1
    unit: Literal["session"] = "session"
    budget: Loss
    entries: tuple[Entry, ...] = ()

    @property
    def spent(self) -> Loss:
        """Sum of all entries (basic composition)."""
        return sum((entry.loss for entry in self.entries), NOTHING)


def ledger_path(sessions: Path) -> Path:
    """Where the ledger of a folder or file of sessions is kept when nothing else is said."""
    if sessions.is_dir():
        return sessions / IN_FOLDER
    return sessions.with_name(f"{sessions.name}.{IN_FOLDER}")


def read_ledger(path: Path) -> Ledger | None:
    """A ledger, or None where there is none yet.

    Raises:
        InputError: it cannot be read, or is none. It is never written over then.
    """
    try:
        return Ledger.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the ledger {path}: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{path} is no privacy ledger ({'.'.join(map(str, first['loc']))}: {first['msg']}): what was spent is not "
            "known, so nothing may be. Restore it."
        ) from error


def check(
    ledger: Ledger | None, entry: Entry, budget_epsilon: float | None = None, budget_delta: float | None = None
) -> Ledger:
    """The ledger with one more entry.

    Args:
        ledger: so far; None for the first release.
        entry: the release.
        budget_epsilon, budget_delta: all that may ever be spent. With a first release, None takes what that one
            spends, so that it stays the only one. Later they are the ledger's own, or None.

    Raises:
        PolicyError: the budget does not allow it; the message says what is left.
        SettingsError: the ledger has another budget.
    """
    told = ledger.budget if ledger else entry.loss
    budget = Loss(
        epsilon=told.epsilon if budget_epsilon is None else exactly(budget_epsilon),
        delta=told.delta if budget_delta is None else exactly(budget_delta),
    )
    if ledger is None:
        ledger = Ledger(budget=budget)
    elif budget != ledger.budget:
        raise SettingsError(
            f"the ledger's budget is {ledger.budget}, not {budget}: it was declared with the first release and stays."
        )
    after = ledger.model_copy(update={"entries": (*ledger.entries, entry)})
    if not after.spent.within(ledger.budget):
        raise PolicyError(
            f"the budget of these sessions is {ledger.budget}; {ledger.spent} of it is spent by {len(ledger.entries)} "
            f"release{'' if len(ledger.entries) == 1 else 's'}, so another of {entry.loss} is refused. Releases about "
            "the same sessions add up; what was released already may be used again at no cost."
        )
    return after


def charge(path: Path, entry: Entry, budget_epsilon: float | None = None, budget_delta: float | None = None) -> Ledger:
    """Enter a release, before its noise is drawn: one that fails afterwards stays entered.

    Processes that charge one ledger at once take turns (a lock file lies beside it), and the file is replaced whole.

    Args:
        path: of the ledger.
        entry, budget_epsilon, budget_delta: see :func:`check`.

    Returns:
        The ledger with the entry.

    Raises:
        PolicyError, SettingsError: see :func:`check`.
        InputError: what is there is no ledger.
        OutputError: it cannot be written, or another process kept it locked; nothing was spent.
    """
    path = path.resolve()
    try:
        with FileLock(path.with_name(path.name + ".lock"), timeout=LOCK_SECONDS):
            after = check(read_ledger(path), entry, budget_epsilon, budget_delta)
            with whole_text_file(path) as file:
                file.write(after.model_dump_json(indent=2) + "\n")
            return after
    except Timeout as error:
        raise OutputError(f"{path} is locked by another release for {LOCK_SECONDS:g} seconds: try again.") from error
    except OSError as error:
        raise OutputError(f"cannot write the ledger {path}: {error}. Name another place with '--ledger'.") from error
    except OutputError as error:
        raise OutputError(f"{error} The ledger's place is chosen with '--ledger'. Nothing was spent.") from error
