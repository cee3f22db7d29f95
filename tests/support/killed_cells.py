"""The moments at which tasks are killed in a real Airflow, named as on-call would name them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NOTHING = "SELECT 1"
TAKE_DATE = """
    INSERT INTO business_date (partner, business_date, window_start, window_end, generation)
    VALUES ('demo', :day, now(), now(), 0)
"""
HAS_PAYLOAD = "SELECT 1 FROM body WHERE external_id = :slot AND payload IS NOT NULL"
IS_SIGNED = "SELECT 1 FROM body WHERE external_id = :slot AND request IS NOT NULL"
IS_ATTEMPTED = "SELECT 1 FROM attempt WHERE external_id = :slot AND kind = 'submit'"
LOCK_SLOT = "SELECT 1 FROM slot WHERE external_id = :slot FOR UPDATE"
LOCK_EVENTS = "SELECT 1 FROM chain_head WHERE partner = 'demo' FOR UPDATE"


@dataclass(frozen=True)
class Killed:
    """One cell: which task is killed at which moment, and what dies with it."""

    task: str
    moment: str
    held: str | None = None
    processed: bool = True
    lock: tuple[str, str] | None = None
    faults: tuple[dict[str, Any], ...] = field(default=(), hash=False)
    dies: tuple[str, ...] = ("task",)

    @property
    def row(self) -> tuple[str, str, str]:
        """The cell in the table of the page."""
        return f"`{self.task}`", self.moment, " and ".join(self.dies)


CELLS = [
    Killed("compute_net_positions", "takes the date", lock=(NOTHING, TAKE_DATE)),
    Killed("build_requests", "payload asked for, never issued", "payload", processed=False),
    Killed("build_requests", "payload issued, not stored", "payload"),
    Killed("sign_requests", "stores the signature", lock=(HAS_PAYLOAD, LOCK_SLOT)),
    Killed("submit_requests", "about to write its attempt", lock=(IS_SIGNED, LOCK_SLOT)),
    Killed("submit_requests", "sent, nothing booked", "submit", processed=False),
    Killed("submit_requests", "sent and booked, answer lost", "submit"),
    Killed("submit_requests", "sent and booked, answer lost", "submit", dies=("worker", "task")),
    Killed("submit_requests", "sent and booked, answer under way", "submit", dies=("worker",)),
    Killed(
        "reconcile_conflicts",
        "looks a 409 up",
        "look-up",
        faults=({"fault": "drop_after"}, {"fault": "conflict"}),
    ),
    Killed(
        "await_settlement",
        "looks a pending one up",
        "look-up",
        faults=({"fault": "pending", "look_ups": 2},),
    ),
]
AT_THE_GATE = Killed("verify_settled", "settled, about to say so", lock=(NOTHING, LOCK_EVENTS))
