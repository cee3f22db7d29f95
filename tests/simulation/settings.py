"""How a world's partner is set up: its file, the sandbox's settings, and its books."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta

from partner_sandbox.demo_world import demo_world
from partner_sandbox.faults import Fault, FaultPlan, Route
from partner_sandbox.settings import Settings
from partner_sandbox.world import World
from settlement.config.partner_file import CutOff, PartnerFile
from simulation.kinds import Accident, PartnerKind
from simulation.swarm import Swarm

FIRST_DAY = date(2026, 3, 4)
START = datetime(2026, 3, 3, 12, tzinfo=UTC)
CHUNKS = (1, 2, 3, 40)
WINDOWS = ((60, 30), (60, 30), (60, None), (0, None))
"""Minutes for disputes, and then to top up."""
ASTRONOMICAL = 10**300
"""A balance that no amounts with a digit for each trade exhaust."""
EDITS_OF_DATES = (Accident.CUT_OFF, Accident.TIME_ZONE, Accident.CALENDAR)


class CountedFaults(FaultPlan):
    """The sandbox's faults, each counted when a request meets it."""

    def __init__(self, count: Callable[[str], None]) -> None:
        super().__init__()
        self._count = count

    def draw(self, route: Route, external_ids: Iterable[str]) -> Fault | None:
        """Return the fault for one request."""
        fault = super().draw(route, external_ids)
        if fault is not None:
            self._count(f"partner: {fault.fault}".replace("_", " "))
        return fault


def partner_file(chance: random.Random, swarm: Swarm, kind: PartnerKind) -> PartnerFile:
    """The partner file that the world starts with."""
    units = (
        ["full_units"] if kind is PartnerKind.FULL_UNITS else ["base_units"] * 2 + ["full_units"]
    )
    sizes = CHUNKS[-1:] if kind is PartnerKind.BROKER else [1, 1, 2] if swarm.small else CHUNKS
    windows_move = any(swarm.happens(kind) for kind in EDITS_OF_DATES)
    return PartnerFile.model_validate(
        {
            "name": "demo",
            "enterprise_id": "demo-enterprise",
            "timezone": "America/New_York",
            "cut_offs": (CutOff.model_validate({"at": "17:00", "calendar": "all-days"}),),
            "first_business_date": FIRST_DAY,
            "amounts": chance.choice(units),
            "api_version": "v2" if kind is PartnerKind.DISPUTES else "v1",
            "broker": kind is PartnerKind.BROKER,
            "allow_empty_days": windows_move or chance.random() < 0.5,
            "max_connections_per_request": chance.choice(sizes),
            "look_up_first_after": chance.choice([timedelta(hours=1), timedelta(hours=24)]),
            "currencies": {"BTC": 8, "ETH": 18, "USD": 2},
        }
    )


def books_for(chance: random.Random, partner: PartnerFile, swarm: Swarm) -> World:
    """The accounts at the partner, which is of the kind that its file says."""
    books = demo_world(swarm.most_clients)
    changes: dict[str, object] = {"unit": partner.amounts, "broker": partner.broker}
    if swarm.told_apart:
        changes["default_balance"] = ASTRONOMICAL
    if partner.api_version.may_dispute:
        dispute, top_up = chance.choice(WINDOWS)
        changes |= {"client_dispute_window_minutes": dispute, "top_up_window_minutes": top_up}
    return books.changed(partners=tuple(each.changed(**changes) for each in books.partners))


def settings(chance: random.Random, kind: PartnerKind) -> Settings:
    """One of the ways in which the partner may decide what is not documented."""
    decided = _as_every_partner(chance)
    if kind is PartnerKind.DISPUTES:
        decided |= {
            "disputed_settlement": chance.choice(["completes", "stays_pending"]),
            "zero_window_answer": chance.choice(["completed", "pending"]),
            "unprocessable_is_stored": chance.choice([False, True]),
        }
    return Settings.model_validate(decided)


def _as_every_partner(chance: random.Random) -> dict[str, object]:
    return {
        "payload_order": chance.choice(["documented", "sorted", "reversed"]),
        "payload_spaces": chance.choice([False, True]),
        "only_issued_payloads": chance.choice([False, True]),
        "signing_answers_conflict": chance.choice([False, True]),
        "failed_status": chance.choice([401, 500]),
        "pending_status": chance.choice([401, 500]),
        "rejected_status": chance.choice([401, 500]),
        "nonce_is_compared": chance.choice([False, True]),
        "nonce_reuse": chance.choice(["accept", "refuse"]),
        "list_order": chance.choice(["ascending", "descending"]),
        "array_filters": chance.choice(["both", "repeated", "comma_separated"]),
        "max_page_size": (largest := chance.choice([3, 500, 500])),
        "default_page_size": min(largest, 100),
    }
