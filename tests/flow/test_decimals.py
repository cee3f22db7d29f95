"""Decimals of a currency are bound at first use: an edit never moves another amount."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from settlement.config.partner_file import PartnerFile
from settlement.errors import BindingConflictError
from settlement.ledger.binding import rebind, require_binding
from settlement.ledger.bound_currencies import bind_decimals, bound_decimals
from settlement.ledger.chain import read_events
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.dates import load_date
from settlement.ledger.people.question import Choice
from settlement.steps import compute
from settlement.steps.decide import decide
from settlement.steps.foreign_settlements import record_settlement
from settlement.steps.listing import adopt_unknown_settlements
from settlement.steps.preview import preview_requests
from settlement.watch.checks import find_all
from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding, Kind
from support.day import ACTOR, ALICE, BOB, DAY, World, demo_partner
from support.in_process import net_of
from support.racing import in_background, waiting_for_locks
from support.recorder import Recorder

from .test_kinds_of_partners import kind_of_world

NEXT_DAY = DAY + timedelta(days=1)
FIRST_SLOT = f"demo-{DAY}-1"
BTC_IN_A_DAY = 123_456_789


def in_full_units(**currencies: int) -> PartnerFile:
    """The demo's partner, configured for decimals; these currencies are edited."""
    known = {"BTC": 8, "ETH": 18, "USD": 2, **currencies}
    return demo_partner(
        amounts="full_units", currencies={name: places for name, places in known.items() if places}
    )


DROPPED = 0
"""Instead of decimals: the currency is taken out of the partner file."""


@pytest.fixture
def world(ledger: Ledger) -> World:
    """A partner in full units who has settled a day in BTC and USD; ETH was never used."""
    partner_there = kind_of_world("v1", broker=False, amounts="full_units")
    world = World(ledger, in_full_units(), kind_of_partner=partner_there)
    world.api = Recorder(world.api)
    world.trade(ALICE, BOB, BTC_IN_A_DAY)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)
    world.api.requests.clear()
    return world


def trade_of_the_next_day(world: World, base: str = "BTC") -> None:
    """The same amount again."""
    world.trade(ALICE, BOB, BTC_IN_A_DAY, day=NEXT_DAY, base=base)


def looked(world: World) -> list[Finding]:
    """All checks of the watch, the daily one too."""
    now = world.ledger.now()
    context = WatchContext(
        world.ledger, world.partner, lambda: world.warehouse, lambda: world.api, None, now
    )
    return find_all(context)


@pytest.mark.parametrize("edited", [{"BTC": 6}, {"BTC": 10}, {"BTC": DROPPED}, {"USD": 3}])
def test_an_edit_of_used_decimals_moves_nothing(world: World, edited: dict[str, int]) -> None:
    """BTC = 8 edited to BTC = 6 would send a hundred times the amount."""
    before = world.booked()
    trade_of_the_next_day(world)
    world.partner = in_full_units(**edited)
    [currency] = edited
    with pytest.raises(BindingConflictError, match=rf"{currency} has .* in demo\.toml and") as told:
        world.run(NEXT_DAY)
    assert "`settlement bind demo`" in str(told.value)
    assert world.api.requests == []
    assert world.booked() == before


def test_the_watch_blames_the_file_and_not_the_ledger(world: World) -> None:
    """Requests of the past are read with the decimals that they were written with."""
    world.partner = in_full_units(BTC=6)
    findings = looked(world)
    [finding] = [each for each in findings if each.kind is Kind.BINDING_CONFLICT]
    assert "BTC has 6 decimals in demo.toml and 8 in the ledger" in finding.text
    assert finding.needs_a_person
    assert Kind.CHAIN_BROKEN not in {each.kind for each in findings}
    verify_ledger(world.ledger, "demo", world.partner.currencies)
    verify_ledger(world.ledger, "demo", {})


def test_a_settled_date_is_refused_too(world: World) -> None:
    """Every computation looks before it takes the date, not only the first one."""
    world.partner = in_full_units(BTC=6)
    with pytest.raises(BindingConflictError, match="BTC has 6 decimals"):
        world.run()
    with world.ledger.transaction() as tx:
        frozen = load_date(tx, "demo", DAY)
    assert frozen is not None
    assert frozen.generation == 1


@pytest.mark.parametrize("edited", [{"ETH": 9}, {"ETH": DROPPED}, {"SOL": 9}])
def test_what_was_never_used_is_free(world: World, edited: dict[str, int]) -> None:
    """A file lists what may occur; only what was settled is bound."""
    world.partner = in_full_units(**edited)
    trade_of_the_next_day(world)
    world.run(NEXT_DAY)
    assert world.booked() == net_of(world.warehouse.trades)
    with world.ledger.transaction() as tx:
        assert bound_decimals(tx, "demo") == {"BTC": 8, "USD": 2}


def test_a_currency_is_bound_by_the_first_snapshot_that_uses_it(world: World) -> None:
    """The event says which, and by whom."""
    trade_of_the_next_day(world, base="ETH")
    world.run(NEXT_DAY)
    with world.ledger.transaction() as tx:
        assert bound_decimals(tx, "demo") == {"BTC": 8, "ETH": 18, "USD": 2}
        bound = [
            each.details["decimals"]
            for each in read_events(tx, "demo")
            if each.kind == "currencies bound"
        ]
    assert bound == [
        {"BTC": {"was": None, "is": 8}, "USD": {"was": None, "is": 2}},
        {"ETH": {"was": None, "is": 18}},
    ]
    world.partner = in_full_units(ETH=9)
    with pytest.raises(BindingConflictError, match="ETH has 9 decimals"):
        world.run(NEXT_DAY)


