"""The newest run of a business date, as Airflow knows it, and what its tasks have failed with.

No proof about money: it says what is going on, and what a person reads in the log otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import SettlementError
from settlement_airflow.dag_parts import dag_id_of
from settlement_airflow.operators.base import GATE
from settlement_airflow.operators.trouble import TROUBLE
from settlement_airflow.run_date import NoBusinessDate, business_date_of

GOING = frozenset({"queued", "running"})
RUNS_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a task has failed with, in its own words; `external_id` where it sends one request."""

    task_id: str
    external_id: str | None
    what: str
    next_step: str
    runbook: str
    may_be_held: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewestRun:
    """The run that was queued last. `troubles`: each text once, without the gate's summary."""

    run_id: str
    state: str
    queued_at: datetime
    troubles: tuple[Trouble, ...]

    @property
    def is_going(self) -> bool:
        """Whether Airflow will go on with it by itself."""
        return self.state in GOING

    @property
    def may_be_held(self) -> tuple[str, ...]:
        """Clients without whom the run would have gone on."""
        return tuple(dict.fromkeys(one for each in self.troubles for one in each.may_be_held))


def newest_run_of(partner: PartnerFile, business_date: date) -> NewestRun | None:
    """The newest run of a date; None if Airflow knows none."""
    calendar = BusinessCalendar(partner)
    cut_offs = {calendar.cut_off(business_date), calendar.scheduled_at(business_date)}
    chosen = DagRun.conf["business_date"].as_string()
    query = (
        select(DagRun)
        .where(
            DagRun.dag_id == dag_id_of(partner.name),
            or_(DagRun.logical_date.in_(cut_offs), chosen == str(business_date)),
        )
        .order_by(DagRun.run_after.desc())
        .limit(RUNS_LOOKED_AT)
    )
    with create_session(scoped=False) as session:
        runs = [each for each in session.scalars(query) if _date_of(partner, each) == business_date]
        if not runs:
            return None
        newest = max(runs, key=_queued_at)
        troubles = tuple(_troubles(session, newest))
        return NewestRun(newest.run_id, str(newest.state), _queued_at(newest), troubles)


def _queued_at(run: DagRun) -> datetime:
    """A clear queues a run again, however old it is."""
    return run.queued_at or run.run_after


def _date_of(partner: PartnerFile, run: DagRun) -> date | None:
    try:
        return business_date_of(
            partner,
            run_type=str(run.run_type),
            logical_date=run.logical_date,
            chosen=(run.conf or {}).get("business_date"),
        )
    except (NoBusinessDate, SettlementError):
        return None


def _troubles(session: Session, run: DagRun) -> Iterator[Trouble]:
    query = (
        select(XComModel.value, TaskInstance)
        .join(
            TaskInstance,
            (TaskInstance.dag_id == XComModel.dag_id)
            & (TaskInstance.run_id == XComModel.run_id)
            & (TaskInstance.task_id == XComModel.task_id)
            & (TaskInstance.map_index == XComModel.map_index),
        )
        .where(
            XComModel.dag_id == run.dag_id,
            XComModel.run_id == run.run_id,
            XComModel.key == TROUBLE,
            XComModel.task_id != GATE,
        )
        .order_by(XComModel.timestamp)
    )
    told: set[str] = set()
    for value, instance in session.execute(query):
        if isinstance(value, Mapping) and value["what"] not in told:
            told.add(value["what"])
            yield _trouble(value, instance)


def _trouble(value: Mapping[str, Any], instance: TaskInstance) -> Trouble:
    may_be_held: Sequence[str] = value["may_be_held"]
    return Trouble(
        instance.task_id,
        instance.rendered_map_index if instance.map_index >= 0 else None,
        value["what"],
        value["next_step"],
        value["runbook"],
        tuple(may_be_held),
    )
