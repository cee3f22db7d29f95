"""The secrets that a local Airflow encrypts and signs with: made once, the same at every start."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet

from settlement.errors import ConfigurationError


def kept_keys(folder: Path) -> dict[str, str]:
    """Settings of Airflow that hold them, from a file that only its owner may read.

    With another Fernet key nothing that this Airflow has stored could be read again: the page of
    its connections would break.

    :raises ConfigurationError: if the file is there and cannot be read
    """
    file = folder / "keys.json"
    if not file.exists():
        _write(file)
    try:
        return {str(name): str(value) for name, value in json.loads(file.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        raise ConfigurationError(
            f"the keys of this local Airflow cannot be read in {file}. Restore the file, or remove "
            f"it together with the connections that Airflow keeps: without it they are unreadable"
        ) from None


def _write(file: Path) -> None:
    keys = {
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
    }
    complete = file.with_suffix(".new")
    with os.fdopen(os.open(complete, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        json.dump(keys, output)
    complete.replace(file)
