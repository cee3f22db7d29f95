"""Where Airflow shows the settlement pages: its navigation, and tabs of each run and task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

PREFIX = "/settlement"
"""Where the application is mounted, below Airflow's own address."""

VIEWS: list[dict[str, Any]] = [
    {
        "name": "Settlements",
        "href": f"{PREFIX}/",
        "destination": "nav",
        "url_route": "settlements",
    },
    {
        "name": "Settlement",
        "href": f"{PREFIX}/runs/{{DAG_ID}}?run_id={{RUN_ID}}",
        "destination": "dag_run",
        "url_route": "settlement-of-run",
    },
    {
        "name": "Settlement",
        "href": f"{PREFIX}/tasks/{{DAG_ID}}?run_id={{RUN_ID}}&task_id={{TASK_ID}}"
        "&map_index={MAP_INDEX}",
        "destination": "task_instance",
        "url_route": "settlement-of-task",
    },
    {
        "name": "Runbook",
        "href": f"{PREFIX}/runbook-of/{{DAG_ID}}?run_id={{RUN_ID}}",
        "destination": "dag_run",
        "url_route": "runbook-of-run",
    },
    {
        "name": "Runbook",
        "href": f"{PREFIX}/runbook-of/{{DAG_ID}}?run_id={{RUN_ID}}&task_id={{TASK_ID}}"
        "&map_index={MAP_INDEX}",
        "destination": "task_instance",
        "url_route": "runbook-of-task",
    },
]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The pages, loaded with the first request: elsewhere they would cost memory and time."""
    from settlement_airflow.pages.app import app  # noqa: PLC0415 - see above

    await app(scope, receive, send)
