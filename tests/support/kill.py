"""Ending processes: with SIGKILL at once, or a group politely first. None is left after it."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from contextlib import suppress

import psutil

LONGEST_END_S = 30
POLITE_S = 15


def kill(*victims: psutil.Process) -> None:
    """SIGKILL, also to one that has just ended; returns when they are gone.

    A child of this process must be a `psutil.Popen`, else its exit code is lost.
    """
    for each in victims:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    require_gone(victims)


def kill_group(leader: int) -> None:
    """SIGKILL to a process and to all that it has started in its group."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def end_groups(leaders: Collection[psutil.Popen]) -> None:
    """End process groups: politely, then for good."""
    for each in leaders:
        with suppress(ProcessLookupError):
            os.killpg(each.pid, signal.SIGTERM)
    psutil.wait_procs(list(leaders), timeout=POLITE_S)
    for each in leaders:
        kill_group(each.pid)
    require_gone(leaders)


def require_gone(victims: Collection[psutil.Process]) -> None:
    """Wait until none of them is there any more."""
    _, alive = psutil.wait_procs(list(victims), timeout=LONGEST_END_S)
    assert alive == []


def group_is_gone(leader: int) -> bool:
    """Whether no process of a group is left."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return True
    return False
