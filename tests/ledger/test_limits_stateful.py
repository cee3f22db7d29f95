"""Limits over any life of a ledger: random requests of three dates, beside a plain Python oracle.

What the ledger takes for taken is read from the error of a build that never fits.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import select, text

from settlement.config.limits import Limits
from settlement.errors import LimitExceededError
from settlement.ledger.database import Ledger
from settlement.ledger.dates import next_generation
from settlement.ledger.filling import carry_out
from settlement.ledger.folding import apply_evidence, take_as_booked
from settlement.ledger.limits import require_within_limits
from settlement.ledger.schema import slot
from settlement.ledger.slots import open_slot
from settlement.ledger.snapshots import Reading, Snapshot, store_snapshot
from settlement.request.external_id import SlotIdentity
from settlement.slot.difference import Fill, Plan
from settlement.slot.evidence import Absent, Answered, Evidence, Sent, Shown, Verdict
from settlement.values import Line, as_positions
from support.day import ACTOR, ALICE, BOB, DAY, demo_partner
from support.limits_oracle import Known, Lines, Oracle

DATES = [DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)]
AMOUNTS = st.sampled_from([20, -20, 40, -40, 10**20])  # few, so that sums often meet a cap
KEYS = st.tuples(st.sampled_from([ALICE, BOB]), st.sampled_from(["BTC", "USD"]))
LINES = st.dictionaries(KEYS, AMOUNTS, min_size=1).map(
    lambda amounts: tuple(sorted(Line(*key, amount) for key, amount in amounts.items()))
)
CAPS = st.fixed_dictionaries({"BTC": st.sampled_from([20, 40, 80, 120, 2 * 10**20])})
LIMITS = st.builds(
    Limits,
    requests_per_date=st.integers(2, 9),
    requests_per_day=st.integers(3, 12),
    gross_per_date=CAPS,
    gross_per_day=CAPS,
)
ALL_AT_ZERO = {
    "requests_per_date": 1,
    "requests_per_day": 1,
    "gross_per_date": {"BTC": 0, "USD": 0},
    "gross_per_day": {"BTC": 0, "USD": 0},
}
NEVER_FITS = [Fill(None, (Line(ALICE, currency, 1),)) for currency in ("BTC", "USD")]
TAKEN = re.compile(r"limits\.(\w+)_per_(date|day)\.?(\w*) allows .*: ([0-9,.]+) \S+ taken")
NOT_BOOKED = (Verdict.PENDING, Verdict.FAILED, Verdict.REJECTED)
NOT_CONCLUDED = ("prepared", "unknown", "pending", "failed", "refused", "rejected", "withdrawn")
UNITS = ("requests", "BTC", "USD")
NUMBERS = itertools.count(1)


def there_is(*states: str) -> Callable[[Any], Any]:
    """The rule needs a slot in one of these states."""
    return precondition(lambda machine: machine.oracle.within(*states))


class LimitsOverTime(RuleBasedStateMachine):
    """Everything that can happen to a slot, in any order, at any hour."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        self.oracle = Oracle()
        self.slots = self.oracle.slots
        self.snapshots: dict[date, Snapshot] = {}
        self.turns = itertools.cycle(DATES)

    @initialize(limits=LIMITS)
    def start(self, limits: Limits) -> None:
        """A partner of its own in the ledger that all examples share."""
        self.partner = demo_partner(name=f"p{next(NUMBERS)}", limits=limits)
        nothing = Reading(trade_count=0, watermark=None, newest_executed_at=None, query_text="")
        with self.ledger.transaction() as tx:
            for day in DATES:
                frozen = next_generation(tx, self.partner, day, ACTOR)
                self.snapshots[day] = store_snapshot(tx, frozen, [], nothing, ACTOR)

    def pick(self, data: st.DataObject, *states: str) -> str:
        """One of the slots in these states."""
        return data.draw(st.sampled_from(self.oracle.within(*states)))

    def fold(self, name: str, state: str, *evidence: Evidence) -> None:
        """The slot's only way to another state; the oracle knows to which."""
        with self.ledger.transaction() as tx:
            for each in evidence:
                apply_evidence(tx, name, each, ACTOR, answer_digest=None)
        self.slots[name].state, self.slots[name].changed = state, self.oracle.now

    def shown(self, name: str, booked: Lines) -> Shown:
        """The partner shows this completed under a slot."""
        return Shown(f"s-{name}", "completed", as_positions(booked), transfers_completed=True)

    # what can happen

    @rule(data=st.data(), day=st.sampled_from(DATES), more=st.lists(LINES, max_size=2))
    def build(self, data: st.DataObject, day: date, more: list[Lines]) -> None:
        """Each free slot of the date is kept, filled anew or emptied; then new ones are opened."""
        assume(not self.oracle.within("diverged", day=day))
        free = self.oracle.within("prepared", "refused", "withdrawn", day=day)
        drawn = [(n, data.draw(st.none() | LINES | st.just(self.slots[n].current))) for n in free]
        fills = [Fill(name, lines) for name, lines in drawn if lines]
        fills += [Fill(None, lines) for lines in more]
        withdrawn = tuple(name for name, lines in drawn if not lines)
        fits = self.oracle.fits(self.partner.limits, day, [each.lines for each in fills])
        filled = self.carried_out(day, Plan(tuple(fills), withdrawn, {}))
        assert (filled is not None) == fits
        if filled is not None:
            self.oracle.note_build(day, dict(zip(filled, fills, strict=True)), withdrawn)

    def carried_out(self, day: date, plan: Plan) -> list[str] | None:
        """The heart of a build: the externalIds that it filled, or None if the limits refuse."""
        try:
            with self.ledger.transaction() as tx:
                require_within_limits(tx, self.partner, day, plan.fills)
                return carry_out(tx, plan, self.snapshots[day], ACTOR)
        except LimitExceededError:
            return None

    @there_is("prepared")
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """From now on the outcome is unknown."""
        name = self.pick(data, "prepared")
        self.fold(name, "unknown", Sent(len(self.slots[name].bodies)))

    @there_is("unknown")
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        """The partner says no, and a look-up finds nothing."""
        name = self.pick(data, "unknown")
        no = Answered(len(self.slots[name].bodies), Verdict.REFUSAL)
        self.fold(name, "refused", no, Absent())

    @there_is("unknown", "pending", "failed")
    @rule(data=st.data(), verdict=st.sampled_from(NOT_BOOKED))
    def answer(self, data: st.DataObject, verdict: Verdict) -> None:
        """The partner shows it under way, or that it will never book it."""
        name = self.pick(data, "unknown", "pending", "failed")
        answer = Answered(len(self.slots[name].bodies), verdict, f"s-{name}")
        self.fold(name, verdict.value, answer)

    @there_is(*NOT_CONCLUDED)
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        """Any body that the slot ever had turns out booked, whatever was believed before."""
        name = self.pick(data, *NOT_CONCLUDED)
        number = data.draw(st.integers(1, len(self.slots[name].bodies)))
        self.slots[name].current = self.slots[name].bodies[number - 1]
        self.fold(name, "completed", Answered(number, Verdict.COMPLETED, f"s-{name}"))

    @there_is("prepared", "unknown", "refused")
    @rule(data=st.data(), booked=LINES)
    def diverge(self, data: st.DataObject, booked: Lines) -> None:
        """The partner shows what is none of the slot's bodies."""
        name = self.pick(data, "prepared", "unknown", "refused")
        assume(booked not in self.slots[name].bodies)
        self.fold(name, "diverged", self.shown(name, booked))

    @there_is("diverged")
    @rule(data=st.data(), booked=LINES)
    def record(self, data: st.DataObject, booked: Lines) -> None:
        """A person takes as booked what the partner shows under a diverged slot."""
        name = self.pick(data, "diverged")
        each = self.slots[name]
        with self.ledger.transaction() as tx:
            take_as_booked(tx, name, self.shown(name, booked), each.day, "theirs", ACTOR)
        each.state, each.current, each.foreign = "completed", booked, True

    @rule(day=st.sampled_from(DATES), booked=LINES)
    def adopt(self, day: date, booked: Lines) -> None:
        """The partner shows a settlement of ours that the ledger has forgotten."""
        number = 1 + sum(each.day == day for each in self.slots.values())
        identity = SlotIdentity(self.partner.name, day, number)
        with self.ledger.transaction() as tx:
            open_slot(tx, identity)
        name = identity.external_id
        self.slots[name] = Known(day, current=booked, foreign=True)
        self.fold(name, "completed", self.shown(name, booked))

    @rule(hours=st.sampled_from([1, 11, 12, 23, 24]))
    def let_pass(self, hours: int) -> None:
        """Everything becomes older."""
        self.oracle.now += hours
        older = "UPDATE slot SET updated_at = updated_at - make_interval(hours => :hours)"
        with self.ledger.transaction() as tx:
            ours = {"hours": hours, "partner": self.partner.name}
            tx.execute(text(f"{older} WHERE partner = :partner"), ours)

    # what must hold

    @invariant()
    def the_ledger_takes_for_taken_what_the_oracle_does(self) -> None:
        """For one date after another and for the rolling day, to the last base unit."""
        day = next(self.turns)
        at_zero = demo_partner(name=self.partner.name, limits=Limits.model_validate(ALL_AT_ZERO))
        with self.ledger.transaction() as tx, pytest.raises(LimitExceededError) as refused:
            require_within_limits(tx, at_zero, day, NEVER_FITS)
        shown = {
            (span, currency or what): int(re.sub("[,.]", "", number))
            for what, span, currency, number in TAKEN.findall(refused.value.message)
        }
        both = zip(("date", "day"), self.oracle.taken(day), strict=True)
        assert shown == {(span, each): sums[each] for span, sums in both for each in UNITS}

    @invariant()
    def the_oracle_follows_the_ledger(self) -> None:
        """Else it would prove nothing."""
        states = select(slot.c.external_id, slot.c.state).where(slot.c.partner == self.partner.name)
        with self.ledger.transaction() as tx:
            held = dict(tx.execute(states).tuples().all())
        assert held == {name: each.state for name, each in self.slots.items()}


def test_limits_agree_with_an_oracle_over_any_life_of_a_ledger(ledger: Ledger) -> None:
    """What is taken is what was built and may be booked, never more, never less."""
    run_machine(
        lambda: LimitsOverTime(ledger),
        settings=settings(max_examples=20, stateful_step_count=20),
    )
