"""The Dockerfile as a build leaves the image: its folders, whose they are, and its user."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from settlement_airflow.up.stack import PROJECT

ROOT_USER = 0


@dataclass
class Image:
    """Users by name, made folders with their owners, and the user that it runs as."""

    users: dict[str, int] = field(default_factory=lambda: {"root": ROOT_USER})
    owners: dict[PurePosixPath, int] = field(default_factory=dict)
    user: int = ROOT_USER

    def owner_of_volume(self, target: str) -> int:
        """Whose a new volume is that Docker mounts there: the folder's owner, else root."""
        return self.owners.get(PurePosixPath(target), ROOT_USER)

    def run(self, command: list[str]) -> None:
        """Follow one command of a RUN; others than these make no folders of ours."""
        program, *arguments = command
        names = [each for each in arguments if not each.startswith("-")]
        if program == "useradd":
            self.users[names[-1]] = int(arguments[arguments.index("--uid") + 1])
        elif program == "mkdir":
            for name in names:
                self.owners[PurePosixPath(name)] = ROOT_USER
        elif program == "chown":
            owner, *chosen = names
            for folder in self.owners:
                if any(folder == PurePosixPath(each) for each in chosen) or (
                    "-R" in arguments and any(folder.is_relative_to(each) for each in chosen)
                ):
                    self.owners[folder] = self.users[owner]


def built_image() -> Image:
    """What the Dockerfile makes, in its order."""
    image = Image()
    for instruction, rest in _instructions((PROJECT / "Dockerfile").read_text()):
        if instruction == "RUN":
            for command in rest.split("&&"):
                image.run(shlex.split(command))
        elif instruction == "USER":
            image.user = image.users[rest]
    return image


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        instruction, _, rest = line.partition(" ")
        yield instruction, rest.strip()
