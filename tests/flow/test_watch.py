"""The watch finds what no run saw, and nothing on a quiet, settled day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from partner_sandbox.faults import FaultKind, Route
from settlement.config.partner_file import CutOff, PartnerFile
from settlement.errors import (
    ConfigurationError,
    DivergedSlotError,
    LedgerUnavailableError,
    NotSettledError,
    OutcomeUnknownError,
    RefusedError,
    WarehouseBusyError,
)
from settlement.ledger.database import Ledger
from settlement.ledger.dates import next_generation
from settlement.ledger.people.holds import lift_hold, put_on_hold
from settlement.ledger.people.question import Choice, Subject
from settlement.ledger.people.questions import NewQuestion, ask, record_choice
from settlement.ledger.people.stop import raise_stop
from settlement.ledger.schema import metadata
from settlement.partner.exchange import PartnerApi
from settlement.steps.build import build_requests
from settlement.steps.compute import compute_net_positions
from settlement.steps.foreign_settlements import ignore_named, record_settlement
from settlement.steps.listing import adopt_unknown_settlements
from settlement.steps.verify import verify_settled
from settlement.values import Actor
from settlement.warehouse import Warehouse
from settlement.warehouse.hashed_ids import as_hashes, digest_of
from settlement.watch.checks import find_all
from settlement.watch.context import WatchContext
from settlement.watch.date_status import LOOK_BACK, due_dates
from settlement.watch.finding import Kind, SettleAgain
from settlement.watch.partners import Openers, watch_partner, watched
from support.day import ACTOR, ALICE, BOB, CAROL, DAVE, World, demo_partner, desk_of
from support.watching import DAY, HOUR, SLOT, AirflowSays, found, kinds, look, partner_of_today

RUNBOOK = Path(__file__).parents[2] / "include" / "runbooks" / "settlement_watch.md"


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Two trades between four clients."""
    world = World(ledger, partner_of_today())
    world.trade(ALICE, BOB, 100, day=DAY)
    world.trade(CAROL, DAVE, 10**30, day=DAY)
    return world


# quiet


def test_nothing_is_found_on_a_settled_day_and_nothing_is_written(world: World) -> None:
    """All checks, the daily one too; the ledger holds the same rows as before."""
    world.run(DAY)

    def rows() -> dict[str, int]:
        with world.ledger.transaction() as tx:
            return {
                each.name: tx.execute(select(func.count()).select_from(each)).scalar_one()
                for each in metadata.sorted_tables
            }

    before = rows()
    assert look(world, runs=AirflowSays(set())) == []
    assert rows() == before


def test_a_day_that_is_not_over_its_deadline_is_nobodys_finding(world: World) -> None:
    """It may still be settled in time."""
    world.partner = partner_of_today(settled_within=timedelta(days=3))
    assert look(world) == []


# dates


def test_a_date_that_no_run_touched_is_found(world: World) -> None:
    """As when its run was marked as success before any task ran, or the DAG is paused."""
    finding = found(look(world), Kind.NEVER_TOUCHED)
    assert f"`settlement run demo {DAY}`" in finding.text
    assert finding.needs_a_person


def test_a_date_that_only_the_partner_remembers_was_touched_by_no_run(
    world: World, fresh_ledger: Ledger
) -> None:
    """A new ledger has taken over its request and its window; whether all is settled, it says."""
    world.run(DAY)
    world.ledger = fresh_ledger
    desk = desk_of(fresh_ledger, world.api, world.partner)
    assert adopt_unknown_settlements(desk, DAY) == [SLOT]
    assert "no run has ever read" in found(look(world, later=HOUR), Kind.NEVER_TOUCHED).text


def test_a_date_whose_run_is_under_way_is_not_called_untouched(world: World) -> None:
    """It waits for its trades, or in a queue; a date that was read is judged by the ledger."""
    under_way = AirflowSays(set(), at_work=frozenset({DAY}))
    assert look(world, runs=under_way) == []
    world.prepare(DAY)
    assert kinds(look(world, later=HOUR, runs=under_way)) == {Kind.OVERDUE}


