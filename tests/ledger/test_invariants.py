"""`settlement verify`: whatever a hand changes in the ledger's tables is found and named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from partner_sandbox import bip32
from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import demo_world
from partner_sandbox.faults import FaultKind, Route
from partner_sandbox.settings import Settings
from partner_sandbox.world import World as PartnerWorld
from settlement.errors import ChainBrokenError, OutcomeUnknownError, RefusedError, RejectedError
from settlement.ledger.chain import append_event
from settlement.ledger.checks.ledger import CHECKS, verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.schema import business_date
from settlement.signing.signer import LocalSigner
from settlement.values import Window
from support.day import ACTOR, ALICE, BOB, CAROL, DAVE, World, demo_partner
from support.in_process import SandboxApi

SLOT = "demo-2026-03-03-1"
SECOND = "demo-2026-03-03-2"
OTHER = "00000000-0000-4000-8000-000000000000"
TAMPERINGS = {
    "an event's words": (
        """UPDATE event SET details = replace(details, '"who":"test"', '"who":"nobody"')
        WHERE seq = 3""",
        "event 3 of partner demo was changed",
    ),
    "an event in the middle": ("DELETE FROM event WHERE seq = 2", "event 3 of partner demo"),
    "the last event": (
        "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)",
        "the last events of partner demo are gone",
    ),
    "a window": (
        "UPDATE business_date SET window_end = window_end + interval '1 hour'",
        "business date 2026-03-03 of demo has window",
    ),
    "a net position": (
        "UPDATE net_position SET amount = amount + 1 WHERE connection_id = :alice",
        "the net positions of snapshot 1 of demo 2026-03-03",
    ),
    "a net position that is gone": (
        "DELETE FROM net_position WHERE connection_id = :alice",
        "the net positions of snapshot 1 of demo 2026-03-03",
    ),
    "a snapshot's digest": (
        "UPDATE snapshot SET positions_digest = 'abc' WHERE id = 1",
        "snapshot 1 of demo 2026-03-03 is not the one that its event names",
    ),
    "a remembered trade": (
        "UPDATE remembered_trades SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1)",
        "the trades remembered of demo 2026-03-03 are not the ones that were read",
    ),
    "remembered trades that are gone": (
        "DELETE FROM remembered_trades",
        "the trades remembered of demo 2026-03-03 are not the ones that were read",
    ),
    "the digest of what is remembered": (
        "UPDATE remembered_date SET trades_digest = 'abc'",
        "the trades remembered of demo 2026-03-03 are not the ones that were read",
    ),
    "a slot's state": (
        "UPDATE slot SET state = 'refused' WHERE external_id = :slot",
        f"slot {SLOT} is refused, its last event says completed",
    ),
    "a slot's settlement": (
        "UPDATE slot SET settlement_id = 'other' WHERE external_id = :slot",
        f"slot {SLOT} has settlement other",
    ),
    "a completed slot without its settlement": (
        "UPDATE slot SET settlement_id = NULL WHERE external_id = :slot",
        f"slot {SLOT} has settlement None",
    ),
    "a slot's current body": (
        "UPDATE slot SET current_body = 9 WHERE external_id = :slot",
        f"slot {SLOT} has body 9",
    ),
    "a slot that is gone": (
        "UPDATE slot SET partner = 'other' WHERE external_id = :slot",
        f"the slot before {SECOND} is gone",
    ),
    "the last slot that is gone": (
        "UPDATE slot SET partner = 'other' WHERE external_id = :second",
        f"slot {SECOND} is gone",
    ),
    "an amount that was sent": (
        "UPDATE line SET amount = amount + 1 WHERE external_id = :slot AND connection_id = :alice",
        f"the lines of body 1 of {SLOT}",
    ),
    "a connection that was paid": (
        """UPDATE line SET connection_id = :other
        WHERE external_id = :slot AND connection_id = :alice""",
        f"the lines of body 1 of {SLOT}",
    ),
    "a body's digest": (
        "UPDATE body SET digest = 'abc' WHERE external_id = :slot",
        f"the lines of body 1 of {SLOT}",
    ),
    "a body's nonce": (
        "UPDATE body SET nonce = 'abc' WHERE external_id = :slot",
        f"the nonce of body 1 of {SLOT}",
    ),
    "a body's notes": (
        "UPDATE body SET notes = 'Net trading' WHERE external_id = :slot",
        f"the notes of body 1 of {SLOT}",
    ),
    "the request bytes": (
        "UPDATE body SET request = request || '\\x20' WHERE external_id = :slot",
        f"the request bytes of body 1 of {SLOT} are not the ones that were signed",
    ),
    "a payload": (
        "UPDATE body SET payload = replace(payload, '{', '{ ') WHERE external_id = :slot",
        f"the request bytes of body 1 of {SLOT} do not say what the body says",
    ),
    "a signature": (
        "UPDATE body SET signature = 'ab' WHERE external_id = :slot",
        f"the request bytes of body 1 of {SLOT} do not say what the body says",
    ),
    "an attempt that is gone": (
        "DELETE FROM attempt WHERE external_id = :slot AND kind = 'submit'",
        f"body 1 of {SLOT} was sent, but no attempt is written for it",
    ),
    "an attempt's bytes": (
        "UPDATE attempt SET request_digest = 'abc' WHERE external_id = :slot AND kind = 'submit'",
        f"an attempt sent other bytes than those of body 1 of {SLOT}",
    ),
    "a body that seems unsent": (
        "UPDATE body SET sent_at = NULL WHERE external_id = :slot",
        f"body 1 of {SLOT} has an attempt, but is not marked as sent",
    ),
}


@pytest.fixture
def world(ledger: Ledger) -> World:
    """A settled date with late trades: two completed slots."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 10**30)
    world.run()
    world.trade(ALICE, CAROL, 7)
    world.run()
    return world


