"""What becomes of trades in a warehouse after their date was settled, and what the watch says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import CutOff
from settlement.errors import (
    HistoryChangedError,
    TradeOfAnotherDateError,
    WarehouseDataError,
)
from settlement.ledger.database import Ledger
from settlement.ledger.dates import next_generation
from settlement.ledger.people.question import Choice
from settlement.ledger.people.questions import open_questions
from settlement.steps import compute
from settlement.steps.decide import decide
from settlement.values import Actor
from settlement.warehouse import TradeRow
from settlement.watch import date_changes
from settlement.watch.finding import Finding, Kind, SettleAgain
from support.day import ACTOR, ALICE, BOB, CAROL, DAVE, World, demo_partner
from support.watching import DAY, HOUR, found, kinds, look, partner_of_today

BEFORE = DAY - timedelta(days=1)
SECOND = timedelta(seconds=1)
PERSON = Actor("petra")


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Two dates with two trades each: t000001 and t000002, then t000003 and t000004."""
    world = World(ledger, partner_of_today(first_business_date=BEFORE))
    for day in (BEFORE, DAY):
        world.trade(ALICE, BOB, 100, day=day)
        world.trade(CAROL, DAVE, 70, day=day)
    return world


@pytest.fixture
def settled(world: World) -> World:
    """Both dates settled; the watch has nothing to say."""
    world.run(BEFORE)
    world.run(DAY)
    assert look(world) == []
    return world


def change(world: World, trade_id: str, **changes: object) -> TradeRow:
    """Edit a trade in the warehouse."""
    trades = world.warehouse.trades
    (place,) = (n for n, each in enumerate(trades) if each.trade_id == trade_id)
    trades[place] = replace(trades[place], **changes)  # type: ignore[arg-type]
    return trades[place]


def delete(world: World, trade_id: str) -> None:
    """Delete a trade from the warehouse."""
    world.warehouse.trades[:] = [t for t in world.warehouse.trades if t.trade_id != trade_id]


def commit_late(world: World, day: date = DAY) -> TradeRow:
    """A trade becomes visible whose recorded_at is before what the date's snapshot has read."""
    return world.trade(ALICE, CAROL, 7, day=day, recorded_at=noon(day))


