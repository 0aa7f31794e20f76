"""What workers can do: a file of this package is a kind of job, found by its name (``tasks.Handler``)."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import cast

from mien.service.work.tasks import Handler


def kinds() -> tuple[str, ...]:
    """Kinds of job, sorted; none is imported."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def all_handlers() -> Mapping[str, Handler]:
    """Every handler by the kind of job it does."""
    return {kind: cast(Handler, importlib.import_module(f"{__name__}.{kind}")) for kind in kinds()}
