"""Programs that a test needs and Python does not bring: from Debian, if they are missing."""

from __future__ import annotations

import shutil
import subprocess


def program_of(package: str, program: str) -> str:
    """Path of a program; its Debian package is installed first if it is not there."""
    found = shutil.which(program)
    if found is None:
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", package]):
            done = subprocess.run(
                ["apt-get", "--quiet", *arguments], capture_output=True, text=True, check=False
            )
            said = f"{done.stdout}{done.stderr}"[-500:]
        found = shutil.which(program)
        assert found, f"{program} is missing: install the package {package} ({said})"
    return found