def noon(day: date) -> datetime:
    """Before every trade of the date was recorded."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def answer(world: World, day: date, choice: Choice) -> None:
    """A person answers the one question about the date."""
    with world.ledger.transaction() as tx:
        (question,) = open_questions(tx, "demo", day)
    decide(world.desk_of(PERSON), question.digest, choice, "looked into")


# committed late, under the watermark


def test_a_trade_committed_late_under_the_watermark_is_found(settled: World) -> None:
    """Nothing is newer than what was read; there is one more of the old."""
    commit_late(settled)
    finding = found(look(settled, daily=False), Kind.COMMITTED_LATE)
    assert finding.text.startswith("1 trade(s) (t000005) were not in the warehouse when")
    assert f"`settlement run demo {DAY}`" in finding.text
    assert finding.start is None
    settled.run(DAY)
    assert look(settled) == []


def test_trades_committed_late_start_a_run_and_those_after_them_another(settled: World) -> None:
    """The second has the same recorded_at as the first: its run needs a name of its own."""
    settled.partner = partner_of_today(first_business_date=BEFORE, late_trades="settle")
    commit_late(settled)
    first = found(look(settled), Kind.COMMITTED_LATE)
    assert "a run is started for them" in first.text
    assert first.needs_a_person
    assert first.start == found(look(settled, later=HOUR), Kind.COMMITTED_LATE).start
    settled.run(DAY)
    assert look(settled) == []
    commit_late(settled)
    second = found(look(settled), Kind.COMMITTED_LATE)
    assert isinstance(first.start, SettleAgain)
    assert isinstance(second.start, SettleAgain)
    assert first.start.recorded_until == second.start.recorded_until
    assert first.start != second.start


def test_one_run_is_started_for_what_came_late_and_what_came_early(settled: World) -> None:
    """Two findings, since they are two faults of the loader."""
    settled.partner = partner_of_today(first_business_date=BEFORE, late_trades="settle")
    commit_late(settled)
    settled.trade(BOB, CAROL, 3, day=DAY, recorded_at=settled.ledger.now())
    findings = look(settled)
    assert kinds(findings) == {Kind.LATE_TRADES, Kind.COMMITTED_LATE}
    assert [each.start is not None for each in findings].count(True) == 1


def test_trades_that_cancel_each_other_out_are_found_by_their_number(settled: World) -> None:
    """No position differs; they are trades that no date has settled all the same."""
    for buyer, seller in ((ALICE, BOB), (BOB, ALICE)):
        settled.trade(buyer, seller, 7, day=DAY, recorded_at=noon(DAY))
    finding = found(look(settled), Kind.COMMITTED_LATE)
    assert finding.text.startswith("2 trade(s) (t000005, t000006) were not in the warehouse")


# recorded in the future


def test_a_recording_of_the_future_hides_no_late_trade(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot of before such rows were refused has 2031 for its watermark."""
    change(world, "t000004", recorded_at=datetime(2031, 1, 1, tzinfo=UTC))
    world.run(BEFORE)
    with pytest.raises(WarehouseDataError, match="recorded in the future"):
        world.run(DAY)
    monkeypatch.setattr(compute, "CLOCKS_DIFFER", timedelta(days=36_500))
    world.run(DAY)
    future = found(look(world), Kind.RECORDED_IN_FUTURE, "")
    assert "1 trade(s) have a recorded_at in the future: t000004 (2031-" in future.text
    world.trade(ALICE, CAROL, 7, day=DAY, recorded_at=world.ledger.now())
    assert "(t000005)" in found(look(world), Kind.COMMITTED_LATE).text


def test_rows_that_are_unfit_hide_nothing_of_other_dates(settled: World) -> None:
    """One date cannot be read trade by trade; what came to the other is said."""
    settled.warehouse.trades.append(settled.warehouse.trades[0])
    commit_late(settled)
    findings = look(settled)
    assert "trade t000001" in found(findings, Kind.NOT_CHECKED, str(BEFORE)).text
    found(findings, Kind.COMMITTED_LATE)


# gone and edited


def test_a_settled_trade_that_is_deleted_is_found(settled: World) -> None:
    """A bust: its money has moved. Once a person has left it, nobody is told again."""
    delete(settled, "t000003")
    finding = found(look(settled, daily=False), Kind.GONE)
    assert finding.text.startswith(
        "this date has read and settled 1 trade(s) (t000003), which are not"
    )
    with pytest.raises(HistoryChangedError):
        settled.run(DAY)
    found(look(settled, later=HOUR), Kind.GONE)
    answer(settled, DAY, Choice.LEAVE)
    settled.run(DAY)
    assert look(settled, later=HOUR) == []
    commit_late(settled)
    assert kinds(look(settled, later=HOUR)) == {Kind.COMMITTED_LATE}


def test_an_edit_is_found_beside_trades_that_were_committed_late(settled: World) -> None:
    """What was added is told apart from what was changed."""
    change(settled, "t000003", base_quantity=60)
    commit_late(settled)
    findings = look(settled)
    assert kinds(findings) == {Kind.EDITED, Kind.COMMITTED_LATE}
    assert "2 net position(s)" in found(findings, Kind.EDITED).text


def test_a_bust_whose_money_a_person_takes_back_is_no_finding_any_more(settled: World) -> None:
    """Not before the run that follows the answer."""
    delete(settled, "t000003")
    with pytest.raises(HistoryChangedError):
        settled.run(DAY)
    answer(settled, DAY, Choice.SETTLE)
    found(look(settled, later=HOUR), Kind.GONE)
    settled.run(DAY)
    assert look(settled, later=HOUR) == []


