"""Where words go: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

PIPED_WIDTH = 160


def results() -> Console:
    """Console for results; into a pipe, wide enough for a connection, a currency and an amount."""
    return _console(stderr=False)


def remarks() -> Console:
    """Console for progress, warnings and errors."""
    return _console(stderr=True)


def print_json(value: object) -> None:
    """Print a result for programs."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def say(text: str) -> None:
    """One remark, as it is."""
    remarks().print(text, markup=False, highlight=False, soft_wrap=True)


def warn(text: str) -> None:
    """A remark that must be seen."""
    remarks().print(
        f"WARNING: {text}", style="bold yellow", markup=False, highlight=False, soft_wrap=True
    )


def complain(text: str) -> None:
    """What went wrong."""
    remarks().print(
        f"Error: {text}", style="bold red", markup=False, highlight=False, soft_wrap=True
    )


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar on stderr that leaves nothing behind."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=remarks(),
        transient=True,
    )
    with bar:
        yield bar


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PIPED_WIDTH)
