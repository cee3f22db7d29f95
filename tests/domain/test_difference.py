"""The difference and its plan: what is owed, which slot carries it, and that it is never twice."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.slot.difference import Plan, difference, in_effect, plan, without_connections
from settlement.slot.evidence import Verdict
from settlement.slot.state import FREE, IN_EFFECT, OPEN, Body, Slot, State
from settlement.values import Line, PositionKey, Positions, as_positions
from support.adversary import Message, Rehearsal

KEYS = [PositionKey(connection, currency) for connection in "abcd" for currency in ("BTC", "USD")]
A, B = PositionKey("a", "BTC"), PositionKey("b", "BTC")
HUGE = 10**30


def slot(state: State, *bodies: Positions, sent: bool = True, n: int = 1) -> Slot:
    """A slot whose last body is current."""
    held = tuple(Body(place, each, sent) for place, each in enumerate(bodies, start=1))
    return Slot(f"slot-{n}", state, len(held) or None, bodies=held)


amounts = st.integers(-HUGE, HUGE).filter(bool)
positions = st.dictionaries(st.sampled_from(KEYS), amounts, max_size=6)
bodies = st.builds(Body, number=st.just(0), positions=positions.filter(bool), sent=st.booleans())


@st.composite
def histories(draw: st.DrawFn) -> list[Slot]:
    """Slots in any state, each with up to three bodies."""
    slots = []
    for n in range(1, draw(st.integers(0, 4)) + 1):
        held = draw(st.lists(bodies, min_size=1, max_size=3))
        numbered = tuple(
            Body(place, each.positions, each.sent) for place, each in enumerate(held, start=1)
        )
        state = draw(st.sampled_from(sorted(State)))
        current = None if state is State.WITHDRAWN else draw(st.integers(1, len(held)))
        slots.append(Slot(f"slot-{n}", state, current, bodies=numbered))
    return slots


limits = st.integers(1, 3)


def carried(planned: Plan) -> Positions:
    """What all fills of a plan carry together."""
    return as_positions(line for fill in planned.fills for line in fill.lines)


def connections_of(lines: Sequence[Line]) -> set[str]:
    """Connections that the lines name."""
    return {line.connection_id for line in lines}


# the difference


@given(positions, histories())
def test_the_difference_is_what_is_neither_booked_nor_in_flight(
    net: dict[PositionKey, int], slots: list[Slot]
) -> None:
    """Net = completed + in flight + owed, for every key, to the last unit; no zeros."""
    owed = difference(net, slots)
    taken = Counter[PositionKey]()
    for each in slots:
        if each.state in {State.UNKNOWN, State.PENDING, State.FAILED, State.COMPLETED}:
            assert each.current is not None
            taken.update(each.current.positions)
    for key in KEYS:
        assert net.get(key, 0) == taken[key] + owed.get(key, 0)
    assert all(owed.values())


def test_a_settled_date_owes_nothing() -> None:
    """The second run of a date: nothing to send."""
    slots = [slot(State.COMPLETED, {A: -HUGE}), slot(State.COMPLETED, {B: HUGE}, n=2)]
    assert difference({A: -HUGE, B: HUGE}, slots) == {}
    assert plan({}, slots, 40) == Plan((), (), {})


def test_a_connection_on_hold_is_left_out_whole() -> None:
    """All its currencies, and nothing of anybody else."""
    net = dict.fromkeys(KEYS, 1)
    left = without_connections(net, frozenset({"a", "c"}))
    assert {key.connection_id for key in left} == {"b", "d"}


# the first plan


def test_the_first_plan_opens_slots_losses_first() -> None:
    """What clients lost funds the account that pays what others won."""
    net = {
        PositionKey(name, "BTC"): amount
        for name, amount in zip("abcd", [5, -4, 7, -8], strict=True)
    }
    planned = plan(net, [], 2)
    assert [fill.external_id for fill in planned.fills] == [None, None]
    assert planned.fills[0].lines == (Line("b", "BTC", -4), Line("d", "BTC", -8))
    assert planned.fills[1].lines == (Line("a", "BTC", 5), Line("c", "BTC", 7))
    assert planned.waiting == {}


@given(positions, limits)
def test_a_first_plan_carries_everything_once_losses_before_gains(
    net: dict[PositionKey, int], limit: int
) -> None:
    """No key in two requests, no request over the limit, no gain before a loss."""
    planned = plan(net, [], limit)
    assert carried(planned) == net
    assert sum(len(fill.lines) for fill in planned.fills) == len(net)
    assert all(len(connections_of(fill.lines)) <= limit for fill in planned.fills)
    gains = [[line.amount > 0 for line in fill.lines] for fill in planned.fills]
    assert all(not any(one) or all(other) for one, other in itertools.pairwise(gains))


# any plan


@given(positions, histories(), limits)
def test_fills_and_what_waits_are_what_is_owed(
    net: dict[PositionKey, int], slots: list[Slot], limit: int
) -> None:
    """Nothing is invented, nothing is dropped, nothing is split into opposites."""
    owed = difference(net, slots)
    planned = plan(owed, slots, limit)
    assert (
        as_positions(
            [line for fill in planned.fills for line in fill.lines]
            + [Line(*key, amount) for key, amount in planned.waiting.items()]
        )
        == owed
    )
    for fill in planned.fills:
        assert len({line.key for line in fill.lines}) == len(fill.lines)
        assert all(line.amount * owed[line.key] > 0 for line in fill.lines)
        assert fill.lines == tuple(sorted(fill.lines))


@given(positions, histories(), limits)
def test_only_free_slots_are_touched(
    net: dict[PositionKey, int], slots: list[Slot], limit: int
) -> None:
    """Each free slot is filled or withdrawn, once; the lowest are filled, then new ones."""
    planned = plan(difference(net, slots), slots, limit)
    named = [fill.external_id for fill in planned.fills]
    free = [each.external_id for each in slots if each.state in FREE]
    old = [name for name in named if name is not None]
    assert named == old + [None] * (len(named) - len(old))
    assert [*old, *planned.withdrawn] == free


@given(positions, histories(), limits)
def test_nothing_runs_against_an_open_slot(
    net: dict[PositionKey, int], slots: list[Slot], limit: int
) -> None:
    """What an open slot holds is not certain: what depends on how it ends has to wait."""
    planned = plan(difference(net, slots), slots, limit)
    for key, amount in carried(planned).items():
        for each in slots:
            if each.state not in OPEN:
                continue
            assert each.current is not None
            held = each.current.positions.get(key, 0)
            assert held * amount >= 0


@given(positions, histories(), limits)
def test_requests_stay_within_the_limit(
    net: dict[PositionKey, int], slots: list[Slot], limit: int
) -> None:
    """As many connections as the partner file allows, and no more."""
    planned = plan(difference(net, slots), slots, limit)
    assert all(len(connections_of(fill.lines)) <= limit for fill in planned.fills)


@given(positions, histories(), limits, st.data())
def test_the_plan_depends_on_nothing_but_the_amounts(
    net: dict[PositionKey, int], slots: list[Slot], limit: int, data: st.DataObject
) -> None:
    """The order in which a database returns rows changes no byte of a request."""
    owed = difference(net, slots)
    shuffled = dict(data.draw(st.permutations(list(owed.items()))))
    assert plan(shuffled, slots, limit) == plan(owed, slots, limit)


# stories of refused slots


def test_a_refused_slot_is_filled_again_with_what_it_carried() -> None:
    """The same difference gives the same slots, so the same bytes."""
    net = {A: -5, B: 5}
    slots = [slot(State.REFUSED, {A: -5}), slot(State.REFUSED, {B: 5}, n=2)]
    planned = plan(difference(net, slots), slots, 1)
    assert [(fill.external_id, fill.lines) for fill in planned.fills] == [
        ("slot-1", (Line(*A, -5),)),
        ("slot-2", (Line(*B, 5),)),
    ]


def test_an_outdated_slot_that_was_never_sent_is_withdrawn() -> None:
    """Late trades cancelled the amount before it was sent."""
    slots = [slot(State.PREPARED, {A: -5}, sent=False)]
    assert plan({}, slots, 40) == Plan((), ("slot-1",), {})


# whatever was booked late


class BookedLate:
    """Trades come and go; a partner refuses, lags, forgets to answer and books late.

    At no time may more be booked for a client than the most, or less than the least, that any
    snapshot ever gave it; and once all is calm, exactly the newest one is booked.
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.date = Rehearsal(max_connections=1)
        self.seen: dict[PositionKey, set[int]] = {A: {0}, B: {0}}

    def play(self) -> None:
        """A few runs in bad times, then in calm ones until the date must be settled."""
        for _ in range(self.chance.randint(2, 6)):
            self.bad_run()
        for _ in range(3 + 2 * len(self.date.slots)):
            self.date.calm_run()
            self.check()
        assert self.date.is_settled()
        assert self.date.booked() == self.date.net

    def bad_run(self) -> None:
        """Trades, a build, and what the gate lets through; news comes at any time."""
        self.trade()
        self.date.build()
        self.news(self.chance.choice([0, 0, 0, 1, 2]))
        for name in list(self.date.slots):
            if self.date.may_be_sent(name):
                self.send(name)
        self.news(self.chance.choice([0, 0, 1, 2]))

    def trade(self) -> None:
        """Trades change net positions."""
        for key in (A, B):
            if self.chance.random() < 0.6:
                amount = self.chance.choice([0, 0, 2, 5, 9, 14, -4])
                self.seen[key].add(amount)
                self.date.net = as_positions([Line(*key, amount)]) | {
                    other: held for other, held in self.date.net.items() if other != key
                }

    def send(self, name: str) -> None:
        """Whatever the gate lets through is sent; mostly the partner says no and shows nothing."""
        self.date.send(name)
        message = self.date.sent[-1]
        fate = self.chance.choice(["lost", *["refused"] * 3, "completed", "failed", "pending"])
        if fate == "refused":
            self.refuse(message)
        elif fate != "lost":
            self.date.arrive(message, fate)
            self.date.hear(message)
        self.check()

    def refuse(self, message: Message) -> None:
        """A no, and look-ups that find nothing, whether or not that is true."""
        self.date.hear(message, Verdict.UNAUTHORISED)
        self.date.look_up(message.slot, lags=True)
        self.date.look_up(message.slot, lags=True)

    def news(self, count: int) -> None:
        """Anything that was ever sent may be heard of now."""
        for _ in range(count if self.date.sent else 0):
            message = self.chance.choice(self.date.sent)
            match self.chance.choice(
                ["refused", "completed", "completed", "pending", "look", "hear"]
            ):
                case "refused":
                    self.refuse(message)
                case "look":
                    self.date.look_up(message.slot)
                case "hear":
                    self.date.hear(message)
                case status:
                    self.date.arrive(message, status)
            self.check()

    def check(self) -> None:
        """Nothing was taken too far, and nothing that we sent is called foreign."""
        booked = self.date.booked()
        for key, seen in self.seen.items():
            assert min(seen) <= booked.get(key, 0) <= max(seen)
        assert all(each.state is not State.DIVERGED for each in self.date.slots.values())


