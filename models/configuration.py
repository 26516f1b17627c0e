"""Reading YAML into the dataclasses of this package; a wrong key or value is named with its remedy."""

from __future__ import annotations

import dataclasses
import difflib
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from chem.errors import ConfigurationError

T = TypeVar("T")


def read_configuration(kind: type[T], path: Path) -> T:
    """Read a YAML file.

    Raises:
        ConfigurationError: The file is missing, no YAML, or has an unknown key or a value of another type.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"no configuration file {path}; see configs/model/ for examples") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is no YAML: {error}") from error
    return from_plain(kind, content or {}, str(path))


def from_plain(kind: type[T], content: Any, where: str) -> T:
    """A dataclass from plain mappings, nested ones included.

    Args:
        kind: Dataclass to make.
        content: Mapping of field names to values.
        where: Named in errors.

    Raises:
        ConfigurationError: Unknown key, or value of another type.
    """
    if not isinstance(content, dict):
        raise ConfigurationError(f"{where}: expected keys and values, got {content!r}")
    hints = get_type_hints(kind)
    values = {}
    for key, value in content.items():
        if key not in hints:
            near = difflib.get_close_matches(str(key), hints, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(hints)}"
            raise ConfigurationError(f"{where}: unknown key {key}; {hint}")
        values[key] = _value(hints[key], value, f"{where}: {key}")
    return kind(**values)


def to_plain(value: Any) -> Any:
    """The reverse of `from_plain`: mappings, lists, numbers and strings."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return list(value) if isinstance(value, tuple) else value


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return from_plain(hint, value, where)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list) and hint not in (int, float, bool, str):
        return tuple(value)
    if hint in (int, bool, str) and type(value) is hint:
        return value
    name = getattr(hint, "__name__", str(hint))
    raise ConfigurationError(f"{where} must be of type {name}, got {value!r}")
