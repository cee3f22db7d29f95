"""A run that waits for the partner in a real Airflow, and the look-ups of its one slot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from sqlalchemy import func, select

from partner_sandbox.core import Sandbox
from partner_sandbox.messages import Request, Response
from settlement.ledger.attempts import Attempt, attempts_of
from settlement.ledger.chain import Event, read_events
from settlement.ledger.database import Ledger
from settlement.ledger.schema import body
from settlement.partner.profile import DisputeWindows
from settlement.steps.reconcile import waiting_for
from support.rest import AirflowRest

TASK = "await_settlement"
RECOVERY = timedelta(seconds=60)
"""How late a look may be where something was killed in between: mostly the start of a process."""


def look_ups_seen(sandbox: Sandbox, slot: str) -> list[Request]:
    """The first request of every look-up of a slot that reaches the partner from now on."""
    handle, seen = sandbox.handle, []

    def noting(request: Request) -> Response:
        if {("externalIds", slot), ("pageNumber", "0")} <= set(request.query):
            seen.append(request)
        return handle(request)

    sandbox.handle = noting  # type: ignore[method-assign]
    return seen


@dataclass(frozen=True)
class Waiting:
    """A run of a partner, whose one slot is pending."""

    rest: AirflowRest
    ledger: Ledger
    dag_id: str
    run_id: str
    slot: str
    windows: DisputeWindows
    first_pause: timedelta
    asked: list[Request]
    """Requests that began a look-up of the slot, as they reached the partner."""

    def instance(self) -> dict[str, Any]:
        """The waiting task, as Airflow shows it."""
        return self.rest.instance(self.run_id, TASK, self.dag_id) or {}

    def is_parked(self, for_at_least: timedelta) -> bool:
        """Whether a triggerer has it, and will have it for a while."""
        if (self.instance().get("trigger") or {}).get("triggerer_id") is None:
            return False
        return self.next_look(self.looks()[-1]) - self.ledger.now() >= for_at_least

    def require_page(self) -> None:
        """XCom `waits` says until when the task waits, and why."""
        told = self._call(f"/taskInstances/{TASK}/xcomEntries/waits")["value"]
        assert told["until"] == (self.sent_at() + sum(self.windows, timedelta())).isoformat()
        assert told["why"].startswith(f"clients may dispute {self.slot} until ")
        assert ", then balances can be topped up until " in told["why"]

    def tries(self) -> list[dict[str, Any]]:
        """All tries of the task."""
        found: list[dict[str, Any]] = self._call(f"/taskInstances/{TASK}/tries")["task_instances"]
        return found

    def sent_at(self) -> datetime:
        """When the request was sent, by the ledger."""
        with self.ledger.transaction() as tx:
            first = select(func.min(body.c.sent_at)).where(body.c.external_id == self.slot)
            found: datetime = tx.execute(first).scalar_one()
            return found

    def looks(self) -> list[Event]:
        """The ledger's events of all looks, in order: each is written when a look has ended."""
        with self.ledger.transaction() as tx:
            events = list(read_events(tx, self.slot.split("-")[0]))
        return [each for each in events if each.kind.startswith("shown: ")]

    def exchanges(self, kind: str) -> list[Attempt]:
        """All requests of one kind about the slot."""
        with self.ledger.transaction() as tx:
            return [each for each in attempts_of(tx, self.slot) if each.kind == kind]

    def next_look(self, look: Event) -> datetime:
        """When the next one is due."""
        about = [self.slot], self.sent_at(), self.windows
        return waiting_for(*about, look.at, self.first_pause).next_look

    def require_one_sequence(self) -> None:
        """One task has looked at its times: never two at once, none early, none left out."""
        looks, exchanges = self.looks(), self.exchanges("look-up")
        by = {(each.run_id, each.task_id, each.try_number) for each in exchanges}
        assert by == {(self.run_id, TASK, 1)}
        assert {each.status for each in exchanges} == {200}
        for one, other in pairwise(exchanges):
            assert one.finished_at is not None
            assert one.finished_at <= other.started_at
        for one, other in pairwise(looks):
            began = next(each.started_at for each in exchanges if each.started_at > one.at)
            assert self.next_look(one) <= began < other.at <= self.next_look(one) + RECOVERY
        assert len(self.asked) == len(looks)

    def _call(self, path: str) -> Any:
        return self.rest.call("GET", f"dags/{self.dag_id}/dagRuns/{quote(self.run_id)}{path}")