class BookedAfterALoss(BookedLate):
    """And the ledger is lost again and again, or replaced by an older copy of itself.

    Requests that it has forgotten arrive whenever they like, and look-ups hide what they booked.
    """

    def bad_run(self) -> None:
        """Before a run, the ledger may be replaced; the listing shows some of what is booked."""
        copies = [{}, dict(self.date.slots)]
        super().bad_run()
        if self.chance.random() < 0.5:
            self.date.lose_ledger(self.chance.choice(copies))
            for name in list(self.date.partner):
                self.date.look_up(name, lags=self.chance.random() < 0.5)


STORIES = [
    (story, start) for story in (BookedLate, BookedAfterALoss) for start in range(0, 3000, 500)
]


@pytest.mark.parametrize(("story", "start"), STORIES)
def test_whatever_is_booked_late_nothing_is_settled_twice(
    story: type[BookedLate], start: int
) -> None:
    """Thousands of short stories, each from its seed."""
    for seed in range(start, start + 500):
        try:
            story(seed).play()
        except AssertionError as failure:
            raise AssertionError(f"the story of seed {seed}: {failure}") from failure


def test_in_effect_counts_bodies_of_one_key_together() -> None:
    """Two slots that carry the same client and currency."""
    slots = [slot(State.COMPLETED, {A: 5}), slot(State.PENDING, {A: 2}, n=2)]
    assert in_effect(slots) == {A: 7}
    assert {State.COMPLETED, *OPEN} == IN_EFFECT
