"""Reading YAML files that people write, with errors that name the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from chem.errors import ConfigurationError


def read_yaml(path: Path, what: str) -> Any:
    """Plain values of a YAML file; None where it is empty.

    Args:
        path: The file.
        what: What it holds, for the error.

    Raises:
        ConfigurationError: It is missing, cannot be read, or is no YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read the {what} {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid YAML: {error}") from error
