"""Checks of the Airflow that this machine is configured for: its pool, and the DAG's being on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from settlement.doctor.diagnosis import Diagnosis, note, ok, wrong
from settlement_airflow.hooks.pacer import POOL_SLOTS, REQUESTS_PER_MINUTE

POOL = "partner_api"
SET_POOL = f'airflow pools set {POOL} {POOL_SLOTS} "Calls of the partner API"'


class _Found(NamedTuple):
    slots: int | None
    paused: bool | None


def check_airflow(metadata_url: str | None, dag_id: str) -> Iterator[Diagnosis]:
    """Pool and DAG, read from the metadata database.

    :param metadata_url: None if no Airflow is configured on this machine
    """
    if metadata_url is None:
        yield note("Airflow", "none is configured on this machine: pool and DAG cannot be told")
        return
    try:
        found = _read(metadata_url, dag_id)
    except SQLAlchemyError as error:
        yield wrong(
            "Airflow",
            f"its metadata database cannot be read ({type(error).__name__}): check "
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN, and that `airflow db migrate` has run",
        )
        return
    yield _of_pool(found.slots)
    yield _of_dag(found.paused, dag_id)


def _read(metadata_url: str, dag_id: str) -> _Found:
    engine = create_engine(metadata_url)
    try:
        with engine.connect() as connection:
            slots = connection.execute(
                text("SELECT slots FROM slot_pool WHERE pool = :pool"), {"pool": POOL}
            ).scalar_one_or_none()
            paused = connection.execute(
                text("SELECT is_paused FROM dag WHERE dag_id = :dag_id"), {"dag_id": dag_id}
            ).scalar_one_or_none()
    finally:
        engine.dispose()
    return _Found(slots, None if paused is None else bool(paused))


def _of_pool(slots: int | None) -> Diagnosis:
    if slots is None:
        return wrong("pool", f"{POOL} is missing, so tasks that need it never start: {SET_POOL}")
    if slots != POOL_SLOTS:
        return wrong(
            "pool",
            f"{POOL} has {slots} slots instead of {POOL_SLOTS}: with fewer, submit_requests never "
            f"starts; with more, the partner's limit of requests is passed: {SET_POOL}",
        )
    return ok("pool", f"{POOL} has {slots} slots: at most {REQUESTS_PER_MINUTE} requests a minute")


def _of_dag(paused: bool | None, dag_id: str) -> Diagnosis:
    if paused is None:
        return wrong(
            "DAG", f"Airflow does not know {dag_id}: check its dags folder and import errors"
        )
    if paused:
        return wrong("DAG", f"{dag_id} is paused, so no date settles by itself: unpause it")
    return ok("DAG", f"{dag_id} is not paused")
