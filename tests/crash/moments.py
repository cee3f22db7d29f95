"""Told from inside a run: which moments it passes. At one of them it stops and waits to be killed.

For the doomed process only. A moment is `<task>/<what>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow.listeners import hookimpl
from airflow.sdk.listener import get_listener_manager
from sqlalchemy import Connection, Engine, event

from settlement.ledger.database import Ledger
from settlement.partner.exchange import Answer
from settlement_airflow.hooks.partner_api import PartnerApiHook
from support.doomed import LastMoment

WRITE = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")


class Moments:
    """The moments that this process has passed; Airflow tells which task is at work."""

    def __init__(self, tell: Callable[[str], None], stop_at: str | None) -> None:
        self._last = LastMoment(tell, stop_at)
        self._task: str | None = None
        self.written: list[str] = []
        """Tables that the open transaction of the ledger has written."""

    def watch(self) -> None:
        """Listen to Airflow's tasks, to the ledger's statements and to the partner's answers."""
        get_listener_manager().add_listener(self)
        event.listen(Engine, "before_cursor_execute", self._before_statement)
        _watch_commits(self)
        _watch_exchanges(self)

    def passed(self, what: str) -> None:
        """Something happens in the task that is at work, if one is."""
        if self._task is not None:
            self._last.passed(f"{self._task}/{what}")

    @hookimpl
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
        """A try of a task begins."""
        self._task = task_instance.task_id

    @hookimpl
    def on_task_instance_success(self, previous_state: Any, task_instance: Any) -> None:
        """The task has done its work."""
        self._ended()

    @hookimpl
    def on_task_instance_failed(self, previous_state: Any, task_instance: Any, error: Any) -> None:
        """The task has raised, be it to be tried again."""
        self._ended()

    def _ended(self) -> None:
        self.passed("end")
        self._task = None

    def _before_statement(
        self, connection: Connection, cursor: Any, statement: str, *rest: object
    ) -> None:
        if connection.dialect.name != "postgresql":  # Airflow's own database
            return
        self.passed("first statement")
        if written := WRITE.match(statement):
            self.passed("first write")
            self.written.append(written[1])


def _watch_commits(moments: Moments) -> None:
    transaction = Ledger.transaction

    @contextmanager
    def watched(self: Ledger) -> Iterator[Connection]:
        moments.written.clear()
        with transaction(self) as tx:
            yield tx
        for table in moments.written:
            moments.passed(f"{table} committed")

    Ledger.transaction = watched  # type: ignore[method-assign]


def _watch_exchanges(moments: Moments) -> None:
    exchange = PartnerApiHook.exchange

    def watched(
        self: PartnerApiHook,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> Answer:
        call = call_of(method, path, query)
        moments.passed(f"{call} not sent")
        try:
            return exchange(self, method, path, query=query, content=content)
        finally:
            moments.passed(f"{call} answered")

    PartnerApiHook.exchange = watched  # type: ignore[method-assign]


def call_of(method: str, path: str, query: Sequence[tuple[str, str]]) -> str:
    """What a request is for."""
    last = path.rsplit("/", 1)[1]
    if method == "POST":
        return {"settlements-signing": "payload", "settlements": "submit"}[last]
    if last == "settlements":
        return "listing" if dict(query).get("createdOnOrAfter") else "look-up"
    return "connections" if last == "connections" else "transfers"
