"""One real Airflow at a time: two at once would only fight for the machine."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = Path(tempfile.gettempdir()) / "partner-settlement-airflow.lock"


@contextmanager
def only_airflow() -> Iterator[None]:
    """Wait until no other test on this machine runs an Airflow; keep others waiting meanwhile."""
    with LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
