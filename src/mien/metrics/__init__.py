"""Audience metrics, one a file; a file's name is its metric's name (see ``core/plugins.py``).

Each offers ``create(audience) -> Metric``. A metric is fed steps in order of media time and sees nothing but audience
statistics. It runs over the audience itself and, in the same arrays, over every bootstrap replicate of it (a *path*),
so that whatever it computes has an interval over people.
"""

from __future__ import annotations

from collections.abc import Sequence

from mien.core import plugins
from mien.core.audience import Metric
from mien.core.settings import AudienceSettings


def create_all(audience: AudienceSettings) -> Sequence[Metric]:
    """Every metric, fresh, in the order of their names."""
    return [plugins.load("metrics", name).create(audience) for name in plugins.available("metrics")]