def verified(world: World) -> dict[str, int]:
    """Counts of what was looked at."""
    return verify_ledger(world.ledger, "demo", world.partner.currencies)


def tamper(ledger: Ledger, statement: str) -> None:
    """Change the tables as a person with the database's password could."""
    names = {"slot": SLOT, "second": SECOND, "alice": ALICE, "other": OTHER}
    used = {name: value for name, value in names.items() if f":{name}" in statement}
    with ledger.transaction() as tx:
        tx.execute(text("SET LOCAL session_replication_role = replica"))
        changed = tx.execute(text(statement), used)
        assert changed.rowcount > 0


def test_a_ledger_that_only_this_code_wrote_holds(world: World) -> None:
    """Everything is looked at, and reported kind by kind."""
    seen: list[str] = []
    counts = verify_ledger(
        world.ledger, "demo", world.partner.currencies, lambda name, _count: seen.append(name)
    )
    assert seen == [check.name for check in CHECKS]
    assert counts == {
        "events": counts["events"],
        "currencies": 2,
        "windows": 1,
        "snapshots": 2,
        "slots": 2,
        "bodies": 2,
        "questions": 0,
        "transfers": 0,
        "trades": 1,
    }


@pytest.mark.parametrize("what", TAMPERINGS)
def test_every_tampering_is_found_and_named(world: World, what: str) -> None:
    """The error names the first thing that does not hold."""
    statement, named = TAMPERINGS[what]
    tamper(world.ledger, statement)
    with pytest.raises(ChainBrokenError) as caught:
        verified(world)
    assert named in str(caught.value)


def test_overlapping_windows_are_found_even_if_their_events_agree(ledger: Ledger) -> None:
    """No trading time may belong to two dates."""
    start = datetime(2026, 3, 2, 22, tzinfo=UTC)
    for day, hours in ((date(2026, 3, 3), 25), (date(2026, 3, 4), 48)):
        window = Window(start + timedelta(hours=hours - 25), start + timedelta(hours=hours))
        with ledger.transaction() as tx:
            row = {
                "partner": "demo",
                "business_date": day,
                "window_start": window.start,
                "window_end": window.end,
                "generation": 0,
            }
            tx.execute(business_date.insert().values(row))
            append_event(tx, "demo", "window frozen", ACTOR, business_date=day, window=str(window))
    with pytest.raises(ChainBrokenError, match="begins before 2026-03-03 ends"):
        verify_ledger(ledger, "demo", {})


def refused(world: World) -> None:
    """The partner says no, a look-up confirms it, the next run fills the slot again."""
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT)
    with pytest.raises(RefusedError):
        world.run()
    world.trade(ALICE, BOB, 1)
    world.run()


def lost_answer(world: World) -> None:
    """The answer is lost, late trades come, the replay finds it settled."""
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.run()
    world.trade(ALICE, BOB, 1)
    world.run()


def outdated(world: World) -> None:
    """A request is built and signed, then the trades cancel out before it is sent."""
    world.prepare()
    world.trade(BOB, ALICE, 100)
    world.trade(DAVE, CAROL, 10**30)
    world.prepare()


def rejected(world: World) -> None:
    """The partner rejects for good; the next slot carries the amounts."""
    world.fault(FaultKind.REJECTED, route=Route.SUBMIT)
    with pytest.raises(RejectedError):
        world.run()
    world.run()


def another_key(world: World) -> None:
    """A body is signed again with a new key before it is sent."""
    world.prepare()
    world.signer = LocalSigner.from_xprv(bip32.master_xprv(b"another key of the partner's own"))
    world.prepare()


def unsent(world: World) -> None:
    """Nothing was ever sent."""
    world.prepare()


@pytest.mark.parametrize(
    "story",
    [refused, lost_answer, outdated, rejected, another_key, unsent],
    ids=lambda s: s.__name__,
)
def test_no_honest_history_is_called_broken(ledger: Ledger, story: Callable[[World], None]) -> None:
    """Whatever a run can do to the ledger keeps every invariant."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 10**30)
    story(world)
    assert verified(world)["slots"] > 0


def test_a_healed_ledger_may_miss_slots_that_the_partner_never_saw(
    world: World, fresh_ledger: Ledger
) -> None:
    """Adopted slots keep their numbers; those that were never booked stay away."""
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT)
    world.trade(ALICE, BOB, 9)
    with pytest.raises(RefusedError):
        world.run()
    adopted = World(fresh_ledger, warehouse=world.warehouse, store=world.store)
    adopted.run()
    assert verified(adopted)["slots"] == 3


def test_amounts_in_full_units_are_held_to_the_request(ledger: Ledger) -> None:
    """The bytes are read in the unit that the partner is bound to."""
    world = World(ledger, demo_partner(amounts="full_units"))
    (partner,) = demo_world(count=6).partners
    in_full_units = partner.model_copy(update={"unit": "full_units"})
    sandbox = Sandbox(world.store, world.clock, Settings(), PartnerWorld(partners=(in_full_units,)))
    world.api = SandboxApi(sandbox)
    world.trade(ALICE, BOB, 100)
    world.prepare()
    assert verified(world)["bodies"] == 1
