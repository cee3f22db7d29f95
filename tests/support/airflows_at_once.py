"""How many real Airflows a machine runs at once: two for tests, which mostly wait, else one."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

MOST = 2
LOCKS = [
    Path(tempfile.gettempdir()) / f"partner-settlement-airflow-{number}.lock"
    for number in range(MOST)
]
PAUSE_S = 0.2


@contextmanager
def one_of_few_airflows() -> Iterator[None]:
    """Wait until this machine has room for one more, and take it."""
    with ExitStack() as opened:
        files = [opened.enter_context(lock.open("w")) for lock in LOCKS]
        while not any(_is_taken(file.fileno()) for file in files):
            Event().wait(PAUSE_S)
        yield


@contextmanager
def only_airflow() -> Iterator[None]:
    """Wait until no other runs on this machine, and keep others waiting: something is measured."""
    with ExitStack() as opened:
        for lock in LOCKS:
            fcntl.flock(opened.enter_context(lock.open("w")), fcntl.LOCK_EX)
        yield


def _is_taken(file: int) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
