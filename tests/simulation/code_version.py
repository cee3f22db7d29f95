"""Which code a tally is about: a digest over everything that decides how a world goes."""

from __future__ import annotations

import hashlib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CODE = ("include/settlement", "include/sandbox", "tests/simulation", "tests/support")
SHORT = 12


def code_version() -> str:
    """Twelve hex digits over names and contents of the domain, the sandbox and the simulation."""
    digest = hashlib.sha256()
    for folder in CODE:
        for path in sorted((PROJECT / folder).rglob("*")):
            if path.suffix in {".py", ".sql"}:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{path.relative_to(PROJECT)} {content}\n".encode())
    return digest.hexdigest()[:SHORT]