def test_dates_in_a_row_are_one_line_and_a_gap_parts_them(world: World) -> None:
    """The newest first; the partner may have been without a run for months."""
    days = [DAY - timedelta(days=n) for n in range(6)]
    world.partner = partner_of_today(first_business_date=days[-1])
    under_way = AirflowSays(set(), at_work=frozenset({days[2]}))
    newer, older = look(world, runs=under_way)
    assert (newer.about, older.about) == (
        f"{days[1]} to {days[0]} (2 dates)",
        f"{days[5]} to {days[3]} (3 dates)",
    )
    assert {newer.kind, older.kind} == {Kind.NEVER_TOUCHED}
    assert (older.business_date, older.span.last if older.span else None) == (days[5], days[3])
    assert "no run has ever read these dates" in older.text
    assert "up to 5 days ago" in older.text


def test_dates_that_are_overdue_for_the_same_reason_are_one_line(world: World) -> None:
    """Two readings that died before they had a snapshot."""
    before = DAY - timedelta(days=1)
    world.partner = partner_of_today(first_business_date=before)
    with world.ledger.transaction() as tx:
        for day in (before, DAY):
            next_generation(tx, world.partner, day, ACTOR)
    finding = found(look(world, later=HOUR), Kind.OVERDUE, f"{before} to {DAY} (2 dates)")
    assert "no snapshot of the date's trades was ever taken" in finding.text
    assert finding.text.endswith("or `settlement run demo <date>`")


def test_what_keeps_tasks_from_their_pool_is_found(world: World) -> None:
    """As Airflow tells it; a scheduler that is merely slow is given another check."""
    world.run(DAY)
    (finding,) = look(world, runs=AirflowSays(set(), pool="the pool is missing"))
    assert (finding.kind, finding.text) == (Kind.NO_POOL, "the pool is missing")
    assert finding.needs_a_person
    assert finding.may_pass


def test_the_worst_and_newest_comes_first(world: World) -> None:
    """What needs nobody comes last, whatever it is about."""
    before = DAY - timedelta(days=2)
    world.partner = partner_of_today(first_business_date=before)
    world.trade(ALICE, BOB, 7, day=DAY - timedelta(days=1))
    world.run(DAY - timedelta(days=1))
    with world.ledger.transaction() as tx:
        raise_stop(tx, "demo", "amounts look wrong", ACTOR)
        ask(
            tx,
            NewQuestion(
                partner="demo",
                digest="ab" * 32,
                subject=Subject.HISTORY,
                business_date=DAY,
                facts={},
            ),
            ACTOR,
        )
    later = timedelta(minutes=45)  # else the question counts as work on its date
    read = [(each.kind, each.business_date) for each in look(world, later=later)]
    assert read == [
        (Kind.STOPPED, None),
        (Kind.NEVER_TOUCHED, DAY),
        (Kind.NEVER_TOUCHED, before),
        (Kind.UNANSWERED, DAY),
    ]


def test_a_date_that_is_not_settled_is_found(world: World) -> None:
    """The partner refused the request: which position is left is in the text."""
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT)
    with pytest.raises(RefusedError):
        world.run(DAY)
    finding = found(look(world, later=HOUR), Kind.OVERDUE)
    assert "is refused (HTTP 403: forbidden) [runbook: refused]; 8 position(s)" in finding.text
    assert f"still differ: {ALICE} " in finding.text
    assert str(finding).endswith("[runbook: overdue]")
    assert "\n" not in str(finding)


def test_a_date_that_is_being_worked_on_is_left_alone(world: World) -> None:
    """Somebody runs it again just now; within the hour it is checked again."""
    world.prepare(DAY)
    assert look(world) == []
    found(look(world, later=HOUR), Kind.OVERDUE)


