"""Starting a run of another Airflow DAG from within a task that goes on, or fails, by itself.

Airflow's own operator ends its task with the start. What it asks of the supervisor is asked here.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow.sdk.exceptions import AirflowException, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, TriggerDagRun


def start_run(
    dag_id: str, run_id: str, conf: Mapping[str, object], *, note: str | None = None
) -> bool:
    """Start a run of that id; whether it is new.

    :raises AirflowException: if Airflow does not start it
    """
    answer = task_runner.SUPERVISOR_COMMS.send(
        TriggerDagRun(
            dag_id=dag_id,
            run_id=run_id,
            logical_date=None,
            conf=dict(conf),
            note=note,
        )
    )
    if not isinstance(answer, ErrorResponse):
        return True
    if answer.error is ErrorType.DAGRUN_ALREADY_EXISTS:
        return False
    raise AirflowException(f"the run {run_id} of {dag_id} was not started: {answer.detail}")
