"""What `dag.test()` builds and waits for although one run in one process needs none of it.

Seconds, not safety. An Airflow that is built otherwise than expected here is left as it is.
Imports Airflow: only once its private home is set up.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow.listeners import hookimpl

DAG_TEST = "airflow.sdk.definitions.dag"
FIRST_PAUSE_S = 0.05


def build_newest_api() -> None:
    """Build the API between this process's tasks and its database in its newest version only.

    For the workers of a deployment Airflow builds every version that an older one may speak, which
    takes longer than all tasks of a run. The tasks here are of the same Airflow.
    """
    from airflow.api_fastapi.execution_api import versions  # noqa: PLC0415 - a second to import
    from airflow.api_fastapi.execution_api.routes import execution_api_router  # noqa: PLC0415
    from airflow.sdk.api.datamodels._generated import API_VERSION  # noqa: PLC0415
    from airflow.sdk.execution_time.supervisor import in_process_api_server  # noqa: PLC0415
    from cadwyn import HeadVersion, Version, VersionBundle  # noqa: PLC0415

    try:
        from cadwyn.route_generation import _DELETED_ROUTE_TAG  # noqa: PLC0415
    except ImportError:
        return
    every_version, every_route = versions.bundle, execution_api_router.routes
    if every_version.version_values[0] != API_VERSION:
        return
    versions.bundle = VersionBundle(HeadVersion(), Version(API_VERSION))
    execution_api_router.routes = [
        each for each in every_route if _DELETED_ROUTE_TAG not in getattr(each, "tags", ())
    ]
    try:
        _ = in_process_api_server().app
    finally:
        versions.bundle, execution_api_router.routes = every_version, every_route


class Pauses:
    """Pauses of `dag.test()` that begin short and become as long as it wants them.

    It sleeps a second whenever it finds nothing to run: rightly so while a task waits for its
    retry, for nothing where it has just skipped a task and the next one is due at once.
    """

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep
        self._next_s = FIRST_PAUSE_S

    @hookimpl
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:  # noqa: ARG002
        """Something was found to run: begin anew."""
        self._next_s = FIRST_PAUSE_S

    def __call__(self, seconds: Any) -> None:
        """Sleep for whoever calls `time.sleep`; shorter only for `dag.test()`."""
        if sys._getframe(1).f_globals.get("__name__") != DAG_TEST:  # noqa: SLF001
            self._sleep(seconds)
            return
        pause, self._next_s = min(self._next_s, seconds), 2 * self._next_s
        self._sleep(pause)


@contextmanager
def short_pauses() -> Iterator[Pauses]:
    """Put them in the place of `time.sleep` until the end."""
    sleep = time.sleep
    pauses = Pauses(sleep)
    time.sleep = pauses
    try:
        yield pauses
    finally:
        time.sleep = sleep