def test_a_trade_that_went_is_found_though_others_come_and_none_starts_a_run(
    settled: World,
) -> None:
    """The count is what it was: a run could not tell them apart, and asks."""
    settled.partner = partner_of_today(first_business_date=BEFORE, late_trades="settle")
    delete(settled, "t000003")
    commit_late(settled)
    findings = look(settled)
    assert kinds(findings) == {Kind.GONE, Kind.COMMITTED_LATE}
    assert all(each.start is None for each in findings)
    assert "asks a person first" in found(findings, Kind.COMMITTED_LATE).text


def test_an_edited_trade_is_found(settled: World) -> None:
    """Which it was can only be told from the positions that differ."""
    change(settled, "t000003", base_quantity=60)
    finding = found(look(settled, daily=False), Kind.EDITED)
    assert finding.text.startswith("2 net position(s) differ from what was read")
    assert f"{ALICE} BTC was 100, is 60" in finding.text


def test_two_clients_who_swap_their_trades_are_found(settled: World) -> None:
    """Counts and sums per currency are what they were."""
    change(settled, "t000003", buyer_connection_id=BOB, seller_connection_id=ALICE)
    assert "At least one of 1 trade(s) (t000003)" in found(look(settled), Kind.EDITED).text


def test_a_trade_that_is_loaded_again_under_a_new_recording_is_edited(settled: World) -> None:
    """Its id is there; a run cannot know that it is the same trade, and would settle it again."""
    change(settled, "t000003", recorded_at=settled.ledger.now())
    findings = look(settled)
    found(findings, Kind.EDITED)
    assert Kind.LATE_TRADES not in kinds(findings)


def test_what_the_ledger_does_not_remember_is_counted(settled: World) -> None:
    """Dates of before the memory, or longer ago than trade_memory."""
    with settled.ledger.transaction() as tx:
        tx.execute(text("DELETE FROM remembered_trades"))
        tx.execute(text("DELETE FROM remembered_date"))
    settled.partner = partner_of_today(first_business_date=BEFORE, late_trades="settle")
    delete(settled, "t000001")
    commit_late(settled)
    findings = look(settled)
    gone, early = found(findings, Kind.GONE, str(BEFORE)), found(findings, Kind.COMMITTED_LATE)
    assert gone.text.startswith("this date has read and settled 1 trade(s), which")
    assert early.text.startswith("1 trade(s) were not in the warehouse")
    assert "does not remember the ids" in gone.text
    assert "does not remember the ids" in early.text
    assert early.start is None


# moved and delivered again


def into(day: date) -> datetime:
    """A moment in the date's window."""
    return datetime(day.year, day.month, day.day, 16, tzinfo=UTC)


def test_a_trade_that_moves_into_a_date_to_come_is_found(world: World) -> None:
    """A time zone was repaired: recorded_at stays, nothing is late anywhere."""
    world.run(BEFORE)
    change(world, "t000002", executed_at=into(DAY))
    finding = found(look(world), Kind.MOVED, str(BEFORE))
    assert finding.text.startswith(
        "this date has read 1 trade(s) (t000002), which now lie in a window"
    )
    with pytest.raises(TradeOfAnotherDateError):
        world.run(DAY)


def test_a_trade_that_moves_into_another_settled_date_is_found_in_both(settled: World) -> None:
    """What a person leaves in both is no finding any more."""
    change(settled, "t000002", executed_at=into(DAY))
    findings = look(settled)
    assert f"now lie in {DAY}" in found(findings, Kind.MOVED, str(BEFORE)).text
    assert f"belong to {BEFORE}, whose window they have left" in found(findings, Kind.MOVED).text
    assert kinds(findings) == {Kind.MOVED}
    with pytest.raises(TradeOfAnotherDateError):
        settled.run(DAY)
    answer(settled, DAY, Choice.LEAVE)
    settled.run(DAY)
    with pytest.raises(HistoryChangedError):
        settled.run(BEFORE)
    answer(settled, BEFORE, Choice.LEAVE)
    settled.run(BEFORE)
    assert look(settled, later=HOUR) == []


