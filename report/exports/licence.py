"""Licences under which data are published, with their texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_LICENCE = "CC-BY-4.0"
_TEXTS = Path(__file__).parent / "licences"


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A licence for data.

    Attributes:
        identifier: Of SPDX.
        name: In full.
        url: Where it stands.
        zenodo: What Zenodo calls it.
    """

    identifier: str
    name: str
    url: str
    zenodo: str

    @property
    def text(self) -> str:
        """The whole text."""
        return (_TEXTS / f"{self.identifier}.txt").read_text(encoding="utf-8")


LICENCES: Mapping[str, Licence] = {
    each.identifier: each
    for each in (
        Licence(
            identifier="CC-BY-4.0",
            name="Creative Commons Attribution 4.0 International",
            url="https://creativecommons.org/licenses/by/4.0/",
            zenodo="cc-by-4.0",
        ),
        Licence(
            identifier="CC-BY-SA-4.0",
            name="Creative Commons Attribution-ShareAlike 4.0 International",
            url="https://creativecommons.org/licenses/by-sa/4.0/",
            zenodo="cc-by-sa-4.0",
        ),
        Licence(
            identifier="CC0-1.0",
            name="Creative Commons Zero 1.0 Universal",
            url="https://creativecommons.org/publicdomain/zero/1.0/",
            zenodo="cc-zero",
        ),
    )
}