def test_a_reading_that_ended_nowhere_is_found_on_a_settled_date(world: World) -> None:
    """A later run took the date, and died before it had a snapshot."""
    world.run(DAY)
    with world.ledger.transaction() as tx:
        next_generation(tx, world.partner, DAY, ACTOR)
    assert "did not end in a snapshot" in found(look(world, later=HOUR), Kind.OVERDUE).text


def test_a_hold_that_was_lifted_leaves_its_positions_over(world: World) -> None:
    """The date was settled without them; nothing about the date itself has changed since."""
    with world.ledger.transaction() as tx:
        put_on_hold(tx, "demo", ALICE, "asked to", None, ACTOR)
    world.run(DAY)
    assert look(world, later=HOUR) == []
    with world.ledger.transaction() as tx:
        lift_hold(tx, "demo", ALICE, "done", ACTOR)
    assert ALICE in found(look(world, later=HOUR), Kind.OVERDUE).text


def test_only_business_dates_of_the_look_back_count() -> None:
    """Thirty business dates, none before the first one, none that is not due."""
    weekdays = (CutOff.model_validate({"at": "17:00", "calendar": "weekdays"}),)
    monday = datetime(2026, 6, 15, 21, 14, tzinfo=UTC)  # one minute before it is due
    dates = due_dates(demo_partner(cut_offs=weekdays), monday)
    assert len(dates) == LOOK_BACK
    assert (dates[0], dates[-1]) == (date(2026, 5, 4), date(2026, 6, 12))
    after = due_dates(demo_partner(cut_offs=weekdays), monday + timedelta(minutes=1))
    assert after[-1] == date(2026, 6, 15)
    assert due_dates(demo_partner(first_business_date=date(2026, 6, 12)), monday)[0].day == 12


# open requests


def test_a_request_that_is_open_for_too_long_is_found(world: World) -> None:
    """The answer was lost, and nobody has looked it up for a day."""
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.run(DAY)
    assert Kind.OPEN_TOO_LONG not in kinds(look(world, later=23 * HOUR))
    finding = found(look(world, later=25 * HOUR), Kind.OPEN_TOO_LONG, SLOT)
    assert "was sent 25 hours ago and is unknown" in finding.text


# late trades


def come_late(world: World) -> datetime:
    """A trade of the settled date is recorded now."""
    recorded = world.ledger.now()
    world.trade(ALICE, CAROL, 7, day=DAY, recorded_at=recorded)
    return recorded


def test_late_trades_are_reported(world: World) -> None:
    """By default a person decides."""
    world.run(DAY)
    come_late(world)
    finding = found(look(world), Kind.LATE_TRADES)
    assert finding.text.startswith("1 trade(s) (t000003) were recorded after the date was read")
    assert finding.needs_a_person
    assert finding.start is None


def test_late_trades_start_a_run_where_the_partner_file_says_so(world: World) -> None:
    """For the newest of them, so that an hourly watch starts one run and not one each hour."""
    world.partner = partner_of_today(late_trades="settle")
    world.run(DAY)
    recorded = come_late(world)
    finding = found(look(world), Kind.LATE_TRADES)
    assert finding.start == SettleAgain(DAY, recorded, digest_of(as_hashes(["t000003"])))
    assert not finding.needs_a_person
    world.run(DAY)
    assert look(world) == []


def test_late_trades_that_a_started_run_has_not_read_need_a_person(world: World) -> None:
    """The same run is still named, and nobody waits for it for ever."""
    world.partner = partner_of_today(late_trades="settle")
    world.run(DAY)
    come_late(world)
    finding = found(look(world, later=7 * HOUR), Kind.LATE_TRADES)
    assert finding.needs_a_person
    assert "has not read them" in finding.text


def test_late_trades_start_nothing_while_the_partner_is_stopped(world: World) -> None:
    """The run could only end red."""
    world.partner = partner_of_today(late_trades="settle")
    world.run(DAY)
    come_late(world)
    with world.ledger.transaction() as tx:
        raise_stop(tx, "demo", "amounts look wrong", ACTOR)
    finding = found(look(world), Kind.LATE_TRADES)
    assert finding.start is None
    assert finding.needs_a_person


