"""How a settings file that a person wrote is read: YAML in UTF-8, refused with the line of what is wrong in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mien.core.errors import InputError, SettingsError


class _RepeatedError(yaml.YAMLError):
    """A name is given twice in one mapping."""


class _Loader(yaml.SafeLoader):
    """YAML's loader, but a name that is given twice is an error, and what looks like a date is text.

    YAML takes the last of several values. No settings file has a date, and one that does not exist could not be read.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        # Checked before merges (``<<``) put another mapping's names beside these, which may stand above them.
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines:
                raise _RepeatedError(f"line {line}: {name} is given in line {lines[name]} already: leave one out")
            lines[name] = line
        return node


def read_yaml(path: Path, told: str) -> object:
    """What a YAML file holds, as plain data; None where it is empty.

    Args:
        path: of the file.
        told: what it is to the reader of an error, such as ``the recipe``; the path is put behind it.

    Raises:
        InputError: it cannot be read.
        SettingsError: not UTF-8 or not YAML, or a name is given twice; the message names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {told} {path}: {error.strerror}. Check the path.") from error
    try:
        return _Loader(content.decode("utf-8")).get_single_data()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{told} {path}: line {line} is not UTF-8: save the file in that encoding.") from error
    except _RepeatedError as error:
        raise SettingsError(f"{told} {path}: {error}.") from error
    except RecursionError as error:
        raise SettingsError(f"{told} {path} cannot be read as YAML: it is nested too deeply.") from error
    except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:
        # The last three are what PyYAML lets out at a tag whose text is none of its kind: ``!!int many``, ``!!bool x``.
        raise SettingsError(f"{told} {path} cannot be read as YAML: {error}") from error