@pytest.mark.parametrize("recorded", ["late", "early"])
def test_a_trade_that_is_delivered_again_is_found_and_starts_no_run(
    settled: World, recorded: str
) -> None:
    """One id in two windows; a run would only be refused."""
    settled.partner = partner_of_today(first_business_date=BEFORE, late_trades="settle")
    again = replace(settled.warehouse.trades[1], executed_at=into(DAY))
    if recorded == "late":
        again = replace(again, recorded_at=settled.ledger.now())
    settled.warehouse.trades.append(again)
    findings = look(settled)
    finding = found(findings, Kind.DELIVERED_AGAIN)
    assert finding.text.startswith(
        f"this date has not read 1 trade(s) (t000002), which belong to {BEFORE}"
    )
    assert kinds(findings) == {Kind.DELIVERED_AGAIN}
    assert finding.start is None
    settled.trade(ALICE, CAROL, 7, day=DAY, recorded_at=settled.ledger.now())
    late = found(look(settled), Kind.LATE_TRADES)
    assert late.text.startswith("1 trade(s) (t000005) ")
    assert late.start is None


# how long a date stays watched


OLD = DAY - timedelta(days=50)


@pytest.fixture
def long_ago(ledger: Ledger) -> World:
    """A date over thirty business dates old, with one trade."""
    world = World(ledger, partner_of_today(first_business_date=OLD))
    world.trade(ALICE, BOB, 100, day=OLD)
    return world


def about(findings: list[Finding], day: date) -> set[Kind]:
    """Kinds of the findings about a date."""
    return {each.kind for each in findings if each.business_date == day}


def test_a_late_trade_of_an_old_date_is_found_once_a_day(long_ago: World) -> None:
    """And settled by a run, where the partner file says so."""
    long_ago.partner = partner_of_today(first_business_date=OLD, late_trades="settle")
    long_ago.run(OLD)
    long_ago.trade(ALICE, CAROL, 7, day=OLD, recorded_at=long_ago.ledger.now())
    assert about(look(long_ago, daily=False), OLD) == set()
    assert isinstance(found(look(long_ago), Kind.LATE_TRADES, str(OLD)).start, SettleAgain)


def test_an_old_date_that_is_not_settled_stays_watched(long_ago: World) -> None:
    """Every hour, whatever its age and whatever the partner file says is the first date now."""
    long_ago.prepare(OLD)
    assert about(look(long_ago, daily=False, later=HOUR), OLD) == {Kind.OVERDUE}
    long_ago.partner = partner_of_today()
    assert about(look(long_ago, daily=False, later=HOUR), OLD) == {Kind.OVERDUE}
    long_ago.partner = partner_of_today(first_business_date=OLD)
    long_ago.run(OLD)
    assert about(look(long_ago, later=HOUR), OLD) == set()


def test_old_dates_that_no_run_touched_are_one_finding(long_ago: World) -> None:
    """However many they are: one backfill is what all of them need."""
    (finding,) = [each for each in look(long_ago) if each.kind is Kind.NEVER_TOUCHED]
    assert finding.span is not None
    assert (finding.span.first, finding.span.count) == (OLD, 51)


def test_a_date_stays_compared_when_the_first_date_is_edited_forward(settled: World) -> None:
    """It is settled; what becomes of its trades is still our business."""
    delete(settled, "t000001")
    settled.partner = partner_of_today(first_business_date=DAY)
    found(look(settled), Kind.GONE, str(BEFORE))


def test_a_date_that_somebody_works_on_is_compared_too(settled: World) -> None:
    """A new reading of it was begun a minute ago."""
    delete(settled, "t000003")
    commit_late(settled, BEFORE)
    with settled.ledger.transaction() as tx:
        next_generation(tx, settled.partner, DAY, ACTOR)
        next_generation(tx, settled.partner, BEFORE, ACTOR)
    findings = look(settled)
    found(findings, Kind.GONE)
    early = found(findings, Kind.COMMITTED_LATE, str(BEFORE))
    assert "the run that settles it reads them" in early.text