def test_trades_of_a_day_that_was_empty_are_late_too(world: World) -> None:
    """The snapshot has no watermark to compare with."""
    world.partner = partner_of_today(allow_empty_days=True)
    world.warehouse.trades.clear()
    world.run(DAY)
    come_late(world)
    assert "1 trade(s) (t000003)" in found(look(world), Kind.LATE_TRADES).text


def test_broken_rows_start_no_run(world: World) -> None:
    """The load is what is wrong; a run would only leave the date unsettled."""
    world.partner = partner_of_today(late_trades="settle")
    world.run(DAY)
    come_late(world)
    world.warehouse.trades.append(world.warehouse.trades[-1])
    findings = look(world)
    assert (
        "trade_id is there more than once: trade t000003" in found(findings, Kind.NOT_CHECKED).text
    )
    assert kinds(findings) == {Kind.NOT_CHECKED}


# what the partner shows


def edit_at_partner(world: World, **changes: object) -> None:
    """The partner shows the first settlement otherwise from now on."""
    held = world.store.settlement_under(world.sandbox.world.partner(None).id, SLOT)
    assert held is not None
    world.store.save_settlement(replace(held, **changes))


@pytest.mark.parametrize("status", ["failed", "rejected", "pending"])
def test_a_completed_request_that_is_shown_otherwise_is_found(world: World, status: str) -> None:
    """Money that was booked may be gone. No run takes that in; a person's record does."""
    world.run(DAY)
    edit_at_partner(world, status=status)
    world.run(DAY)
    finding = found(look(world), Kind.STATE_CHANGED, SLOT)
    assert f"the partner shows {status}" in finding.text
    record_settlement(world.desk, SLOT, DAY, "taken back")
    assert Kind.STATE_CHANGED not in kinds(look(world))


def test_a_completed_request_that_is_not_listed_any_more_is_found(world: World) -> None:
    """Not before the list had an hour to show it."""
    world.run(DAY)
    edit_at_partner(world, created_at="2020-01-01T00:00:00.000Z")
    assert Kind.STATE_CHANGED not in kinds(look(world))
    finding = found(look(world, later=2 * HOUR), Kind.STATE_CHANGED, SLOT)
    assert "does not list it any more" in finding.text


def test_a_refused_request_that_exists_after_all_is_found(world: World) -> None:
    """The no was not the last word."""
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT)
    with pytest.raises(RefusedError):
        world.run(DAY)
    assert Kind.STATE_CHANGED not in kinds(look(world))
    world.sandbox.book_foreign(SLOT, [(ALICE, "BTC", 100)])
    finding = found(look(world), Kind.STATE_CHANGED, SLOT)
    assert "is refused in the ledger" in finding.text
    with pytest.raises(DivergedSlotError):
        world.run(DAY)
    assert Kind.STATE_CHANGED not in kinds(look(world))


def test_a_settlement_under_our_name_that_the_ledger_does_not_know_is_found(world: World) -> None:
    """A restored ledger, or somebody else who uses our name."""
    world.run(DAY)
    world.sandbox.book_foreign(f"demo-{DAY}-7", [(ALICE, "BTC", 100)])
    found(look(world), Kind.UNKNOWN_SETTLEMENT, f"demo-{DAY}-7")
    world.run(DAY)
    assert Kind.UNKNOWN_SETTLEMENT not in kinds(look(world))


def test_a_foreign_settlement_is_found_unless_somebody_has_placed_it(world: World) -> None:
    """The same rule as before building."""
    world.run(DAY)
    world.sandbox.book_foreign("by-hand", [(ALICE, "BTC", 100)])
    found(look(world), Kind.FOREIGN_SETTLEMENT, "by-hand")
    world.partner = partner_of_today(foreign_settlements="ignore")
    assert look(world) == []
    world.partner = partner_of_today()
    ignore_named(world.desk, "by-hand", "a fee")
    assert look(world) == []


# Airflow's word


