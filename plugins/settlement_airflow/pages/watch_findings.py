"""Findings of the watch: what its newest runs have handed on, read from Airflow's database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

from settlement_airflow.operators.watch import WATCHED

WATCH_DAG, WATCH_TASK = "settlement_watch", "watch_partner"
RUNS_LOOKED_AT = 48
"""Two days of the hourly watch."""


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: `since` is the oldest of the runs in a row that have it, of those looked at."""

    kind: str
    about: str
    business_date: str | None
    external_id: str | None
    text: str
    needs_a_person: bool
    since: datetime


Check: TypeAlias = tuple[datetime, Sequence[Mapping[str, Any]]]
"""When a check of a partner ended, and what it found."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the watch last found at one partner, worst first, and before: the newest first.

    `at` is when it had checked the partner to the end.
    """

    at: datetime
    found: tuple[Found, ...]
    before: tuple[tuple[datetime, tuple[str, ...]], ...]

    def for_a_person(self, proved_at: Mapping[date, datetime]) -> tuple[Found, ...]:
        """What needs a person, apart from what a newer proof of its date has overtaken.

        :param proved_at: since when dates are proved settled
        """
        overtaken = {str(day) for day, at in proved_at.items() if at > self.at}
        return tuple(
            each
            for each in self.found
            if each.needs_a_person and each.business_date not in overtaken
        )


def findings_of(partners: Collection[str]) -> dict[str, Watched]:
    """Per partner, what its newest check has found; nothing for one that was never checked."""
    checks: dict[str, list[Check]] = {}
    newest_runs = (
        select(DagRun.run_id)
        .where(DagRun.dag_id == WATCH_DAG)
        .order_by(DagRun.run_after.desc())
        .limit(RUNS_LOOKED_AT)
    )
    query = (
        select(XComModel.timestamp, XComModel.value, TaskInstance)
        .join(
            TaskInstance,
            (TaskInstance.dag_id == XComModel.dag_id)
            & (TaskInstance.run_id == XComModel.run_id)
            & (TaskInstance.task_id == XComModel.task_id)
            & (TaskInstance.map_index == XComModel.map_index),
        )
        .where(
            XComModel.dag_id == WATCH_DAG,
            XComModel.task_id == WATCH_TASK,
            XComModel.key == WATCHED,
            XComModel.run_id.in_(newest_runs),
        )
        .order_by(XComModel.timestamp.desc())
    )
    with create_session(scoped=False) as session:
        for at, value, instance in session.execute(query):
            name = instance.rendered_map_index
            if name in partners and isinstance(value, Mapping):
                checks.setdefault(name, []).append((at, value.get("shown", ())))
    return {name: _watched(of_partner) for name, of_partner in checks.items()}


def _watched(checks: Sequence[Check]) -> Watched:
    """From a partner's checks, the newest first."""
    (at, newest), *earlier = checks
    return Watched(
        at,
        tuple(Found(**each, since=_since(each, checks)) for each in newest),
        tuple((then, tuple(each["text"] for each in found)) for then, found in earlier if found),
    )


def _since(finding: Mapping[str, Any], checks: Sequence[Check]) -> datetime:
    """Texts tell how old something is, so they change from check to check: they do not count."""
    since = checks[0][0]
    for at, found in checks:
        if not any(_same(finding, each) for each in found):
            break
        since = at
    return since


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (one["kind"], one["about"]) == (other["kind"], other["about"])