def bind_again(world: World) -> None:
    """What `settlement bind` does."""
    with world.ledger.transaction() as tx:
        rebind(tx, world.partner, world.api.base_url, "the unit has changed", ACTOR)


def test_a_person_may_change_them_on_purpose(world: World) -> None:
    """Then runs go on, and requests from before are still what they were."""
    world.partner = in_full_units(BTC=10, USD=DROPPED, ETH=18, EUR=2)
    bind_again(world)
    with world.ledger.transaction() as tx:
        assert bound_decimals(tx, "demo") == {"BTC": 10}
        [rebound] = [each for each in read_events(tx, "demo") if each.kind == "rebound"]
    assert rebound.details["decimals"] == {
        "BTC": {"was": 8, "is": 10},
        "USD": {"was": 2, "is": None},
    }
    there = world.sandbox.world.partners[0]
    in_other_units = there.changed(currencies={**there.currencies, "BTC": 10})
    world.sandbox.world = world.sandbox.world.changed(partners=(in_other_units,))
    world.trade(ALICE, BOB, BTC_IN_A_DAY, day=NEXT_DAY, quote="EUR")
    world.run(NEXT_DAY)
    verify_ledger(world.ledger, "demo", world.partner.currencies)
    verify_ledger(world.ledger, "demo", {})
    assert Kind.BINDING_CONFLICT not in {each.kind for each in looked(world)}


def test_another_unit_of_amounts_leaves_older_requests_what_they_were(world: World) -> None:
    """`amounts` is bound too, and changed the same way."""
    world.partner = demo_partner()
    bind_again(world)
    verify_ledger(world.ledger, "demo", world.partner.currencies)
    in_base_units = world.sandbox.world.partners[0].changed(unit="base_units")
    world.sandbox.world = world.sandbox.world.changed(partners=(in_base_units,))
    trade_of_the_next_day(world)
    world.run(NEXT_DAY)
    verify_ledger(world.ledger, "demo", world.partner.currencies)


def preview(world: World) -> None:
    """What would be sent."""
    preview_requests(world.ledger, world.warehouse, world.partner, DAY)


def record(world: World) -> None:
    """A person takes what is booked."""
    record_settlement(world.desk, FIRST_SLOT, DAY, "known")


def answer(world: World) -> None:
    """A person answers a question, having seen its amounts."""
    decide(world.desk, "abc", Choice.LEAVE, "as it is")


@pytest.mark.parametrize("step", [preview, record, answer])
def test_nothing_else_reads_amounts_with_other_decimals(
    world: World, step: Callable[[World], None]
) -> None:
    """What is shown to people, and what is taken from the partner as booked."""
    world.partner = in_full_units(BTC=6)
    with pytest.raises(BindingConflictError, match="BTC has 6 decimals"):
        step(world)


def test_what_is_taken_over_from_the_partner_is_used_too(
    world: World, fresh_ledger: Ledger
) -> None:
    """Requests of a lost ledger are found before the first snapshot; then the file is edited."""
    world.ledger = fresh_ledger
    adopt_unknown_settlements(world.desk, DAY)
    with fresh_ledger.transaction() as tx:
        assert bound_decimals(tx, "demo") == {"BTC": 8, "USD": 2}
    world.api.requests.clear()
    world.partner = in_full_units(BTC=6)
    with pytest.raises(BindingConflictError, match="BTC has 6 decimals"):
        world.run()
    assert world.api.settlements == []


def test_a_ledger_from_before_binds_at_the_next_computation(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its older requests are read with what is bound then."""
    partner_there = kind_of_world("v1", broker=False, amounts="full_units")
    world = World(ledger, in_full_units(), kind_of_partner=partner_there)
    world.trade(ALICE, BOB, BTC_IN_A_DAY)
    with monkeypatch.context() as before:
        before.setattr(compute, "bind_decimals", lambda *_: None)
        world.run()
    with ledger.transaction() as tx:
        assert bound_decimals(tx, "demo") == {}
    verify_ledger(ledger, "demo", world.partner.currencies)
    world.run()
    world.partner = in_full_units(BTC=6)
    with pytest.raises(BindingConflictError, match="BTC has 6 decimals"):
        world.run(date(2026, 3, 2))
    verify_ledger(ledger, "demo", world.partner.currencies)


def test_two_workers_with_different_files_bind_once(ledger: Ledger) -> None:
    """A deployment half done: the second one is refused, in whatever order they come."""
    with ledger.transaction() as tx:
        require_binding(tx, in_full_units(), "https://partner.test", ACTOR)
    late = Ledger.connect(ledger.engine.url)
    with late.transaction() as tx:
        bind_decimals(tx, in_full_units(), {"USD", "BTC"}, ACTOR)
        with in_background(lambda: _bind(ledger, in_full_units(USD=4))) as (other,):
            waiting_for_locks(ledger, 1)
            tx.commit()
            error = other.exception()
    late.engine.dispose()
    assert isinstance(error, BindingConflictError)
    assert "USD has 4 decimals in demo.toml and 2 in the ledger" in str(error)


def _bind(ledger: Ledger, partner: PartnerFile) -> None:
    with ledger.transaction() as tx:
        bind_decimals(tx, partner, {"USD"}, ACTOR)


def test_decimals_that_a_hand_changed_in_the_table_are_found(world: World) -> None:
    """Runs go by the table; the chain of events says what was bound."""
    verify_ledger(world.ledger, "demo", {})
    with world.ledger.transaction() as tx:
        tx.execute(text("UPDATE bound_currency SET decimals = 6 WHERE currency = 'BTC'"))
    [finding] = [each for each in looked(world) if each.kind is Kind.CHAIN_BROKEN]
    assert "the decimals of BTC of demo are 6, but 8 were bound" in finding.text