def actor(run_id: str) -> Actor:
    """A run of the schedule."""
    return Actor("airflow (scheduled)", run_id=run_id)


def compute_as(world: World, run_id: str, *, build: bool = False) -> None:
    """A run reads the trades of the date, and perhaps what the partner holds."""
    desk = world.desk_of(actor(run_id))
    computed = compute_net_positions(desk, world.warehouse, DAY)
    if build:
        build_requests(desk, DAY, computed.generation)


def test_a_run_that_airflow_calls_success_without_a_proof_is_found(world: World) -> None:
    """Though another run has settled the date since."""
    compute_as(world, "marked")
    world.run(DAY)
    assert look(world, runs=AirflowSays({"another"})) == []
    finding = found(look(world, runs=AirflowSays({"marked"})), Kind.MARKED_BY_HAND)
    assert "run marked as success" in finding.text


def test_a_run_that_proved_it_is_believed_until_it_starts_again(world: World) -> None:
    """Cleared after its success, it must prove it once more."""
    world.run(DAY)
    green = AirflowSays({"green"})
    compute_as(world, "green", build=True)
    verify_settled(world.desk_of(actor("green")), DAY, since=None)
    assert look(world, runs=green) == []
    compute_as(world, "green")
    found(look(world, runs=green), Kind.MARKED_BY_HAND)


# what people have decided, or have not


def test_a_question_is_put_before_a_person_and_found_after_an_hour(world: World) -> None:
    """Until it is answered."""
    world.run(DAY)
    with world.ledger.transaction() as tx:
        asked = ask(
            tx,
            NewQuestion(
                partner="demo",
                digest="ab" * 32,
                subject=Subject.HISTORY,
                business_date=DAY,
                facts={"was": "1"},
            ),
            ACTOR,
        )
    fresh = found(look(world), Kind.UNANSWERED)
    assert not fresh.needs_a_person
    assert fresh.start == asked
    assert found(look(world, later=2 * HOUR), Kind.UNANSWERED).needs_a_person
    with world.ledger.transaction() as tx:
        record_choice(tx, "demo", asked.digest, Choice.LEAVE, "not ours", ACTOR)
    assert look(world) == []


def test_a_stop_flag_that_is_up_is_found(world: World) -> None:
    """Who, since when and why."""
    world.run(DAY)
    with world.ledger.transaction() as tx:
        raise_stop(tx, "demo", "amounts look wrong", ACTOR)
    finding = found(look(world), Kind.STOPPED, "")
    assert "by test (amounts look wrong)" in finding.text


def test_a_hold_without_an_end_is_found_after_a_week(world: World) -> None:
    """One with an end is somebody's plan."""
    with world.ledger.transaction() as tx:
        put_on_hold(tx, "demo", ALICE, "asked to", None, ACTOR)
        in_a_month = datetime.now(UTC) + timedelta(days=30)
        put_on_hold(tx, "demo", BOB, "asked to", in_a_month, ACTOR)
    world.run(DAY)
    assert look(world) == []
    finding = found(look(world, later=timedelta(days=8)), Kind.OLD_HOLD, "")
    assert ALICE in finding.text


# the ledger, and who is watched


def test_a_ledger_that_was_tampered_with_is_found_once_a_day(world: World) -> None:
    """What verifies everything is not done every hour."""
    world.run(DAY)
    with world.ledger.transaction() as tx:
        tx.execute(text("ALTER TABLE line DISABLE TRIGGER append_only"))
        tx.execute(text("UPDATE line SET amount = amount + 1 WHERE amount = 100"))
    assert look(world, daily=False) == []
    finding = found(look(world), Kind.CHAIN_BROKEN, "")
    assert f"the lines of body 1 of {SLOT}" in finding.text


class Down:
    """A warehouse and a partner API that cannot be reached."""

    def warehouse(self, _: PartnerFile) -> Warehouse:
        """Is locked."""
        raise WarehouseBusyError("the file is locked by its loader")

    def api(self, _: PartnerFile) -> PartnerApi:
        """Is not configured."""
        raise ConfigurationError("Airflow connection partner_api is missing")


