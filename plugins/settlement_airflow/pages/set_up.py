"""What the doctor last said about a partner, on the workers and in this Airflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow import settings
from settlement.config.partner_file import PartnerFile
from settlement.doctor.diagnosis import Diagnosis, Health, diagnoses_of
from settlement_airflow.airflow_checks import check_airflow
from settlement_airflow.dag_parts import dag_id_of
from settlement_airflow.operators.check import DIAGNOSES
from settlement_airflow.pages.ledger import SUBJECT, check_login

DOCTOR_DAG = "settlement_doctor"
RUNS_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class CheckedAt:
    """What one task of the doctor said. `state` is Airflow's, for one that has said nothing."""

    task_id: str
    queue: str
    state: str
    found: tuple[Diagnosis, ...]


@dataclass(frozen=True, slots=True)
class SetUp:
    """The newest run of the doctor for a partner, if there was one, and this Airflow as of now."""

    run_id: str | None
    at: datetime | None
    workers: tuple[CheckedAt, ...]
    airflow: tuple[Diagnosis, ...]


def set_up_of(partner: PartnerFile) -> SetUp:
    """Nothing is checked but this Airflow: the workers are, once somebody asks them to."""
    airflow = (
        *check_airflow(settings.SQL_ALCHEMY_CONN, dag_id_of(partner.name)),
        *diagnoses_of(SUBJECT, lambda: check_login(partner.ledger_conn_id)),
    )
    runs = (
        select(DagRun)
        .where(DagRun.dag_id == DOCTOR_DAG)
        .order_by(DagRun.run_after.desc())
        .limit(RUNS_LOOKED_AT)
    )
    with create_session(scoped=False) as session:
        for run in session.scalars(runs):
            if (run.conf or {}).get("partner") == partner.name:
                query = select(TaskInstance).where(
                    TaskInstance.dag_id == DOCTOR_DAG, TaskInstance.run_id == run.run_id
                )
                said = {
                    each.task_id: each.value
                    for each in session.scalars(
                        select(XComModel).where(
                            XComModel.dag_id == DOCTOR_DAG,
                            XComModel.run_id == run.run_id,
                            XComModel.key == DIAGNOSES,
                        )
                    )
                }
                workers = tuple(
                    CheckedAt(
                        each.task_id,
                        each.queue or "default",
                        str(each.state or "waiting"),
                        _diagnoses(said.get(each.task_id, ())),
                    )
                    for each in session.scalars(query.order_by(TaskInstance.task_id.desc()))
                )
                return SetUp(run.run_id, run.run_after, workers, airflow)
    return SetUp(None, None, (), airflow)


def _diagnoses(lines: Sequence[dict[str, str]]) -> tuple[Diagnosis, ...]:
    return tuple(Diagnosis(each["subject"], Health(each["health"]), each["text"]) for each in lines)
