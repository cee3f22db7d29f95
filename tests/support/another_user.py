"""Running a command as the user that a container has, in folders that belong to somebody."""

from __future__ import annotations

import os
from pathlib import Path

READS_ALL = "+dac_read_search"
"""Else it could not even read this Python, which may lie in root's home."""


def give(folder: Path, owner: int, *, for_user: int) -> None:
    """Let the folder belong to `owner`, as far as `for_user` is concerned.

    Whoever is not root can give nothing away, runs the command himself, and only loses the right
    to write.
    """
    if os.geteuid() == 0:
        os.chown(folder, owner, owner)
        folder.chmod(0o755)
    else:
        folder.chmod(0o755 if owner == for_user else 0o555)


def as_user(user: int, command: list[str]) -> list[str]:
    """The command as that user, who may write nothing but what is his."""
    if os.geteuid() != 0:
        return command
    same = ["--reuid", str(user), "--regid", str(user), "--clear-groups"]
    return ["setpriv", *same, "--inh-caps", READS_ALL, "--ambient-caps", READS_ALL, *command]
