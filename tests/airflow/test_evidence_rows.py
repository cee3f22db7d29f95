"""The table of answers, row by row through the real DAG: what is booked, and how the run ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from settlement_airflow.hooks import partner_api
from support.airflow_day import AirflowDay, RunOfDag

SLOT = "demo-2026-03-03-1"
BRANCHES = {"settled", "nothing_to_settle", "reconcile_conflicts", "await_settlement"}


@dataclass(frozen=True)
class Row:
    """A fault, and what it must lead to; `again` is the state of a second run without the fault."""

    fault: dict[str, Any]
    state: str = "success"
    slot: str = "completed"
    ran: set[str] = field(default_factory=lambda: {"settled"})
    failed: set[str] = field(default_factory=set)
    booked: bool = True
    again: str = "success"
    slot_again: str = "completed"
    before: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """For the report."""
        first = f"{self.before['fault']}, then " if self.before else ""
        return f"{first}{self.fault['fault']} on {self.fault.get('route', 'any route')}"


def submit(fault: str, **measures: object) -> dict[str, Any]:
    """A fault that the next submit meets."""
    return {"fault": fault, "route": "submit", **measures}


TOO_SLOW = {"delay", "drip"}
"""Answers that take three seconds: a deadline of one is passed, and the retry heals it."""
HEALED_BY_RETRY = [
    Row(submit(fault))
    for fault in (
        "drop_before",
        "drop_after",
        "late",
        "error_before",
        "error_after",
        "bad_gateway",
        "unavailable",
        "gateway_timeout",
        "redirect",
        "truncated",
        "html",
        "empty",
        "wrong_external_id",
        "failed",
    )
] + [
    Row(submit("rate_limited", seconds=1)),
    Row(submit("delay", seconds=3)),
    Row(submit("drip", seconds=3)),
    Row({"fault": "error_before", "route": "payload"}),
    Row({"fault": "drop_after", "route": "list"}),
    Row({"fault": "capped_pages", "page_size": 1, "times": None}),
]

AWAITED = [Row(submit("pending", look_ups=2), ran={"await_settlement"})]

RECONCILED = [
    Row(submit("conflict"), before=submit("drop_after"), ran={"reconcile_conflicts"}),
]

REFUSED = [
    Row(
        submit(fault),
        state="failed",
        slot="refused",
        ran=set(),
        failed={"submit_requests[0]", "verify_settled"},
        booked=False,
    )
    for fault in ("bad_token", "forbidden", "bad_request", "too_large")
]

FOR_A_PERSON = [
    Row(
        submit("rejected"),
        state="failed",
        slot="rejected",
        ran=set(),
        failed={"submit_requests[0]", "verify_settled"},
        booked=False,
        slot_again="rejected",
    ),
    Row(
        submit("foreign"),
        state="failed",
        slot="diverged",
        ran={"reconcile_conflicts"},
        failed={"reconcile_conflicts", "verify_settled"},
        booked=False,
        again="failed",
        slot_again="diverged",
    ),
    Row(
        {"fault": "bad_token", "route": "connections"},
        state="failed",
        slot="none",
        ran=set(),
        failed={"build_requests", "verify_settled"},
        booked=False,
    ),
    Row(
        {"fault": "bad_request", "route": "payload"},
        state="failed",
        slot="refused",
        ran=set(),
        failed={"build_requests", "verify_settled"},
        booked=False,
    ),
    Row(
        {"fault": "wrong_payload", "route": "payload"},
        state="failed",
        slot="prepared",
        ran=set(),
        failed={"build_requests", "verify_settled"},
        booked=False,
    ),
]

ROWS = [*HEALED_BY_RETRY, *AWAITED, *RECONCILED, *REFUSED, *FOR_A_PERSON]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Row, day: AirflowDay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends as the table says, nothing is booked twice, and a second run heals the rest."""
    if row.fault["fault"] in TOO_SLOW:  # else a busy machine would give an answer of its own
        monkeypatch.setattr(partner_api, "EXCHANGE_DEADLINE_S", 1.0)
    if row.before:
        day.fault(**row.before)
    day.fault(**row.fault)
    run = day.run()
    assert run.state == row.state
    assert day.states().get(SLOT, "none") == row.slot
    assert followed(run) == row.ran
    assert run.in_state("failed") >= row.failed
    if row.state == "success":
        assert run.in_state("failed") == set()
    if row.slot != "diverged":
        assert day.booked() == (day.owed() if row.booked else {})

    day.sandbox.faults.clear()
    day.sandbox.deliver_late()
    before = day.sandbox.bookings()
    again = day.run()
    assert again.state == row.again
    assert day.states()[SLOT] == row.slot_again
    if row.again == "success":
        assert day.booked() == day.owed()
    if row.booked or row.again == "failed":
        assert day.sandbox.bookings() == before


def followed(run: RunOfDag) -> set[str]:
    """Tasks below the branch that ran."""
    return {name for name in BRANCHES if run.tasks[name] not in {"skipped", "upstream_failed"}}


def test_a_conflict_that_the_partner_cannot_show_stays_open(day: AirflowDay) -> None:
    """A 409 without a settlement proves nothing: retried, then red, and nothing is sent again."""
    day.fault("conflict", route="submit", times=None)
    run = day.run()
    assert run.state == "failed"
    assert run.in_state("failed") == {"reconcile_conflicts", "verify_settled"}
    assert day.states() == {SLOT: "unknown"}
    assert day.booked() == {}


def test_a_partner_that_is_down_keeps_the_run_red_until_it_is_back(day: AirflowDay) -> None:
    """All retries are used up; the next run sends the same bytes and settles."""
    day.fault("unavailable", route="submit", times=None)
    run = day.run()
    assert run.state == "failed"
    assert run.in_state("failed") == {"submit_requests[0]", "verify_settled"}
    assert day.states() == {SLOT: "unknown"}
    day.sandbox.faults.clear()
    assert day.run().state == "success"
    assert day.booked() == day.owed()