@contextmanager
def opened(world: World) -> Iterator[Ledger]:
    """The ledger, which stays open."""
    yield world.ledger


def test_what_is_down_is_found_and_the_other_checks_go_on(world: World) -> None:
    """Warehouse and API are down; the date that nobody settled is found all the same."""
    openers = Openers(lambda _: opened(world), Down().warehouse, Down().api)
    findings = watch_partner("demo", world.partner, "settlement_ledger", openers)
    warehouse, api = (each for each in findings if each.kind is Kind.NOT_CHECKED)
    assert "locked by its loader (section warehouse-busy" in warehouse.text
    assert "partner_api is missing (section configuration-error" in api.text
    assert (warehouse.may_pass, api.may_pass) == (True, False)
    found(findings, Kind.NEVER_TOUCHED)


def test_a_ledger_that_is_down_is_one_finding(world: World) -> None:
    """There is nothing to compare with: neither at the start nor once it is lost on the way."""
    world.ledger = Ledger.connect("postgresql://nobody@127.0.0.1:1/nowhere")
    openers = Openers(lambda _: opened(world), Down().warehouse, Down().api)
    findings = watch_partner("demo", world.partner, "settlement_ledger", openers)
    assert "the ledger could not be checked" in found(findings, Kind.NOT_CHECKED, "").text
    assert kinds(findings) == {Kind.NOT_CHECKED}
    now = datetime.now(UTC)
    context = WatchContext(
        world.ledger, world.partner, lambda: world.warehouse, lambda: world.api, None, now
    )
    with pytest.raises(LedgerUnavailableError):
        find_all(context)


def test_a_partner_without_a_file_is_found_unless_it_was_stopped_first(world: World) -> None:
    """Renamed or deleted by mistake; on purpose, it is stopped and then taken out."""
    world.run(DAY)
    openers = Openers(lambda _: opened(world), Down().warehouse, Down().api)
    found(watch_partner("demo", None, "settlement_ledger", openers), Kind.NO_PARTNER_FILE, "")
    with world.ledger.transaction() as tx:
        raise_stop(tx, "demo", "has left us", ACTOR)
    assert watch_partner("demo", None, "settlement_ledger", openers) == []


def test_a_broken_partner_file_is_found(world: World) -> None:
    """Its date cannot be settled, nor watched."""
    broken = ConfigurationError("demo.toml: timezoen: there is no such key")
    openers = Openers(lambda _: opened(world), Down().warehouse, Down().api)
    findings = watch_partner("demo", broken, "settlement_ledger", openers)
    assert "timezoen" in found(findings, Kind.BROKEN_PARTNER_FILE, "").text


def test_everybody_with_a_file_or_in_a_ledger_is_watched() -> None:
    """Each with the ledger of its file; a partner without one with the ledger that knows it."""
    files = {
        "demo": demo_partner(ledger_conn_id="other_ledger"),
        "wrong": ConfigurationError("wrong.toml is not TOML"),
    }
    assert watched(files, {"other_ledger": ["demo", "gone"]}) == {
        "demo": "other_ledger",
        "gone": "other_ledger",
        "wrong": "settlement_ledger",
    }


def test_every_kind_has_its_section_in_the_runbook_and_no_other_is_there() -> None:
    """What you see, money, do, do not, escalate."""
    sections = re.split(r"^### ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
    assert [each.split("\n", 1)[0] for each in sections] == [each.value for each in Kind]
    for each in sections:
        parts = re.findall(r"\*\*([A-Z][a-z ]+):\*\*", each)
        assert parts == ["You see", "Money", "Do", "Do not", "Escalate"], each


def test_a_proof_that_was_never_given_is_not_assumed(world: World) -> None:
    """The gate and the watch say the same of a date that was only prepared."""
    world.prepare(DAY)
    with pytest.raises(NotSettledError):
        world.verify(DAY)
    assert kinds(look(world, later=HOUR)) >= {Kind.OVERDUE}
