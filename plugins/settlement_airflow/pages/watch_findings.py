"""Findings of the watch: what its newest runs have handed on, read from Airflow's database."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

from settlement.request.external_id import parse_external_id
from settlement_airflow.operators.watch import WATCHED

WATCH_DAG, WATCH_TASK = "settlement_watch", "watch_partner"
RUNS_LOOKED_AT = 48
"""Two days of the hourly watch."""
TEXT = re.compile(
    r"(?P<partner>[a-z0-9_]+) ?(?P<about>[^:]*): (?P<text>.*) \[runbook: (?P<kind>[a-z-]+)\]",
    re.DOTALL,
)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: `since` is the oldest of the runs in a row that have it, of those looked at."""

    partner: str
    about: str
    text: str
    kind: str
    since: datetime

    @property
    def external_id(self) -> str | None:
        """The request that it is about, if it is about one of ours."""
        return self.about if parse_external_id(self.about) else None

    @property
    def business_date(self) -> date | None:
        """The date that it is about: of a span the first, of a request its own."""
        named = DATE.search(self.about)
        try:
            return date.fromisoformat(named[0]) if named else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Watched:
    """What the watch last found at one partner; `at` is when it had checked it to the end."""

    partner: str
    at: datetime
    found: tuple[Found, ...]
    before: tuple[tuple[datetime, tuple[str, ...]], ...]


def findings_of(partners: Collection[str]) -> dict[str, Watched]:
    """Per partner, what its newest check has found, worst first; nothing for one never checked."""
    checks: dict[str, list[tuple[datetime, Sequence[str]]]] = {}
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
                checks.setdefault(name, []).append((at, value["findings"]))
    return {name: _watched(name, of_partner) for name, of_partner in checks.items()}


def _watched(partner: str, checks: Sequence[tuple[datetime, Sequence[str]]]) -> Watched:
    """From a partner's checks, the newest first."""
    parsed = [(at, [_parsed(each) for each in texts]) for at, texts in checks]
    newest_at, newest = parsed[0]
    found = []
    for each in newest:
        since = newest_at
        for at, others in parsed[1:]:
            if not any(
                (other["about"], other["kind"]) == (each["about"], each["kind"]) for other in others
            ):
                break
            since = at
        found.append(Found(partner, each["about"], each["text"], each["kind"], since))
    history = tuple((at, tuple(texts)) for at, texts in checks[1:] if texts)
    return Watched(partner, newest_at, tuple(found), history)


def _is_same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Texts tell how old something is, so they change from check to check."""
    return (one["about"], one["kind"]) == (other["about"], other["kind"])


def _parsed(text: str) -> dict[str, str]:
    match = TEXT.fullmatch(text)
    return match.groupdict() if match else {"about": "", "text": text, "kind": ""}
