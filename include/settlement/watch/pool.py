"""The pool in which tasks talk to the partner: without it nothing is sent and nothing is red."""

from __future__ import annotations

from collections.abc import Iterator

from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding, Kind


def read_pool(context: WatchContext) -> str | None:
    """What keeps tasks from it; None where there is no Airflow to ask."""
    return context.runs.waits_for_pool() if context.runs is not None else None


def no_pool(context: WatchContext, problem: str | None) -> Iterator[Finding]:
    """One finding; a scheduler that is merely slow is given another look."""
    if problem is not None:
        yield Finding(Kind.NO_POOL, context.partner.name, problem, may_pass=True)
