"""Files of settings, as shells and container tools read them."""

from __future__ import annotations

from pathlib import Path

from mien.core.errors import SettingsError


def read_dotenv(path: Path) -> dict[str, str]:
    """``NAME=value`` a line; comments, ``export`` and quotes as shells have them, no substitution.

    Args:
        path: the file; one that is not there says nothing.

    Raises:
        SettingsError: it cannot be read, or a line is none; the message names it, and no value.
    """
    if not path.is_file():
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {type(error).__name__}.") from error
    found = {}
    for number, line in enumerate(lines, 1):
        line = line.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip().isidentifier():
            raise SettingsError(f"{path}, line {number}: write NAME=value.")
        found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value.split(" #", 1)[0].rstrip()
