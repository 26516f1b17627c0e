"""What the pages under docs/ say, for tests that hold them against the program."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
GUIDES = {f"docs/{path.name}": path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
NOT_TESTED = "<!-- not tested:"


def blocks(page, language):
    """Contents of the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)


def blocks_to_run(page, *languages):
    """(language, content) of the blocks in order, but for those under a mark that says why they are not run."""
    found = re.findall(r"(?:^(<!-- [^\n]*-->)\n)?^```(\w+)\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    return [
        (language, content)
        for mark, language, content in found
        if language in languages and not mark.startswith(NOT_TESTED)
    ]


def replacements(page):
    """What stands in a page, and what the test takes in its place."""
    (said,) = re.findall(r"^<!-- tested with: (.*) -->$", page, flags=re.MULTILINE)
    return {old: new for new, old in (each.split(" in place of ") for each in said.split("; "))}
