"""Airflow's Required Actions in this process: the REST API behind the page, one user each call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi.testclient import TestClient

WAITING = "/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false"
PAUSE_S = 0.2


class RequiredActions:
    """What waits for people, and their answers."""

    def __init__(self) -> None:
        self._client = TestClient(create_app(apps="core"))

    def waiting(self) -> list[dict[str, Any]]:
        """Requests that nobody has answered and whose task is parked."""
        found = self._call("GET", WAITING, "admin").json()["hitl_details"]
        return [each for each in found if each["task_instance"]["state"] == "awaiting_input"]

    def answer(self, request: dict[str, Any], user: str, choice: str, reason: str) -> int:
        """Answer as a user; the HTTP status."""
        task = request["task_instance"]
        path = (
            f"/api/v2/dags/{task['dag_id']}/dagRuns/{quote(task['dag_run_id'])}"
            f"/taskInstances/{task['task_id']}/{task['map_index']}/hitlDetails"
        )
        content = {"chosen_options": [choice], "params_input": {"reason": reason}}
        return int(self._call("PATCH", path, user, content).status_code)

    def _call(self, method: str, path: str, user: str, content: object = None) -> Any:
        manager = get_auth_manager()
        token = manager.generate_jwt(SimpleAuthManagerUser(username=user, role="ADMIN"))
        headers = {"Authorization": f"Bearer {token}"}
        return self._client.request(method, path, json=content, headers=headers)


@contextmanager
def meanwhile(act: Callable[[], bool]) -> Iterator[None]:
    """Do something beside a run of this process, again and again until it says that it is done."""
    stop, failures = threading.Event(), []

    def keep_trying() -> None:
        try:
            while not stop.is_set() and not act():
                stop.wait(PAUSE_S)
        except Exception as error:  # noqa: BLE001 - raised again where the test can see it
            failures.append(error)

    thread = threading.Thread(target=keep_trying)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]
