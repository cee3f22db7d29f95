"""Where a run is killed: the steps of the DAG, and the moments of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """One moment of one step; `key` is what the doomed process calls it."""

    step: str
    what: str
    moment: str

    @property
    def key(self) -> str:
        """`<task>/<moment>`."""
        return f"{self.step}/{self.moment}"


BEFORE = ("before its first write", "first write")
AFTER = ("after its last commit", "end")


def exchange(name: str, call: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """The two moments of an HTTP call; both find its attempt row written and not completed."""
    return (
        (f"{name}: nothing sent yet", f"{call} not sent"),
        (f"{name}: answer not stored yet", f"{call} answered"),
    )


LOOK_UP = exchange("look-up", "look-up")
MOMENTS: dict[str, tuple[tuple[str, str], ...]] = {
    "compute_net_positions": (
        BEFORE,
        *exchange("listing", "listing"),
        ("date taken, trades not read yet", "business_date committed"),
        AFTER,
    ),
    "build_requests": (
        BEFORE,
        *exchange("listing", "listing"),
        ("slots filled, no payload asked for yet", "body committed"),
        *exchange("payload", "payload"),
        AFTER,
    ),
    "sign_requests": (BEFORE, AFTER),
    "submit_requests": (BEFORE, *exchange("submit", "submit"), *LOOK_UP, AFTER),
    "branch_on_response": (
        ("before it reads the ledger", "first statement"),
        ("after it has decided", "end"),
    ),
    "reconcile_conflicts": (BEFORE, *LOOK_UP, *exchange("transfers", "transfers"), AFTER),
    "await_settlement": (BEFORE, *LOOK_UP, *exchange("transfers", "transfers"), AFTER),
    "verify_settled": (BEFORE, *LOOK_UP, AFTER),
}

POINTS = [
    Point(step, what, moment) for step, moments in MOMENTS.items() for what, moment in moments
]
