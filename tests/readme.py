"""What README says, for tests that hold it against the program."""

from __future__ import annotations

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def json_fields(command):
    """Names in the first column of README's table of the JSON fields of a command."""
    found = re.search(rf"^\| field of `{command} --json` .*\n\|[-|]+\n((?:\|.*\n)+)", README, flags=re.MULTILINE)
    assert found, f"README has no table of the fields of `{command} --json`"
    return [name for row in found[1].splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
