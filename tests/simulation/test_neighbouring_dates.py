"""Any life of a small warehouse over three neighbouring dates, beside a list of all its trades.

Each version of a trade moves a power of ten of its own between the same two clients, so the digits
of what the partner has booked for a date say which trades are in it, and how often.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from settlement.errors import SettlementError
from settlement.ledger.people.question import Choice, Question, Subject
from settlement.ledger.people.questions import open_questions
from settlement.steps.decide import decide
from settlement.values import Actor, PositionKey
from settlement.warehouse import TradeRow
from simulation.clock import SimulatedClock
from simulation.databases import Databases
from simulation.moments import Moments
from support.day import ALICE, BOB, DAY, World, demo_partner

DATES = [DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)]
NOW = datetime(2026, 3, 10, tzinfo=UTC)
PERSON = Actor("petra")
KEY = PositionKey(ALICE, "BTC")
ROUNDS = 8
dates = st.sampled_from(DATES)
WHAT = ("add", "move", "move", "deliver_again", "delete", "edit")
runs = st.lists(dates, max_size=3)
places = st.integers(0, 99)
"""Which of the trades: the warehouse holds fewer, so they are counted round."""


class NeighbouringDates(RuleBasedStateMachine):
    """What happens to the trades, the ledger and the runs of three dates, in any order."""

    def __init__(self, databases: Databases) -> None:
        super().__init__()
        self.databases = databases
        self.clock = SimulatedClock(NOW)
        databases.empty()
        ledger = databases.ledger(self.clock, Moments(lambda _: None, lambda _: None))
        partner = demo_partner(allow_empty_days=True)
        self.world = World(ledger, partner=partner, clock=self.clock)
        self.versions: list[str] = []
        """The trade that each digit is about."""
        self.settled_as_well: Counter[str] = Counter()
        """How often a person has said, in so many words, that a trade is settled once more."""
        self.asked_about: set[str] = set()
        self.holds = True

    @property
    def trades(self) -> list[TradeRow]:
        """What the warehouse holds."""
        return self.world.warehouse.trades

    @initialize(settled=st.lists(dates, unique=True))
    def start(self, settled: list[date]) -> None:
        """A trade on each date; some of the dates are settled."""
        for day in DATES:
            self.add(0, day)
        self.run(settled)

    # what can happen; then some dates are run

    @rule(what=st.sampled_from(WHAT), place=places, day=dates, then=runs)
    def trades_change(self, what: str, place: int, day: date, then: list[date]) -> None:
        """Something happens to a trade."""
        if self.trades or what == "add":
            getattr(self, what)(place % max(1, len(self.trades)), day)
        self.run(then)

    @rule(choice=st.sampled_from([Choice.SETTLE, Choice.LEAVE]), place=places, then=runs)
    def answer(self, choice: Choice, place: int, then: list[date]) -> None:
        """A person says anything."""
        questions = self.questions()
        if questions:
            self.decide(questions[place % len(questions)], choice)
        self.run(then)

    @rule(then=runs)
    def lose_the_ledger(self, then: list[date]) -> None:
        """The next one is empty."""
        self.databases.empty()
        self.run(then)

    # what happens to a trade

    def add(self, place: int, day: date) -> None:
        """A new one is recorded now, or committed only now with a time of before."""
        recorded_at = self.clock() if place % 2 else None
        quantity = self.next_quantity(f"t{self.world.trade_numbers + 1:06d}")
        self.world.trade(ALICE, BOB, quantity, day=day, recorded_at=recorded_at)

    def move(self, place: int, day: date) -> None:
        """Its time is corrected, across a cut-off or not; `recorded_at` stays."""
        self.change(place, executed_at=self.another_time(day))

    def deliver_again(self, place: int, day: date) -> None:
        """It is there once more, in the same window or another."""
        self.trades.append(replace(self.trades[place], executed_at=self.another_time(day)))

    def delete(self, place: int, day: date) -> None:
        """It is gone."""
        del self.trades[place]

    def edit(self, place: int, day: date) -> None:
        """It has another quantity, as if it had always had it."""
        self.change(place, base_quantity=self.next_quantity(self.trades[place].trade_id))

    # the end

    def teardown(self) -> None:
        """Repetitions go, people say what is true, and every trade is in one date."""
        if not self.holds:
            return
        self.remove_repetitions()
        for _ in range(ROUNDS):
            for question in self.questions():
                self.answer_truly(question)
            green = [self.try_to_run(day) for day in DATES]
            if all(green):
                break
        else:
            pytest.fail(f"the dates do not settle: {self.questions()}")
        self.require_once()
        booked = self.booked()
        for trade in self.trades:
            under = [day for day in DATES if booked[day][trade.trade_id]]
            assert len(under) == 1 or trade.trade_id in self.asked_about, (trade, booked)

    # helpers

    def next_quantity(self, trade_id: str) -> int:
        """An amount that no other version of a trade has."""
        self.versions.append(trade_id)
        return 10 ** (len(self.versions) - 1)

    def another_time(self, day: date) -> datetime:
        """A moment of a date's window."""
        self.world.trade_numbers += 1
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        return noon + timedelta(seconds=self.world.trade_numbers)

    def change(self, place: int, **changes: object) -> None:
        """Change a trade in place."""
        self.trades[place] = replace(self.trades[place], **changes)

    def run(self, days: list[date]) -> None:
        """Runs of some dates; each may be refused."""
        for day in days:
            self.try_to_run(day)
            self.require_once()

    def try_to_run(self, day: date) -> bool:
        """One run; whether it was green."""
        self.clock.pass_time(timedelta(minutes=1))
        try:
            self.world.run(day)
        except SettlementError:
            return False
        return True

    def questions(self) -> list[Question]:
        """What waits for a person."""
        with self.world.ledger.transaction() as tx:
            return open_questions(tx, "demo")

    def decide(self, question: Question, choice: Choice) -> None:
        """Answer, and keep in mind what was said about which trades."""
        self.clock.pass_time(timedelta(minutes=1))
        decide(self.world.desk_of(PERSON), question.digest, choice, "because")
        if question.subject is Subject.OTHER_DATE:
            about = set(question.facts["examples"])
            assert len(about) == question.facts["trades"]
            self.asked_about |= about
            if choice is Choice.SETTLE:
                self.settled_as_well.update(about)
        elif choice is Choice.LEAVE:  # additions under the watermark are part of the change
            self.asked_about |= {each.trade_id for each in self.of(question.business_date)}

    def answer_truly(self, question: Question) -> None:
        """What changed is settled; what another date has is left out."""
        if question.subject is Subject.HISTORY:
            self.decide(question, Choice.SETTLE)
            return
        booked = self.booked()
        about = question.facts["examples"]
        elsewhere = [day for day in DATES if day != question.business_date]
        held = {day for day in elsewhere if any(booked[day][each] for each in about)}
        self.decide(question, Choice.LEAVE if held else Choice.SETTLE)

    def of(self, day: date) -> list[TradeRow]:
        """Trades of a date's window."""
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        return [each for each in self.trades if abs(each.executed_at - noon) < timedelta(hours=6)]

    def remove_repetitions(self) -> None:
        """Of the same id in the same window, one stays."""
        for day in DATES:
            seen: set[str] = set()
            for each in self.of(day):
                if each.trade_id in seen:
                    self.trades.remove(each)
                seen.add(each.trade_id)

    def booked(self) -> dict[date, Counter[str]]:
        """How often each trade is in what the partner has booked for each date."""
        booked = {day: Counter[str]() for day in DATES}
        amounts = Counter[date]()
        for each in self.world.sandbox.bookings(0):
            if (each.connection_id, each.currency) == KEY:
                day = date.fromisoformat(each.external_id.removeprefix("demo-")[:10])
                amounts[day] += each.amount
        for day, amount in amounts.items():
            rest = amount
            for trade_id in self.versions:
                digit = (rest + 4) % 10 - 4
                rest = (rest - digit) // 10
                booked[day][trade_id] += digit
            assert rest == 0, amounts
        return booked

    def require_once(self) -> None:
        """No trade is booked more often than a person has said."""
        self.holds = False
        times = Counter[str]()
        for trades in self.booked().values():
            assert all(count in {0, 1} for count in trades.values()), trades
            times.update(trades)
        for trade_id, count in times.items():
            assert count <= 1 + self.settled_as_well[trade_id], (trade_id, self.booked())
        self.holds = True


def test_no_trade_is_settled_twice_and_none_is_lost(databases: Databases) -> None:
    """However trades, dates, people and the ledger change."""
    run_machine(
        lambda: NeighbouringDates(databases),
        settings=settings(
            max_examples=10,
            stateful_step_count=8,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
