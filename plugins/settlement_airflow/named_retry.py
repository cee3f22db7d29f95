"""A mapped task that waits for its retry keeps its name in the grid.

Airflow 3.3 tells the api-server of a retry without the name that `map_index_template` gave, which
erases it: the row is "0" until the task runs again. The message has a field for it; the runner
leaves it empty. So the next such message of this process is given the name, and only that one.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context


def keep_name_in_retry(context: Context) -> None:
    """Let the retry of this task, if there is one, carry the name that its row has now."""
    from airflow.sdk.execution_time import task_runner  # noqa: PLC0415 - not while DAGs are parsed
    from airflow.sdk.execution_time.comms import RetryTask  # noqa: PLC0415

    name = getattr(context["ti"], "rendered_map_index", None)

    def named(**fields: Any) -> RetryTask:
        setattr(task_runner, RetryTask.__name__, RetryTask)
        return RetryTask(**{"rendered_map_index": name, **fields})

    if name is not None:
        setattr(task_runner, RetryTask.__name__, named)
