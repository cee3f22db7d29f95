"""What Airflow's tabs of a run and of a task lead to."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, HTTPException, status
from fastapi.responses import RedirectResponse
from pydantic import BeforeValidator

from settlement.ledger.slots import require_slot
from settlement.request.external_id import parse_external_id
from settlement_airflow.dag_parts import dag_id_of
from settlement_airflow.pages.access import partner_of_request, partners_of
from settlement_airflow.pages.airflow_run import date_of_run, request_of_task
from settlement_airflow.pages.ledger import read_ledger
from settlement_airflow.pages.shown import path_to

NOT_MAPPED = "{MAP_INDEX}"
"""What Airflow puts into the address of a task that is not mapped: it leaves the name there."""
MapIndex = Annotated[int, BeforeValidator(lambda given: -1 if given == NOT_MAPPED else given)]
routes = APIRouter()
RUNS = "partner_settlement"
"""The runbook of every partner's runs."""


@routes.get("/runs/{dag_id}")
def run(user: GetUserDep, dag_id: str, run_id: str) -> RedirectResponse:
    """The date of a run: the tab that Airflow shows with it."""
    for each in partners_of(user):
        if dag_id_of(each.name) == dag_id:
            day = date_of_run(each, run_id)
            return RedirectResponse(path_to("partners", each.name, "dates", str(day)))
    raise HTTPException(status.HTTP_404_NOT_FOUND, "This DAG settles for no partner")


@routes.get("/tasks/{dag_id}")
def task(
    user: GetUserDep, dag_id: str, run_id: str, task_id: str, map_index: MapIndex = -1
) -> RedirectResponse:
    """The request of a mapped task that has one, else the date of its run."""
    external_id = request_of_task(dag_id, run_id, task_id, map_index)
    if external_id is not None and parse_external_id(external_id) is not None:
        partner_of_request(user, external_id)
        return RedirectResponse(path_to("requests", external_id))
    return run(user, dag_id, run_id)


@routes.get("/runbook-of/{dag_id}")
def runbook(
    user: GetUserDep, dag_id: str, run_id: str, task_id: str = "", map_index: MapIndex = -1
) -> RedirectResponse:
    """The runbook of a run or task: at the state of its request, if the task sends one."""
    external_id = request_of_task(dag_id, run_id, task_id, map_index) if task_id else None
    if external_id is not None and parse_external_id(external_id) is not None:
        file = partner_of_request(user, external_id)
        with read_ledger(file.ledger_conn_id) as tx:
            state = require_slot(tx, external_id).state
        return RedirectResponse(f"{path_to('runbooks', RUNS)}#{state.value}")
    settles = dag_id in {dag_id_of(each.name) for each in partners_of(user)}
    return RedirectResponse(path_to("runbooks", RUNS if settles else dag_id))
