"""What a break is, and how it is applied to a tree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class StaleBreakError(Exception):
    """The code that a break changes is no longer there, or is there more than once."""


@dataclass(frozen=True, slots=True)
class Break:
    """One deliberate mistake.

    `harm` says in one sentence what it would do to the money; `file` is relative to the project;
    `old` occurs there exactly once and becomes `new`.
    """

    name: str
    harm: str
    file: str
    old: str
    new: str

    def applied_to(self, text: str) -> str:
        """The content of the file with the mistake in it.

        :raises StaleBreakError: unless the old text is there exactly once
        """
        found = text.count(self.old)
        if found != 1:
            raise StaleBreakError(
                f"break {self.name}: its old text is in {self.file} {found} times, not once. The "
                "code has moved on: make the same mistake in the new code, in tests/mutation\n"
                f"{self.old}"
            )
        return text.replace(self.old, self.new)

    def apply(self, root: Path) -> None:
        """Make the mistake in a tree.

        :raises StaleBreakError: unless the old text is there exactly once
        """
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        path.write_text(self.applied_to(text), encoding="utf-8")
