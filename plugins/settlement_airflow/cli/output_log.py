"""Keeping Airflow's own output out of the way: into a log, whoever prints it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def output_into(log: Path) -> Iterator[TextIO]:
    """What this process prints goes into the log; what is yielded still is the real stderr."""
    log.parent.mkdir(parents=True, exist_ok=True)
    kept = {number: os.dup(number) for number in (1, 2)}
    with log.open("ab") as file, os.fdopen(os.dup(2), "w", buffering=1) as stderr:
        _redirect(dict.fromkeys(kept, file.fileno()))
        try:
            yield stderr
        finally:
            _redirect(kept)
            for number in kept.values():
                os.close(number)


def _redirect(targets: dict[int, int]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    for number, target in targets.items():
        os.dup2(target, number)
