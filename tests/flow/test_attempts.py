"""Every exchange of a run has its attempt row; what only looks leaves none."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from partner_sandbox.demo_world import demo_world_with_disputes
from settlement.errors import NotSettledError
from settlement.ledger.database import Ledger
from settlement.ledger.partner_reader import unrecorded_reader
from settlement.ledger.schema import attempt
from settlement.partner.exchange import ExchangeKind
from support.day import ALICE, BOB, World, demo_partner
from support.partners_clock import PartnersClock
from support.recorder import Recorder

KIND_OF = {
    ("POST", "settlements-signing"): ExchangeKind.PAYLOAD,
    ("POST", "settlements"): ExchangeKind.SUBMIT,
    ("GET", "connections"): ExchangeKind.CONNECTIONS,
    ("GET", "balances"): ExchangeKind.BALANCES,
    ("GET", "disputes"): ExchangeKind.DISPUTES,
    ("GET", "partners"): ExchangeKind.PROFILE,
}
"""By method and the path's last part; settlements are listed and looked up."""
OF_SETTLEMENTS = {ExchangeKind.LISTING, ExchangeKind.LOOK_UP}


def attempts(world: World) -> list[str]:
    """Kinds of all attempts, in order."""
    with world.ledger.transaction() as tx:
        return list(tx.execute(select(attempt.c.kind).order_by(attempt.c.id)).scalars())


@pytest.fixture
def watched(ledger: Ledger) -> tuple[World, Recorder]:
    """A date whose clients may dispute it, pending, and all that reached the partner."""
    kind = demo_world_with_disputes(count=6)
    partner = demo_partner(api_version="v2")
    world = World(ledger, partner, clock=PartnersClock(), kind_of_partner=kind)
    recorder = Recorder(world.api)
    world.api = recorder
    world.trade(ALICE, BOB, 100)
    with pytest.raises(NotSettledError, match="is pending"):
        world.run()
    return world, recorder


def test_every_exchange_of_a_run_has_its_row(watched: tuple[World, Recorder]) -> None:
    """One each, in order; all kinds that there are, the profile with its windows too."""
    world, recorder = watched
    reader = world.desk.reader
    reader.dispute_windows()
    reader.disputes()
    asked = [KIND_OF.get((method, path.rsplit("/", 1)[1])) for method, path, _ in recorder.requests]
    kinds = attempts(world)
    assert set(kinds) == set(ExchangeKind)
    assert len(asked) == len(kinds)
    for each, kind in zip(asked, kinds, strict=True):
        assert kind == each if each else kind in OF_SETTLEMENTS


def test_whoever_only_looks_leaves_no_row(watched: tuple[World, Recorder]) -> None:
    """The same answers, and the ledger is as it was."""
    world, recorder = watched
    before, asked = attempts(world), len(recorder.requests)
    reader = unrecorded_reader(world.ledger, world.api, world.partner)
    recorded = world.desk.reader
    shown = (reader.dispute_windows(), reader.connections(), reader.disputes(), reader.balances())
    assert len(recorder.requests) > asked
    assert attempts(world) == before
    assert shown == (
        recorded.dispute_windows(),
        recorded.connections(),
        recorded.disputes(),
        recorded.balances(),
    )
