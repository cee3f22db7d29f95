"""What Airflow knows of a run or task: the date that it settles, the request that it sends."""

from __future__ import annotations

from datetime import date

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from fastapi import HTTPException, status
from sqlalchemy import select

from settlement.config.partner_file import PartnerFile
from settlement.errors import SettlementError
from settlement_airflow.dag_parts import dag_id_of
from settlement_airflow.run_date import NoBusinessDate, business_date_of

NO_SUCH_RUN = "This run settles no business date"


def date_of_run(partner: PartnerFile, run_id: str) -> date:
    """The business date of a run of the partner's DAG.

    :raises HTTPException: 404 if there is no such run, or it has no business date
    """
    query = select(DagRun).where(DagRun.dag_id == dag_id_of(partner.name), DagRun.run_id == run_id)
    with create_session(scoped=False) as session:
        found = session.scalars(query).one_or_none()
        if found is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, NO_SUCH_RUN)
        chosen = (found.conf or {}).get("business_date")
        run_type, logical_date = str(found.run_type), found.logical_date
    try:
        return business_date_of(
            partner, run_type=run_type, logical_date=logical_date, chosen=chosen
        )
    except (NoBusinessDate, SettlementError):
        raise HTTPException(status.HTTP_404_NOT_FOUND, NO_SUCH_RUN) from None


def request_of_task(dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
    """Name of a mapped task, which is the externalId where it sends one request; else None."""
    query = select(TaskInstance).where(
        TaskInstance.dag_id == dag_id,
        TaskInstance.run_id == run_id,
        TaskInstance.task_id == task_id,
        TaskInstance.map_index == map_index,
    )
    with create_session(scoped=False) as session:
        found = session.scalars(query).one_or_none()
        return found.rendered_map_index if found is not None else None
