"""Print an .env file: .env.example with a random value for every secret that is only ours.

    python3 include/compose/new_env.py > .env

Needs nothing but Python. What only you know (the partner's token, the signing key) stays empty.
"""

from __future__ import annotations

import base64
import re
import secrets
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"
OURS = re.compile(r"^(?P<name>\w+_PASSWORD|AIRFLOW_\w+)=$")


def filled(line: str) -> str:
    """The line with a random value, if it is an empty secret of ours."""
    found = OURS.match(line)
    if found is None:
        return line
    name = found["name"]
    if name == "AIRFLOW_FERNET_KEY":
        return f"{name}={base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}"
    return f"{name}={secrets.token_hex(32)}"


def main() -> None:
    """Write the file to standard output."""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        sys.stdout.write(f"{filled(line)}\n")


if __name__ == "__main__":
    main()