def test_many_dates_that_differ_are_told_by_their_counts(
    settled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warehouse that was truncated: the newest dates are read trade by trade, no more."""
    monkeypatch.setattr(date_changes, "READ_BY_TRADE", 1)
    settled.warehouse.trades.clear()
    findings = look(settled)
    assert "2 trade(s) (t000003, t000004)" in found(findings, Kind.GONE).text
    assert "2 trades were read; now there are 0" in found(findings, Kind.GONE, str(BEFORE)).text


# trades that no date covers


@pytest.mark.parametrize("year", [1970, 2126])
def test_a_trade_of_another_age_is_found(settled: World, year: int) -> None:
    """No window will ever hold it: microseconds read as milliseconds, or a time of zero."""
    settled.trade(ALICE, BOB, 5, day=date(year, 1, 1), recorded_at=settled.ledger.now())
    finding = found(look(settled, daily=False), Kind.UNCOVERED, "")
    assert finding.text.startswith("1 trade(s) are executed ")
    assert f"t000005 ({year}-01-01T" in finding.text
    assert ("later than now" in finding.text) == (year > DAY.year)


def test_what_was_traded_before_this_project_came_is_nobodys_finding(settled: World) -> None:
    """It was recorded before the ledger knew the partner, or has been said for five weeks."""
    settled.trade(ALICE, BOB, 5, day=BEFORE - timedelta(days=9))
    assert look(settled) == []
    settled.trade(ALICE, BOB, 5, day=date(1970, 1, 1), recorded_at=settled.ledger.now())
    found(look(settled), Kind.UNCOVERED, "")
    months_later = look(settled, later=timedelta(days=36))
    assert Kind.UNCOVERED not in kinds(months_later)


def test_a_trade_too_late_for_whoever_settled_the_date_before_the_first_is_found(
    settled: World,
) -> None:
    """After a lost ledger and an edited cut-off, the first window may begin later than it did."""
    calendar = BusinessCalendar(settled.partner)
    day_before = calendar.previous(BEFORE)
    read_at = calendar.cut_off(day_before) + settled.partner.settle_after
    in_time = settled.trade(ALICE, BOB, 5, day=day_before, recorded_at=read_at - SECOND)
    assert Kind.UNCOVERED not in kinds(look(settled))
    too_late = settled.trade(ALICE, BOB, 5, day=day_before, recorded_at=read_at)
    text = found(look(settled), Kind.UNCOVERED, "").text
    assert too_late.trade_id in text
    assert in_time.trade_id not in text


def test_a_trade_of_a_moment_ago_is_no_finding(settled: World) -> None:
    """Clocks differ by some minutes; its date is to come."""
    soon = settled.ledger.now() + timedelta(minutes=4)
    settled.warehouse.trades.append(
        replace(settled.warehouse.trades[-1], trade_id="soon", executed_at=soon, recorded_at=soon)
    )
    assert look(settled) == []


def test_a_trade_in_a_gap_that_an_edit_has_left_is_found(ledger: Ledger) -> None:
    """The cut-off moved after the date before was frozen, and that date is none any more."""
    weekdays = (CutOff.model_validate({"at": "17:00", "calendar": "weekdays"}),)
    friday = DAY - timedelta(days=(DAY.weekday() - 4) % 7 + 7)
    monday, saturday = friday + timedelta(days=3), friday + timedelta(days=1)
    world = World(ledger, demo_partner(first_business_date=friday))
    world.trade(ALICE, BOB, 100, day=friday)
    world.run(friday)
    world.partner = demo_partner(first_business_date=monday, cut_offs=weekdays)
    world.trade(ALICE, BOB, 100, day=saturday)
    world.trade(CAROL, BOB, 100, day=monday)
    assert Kind.UNCOVERED not in kinds(look(world))  # Monday takes what follows on Friday
    late_start = BusinessCalendar(world.partner).following(monday)
    world.partner = demo_partner(first_business_date=late_start, cut_offs=weekdays)
    finding = found(look(world), Kind.UNCOVERED, "")
    assert finding.text.startswith("2 trade(s) are executed in [")
