"""A partner that books late, answers late and lets look-ups lag, and a ledger without a database.

The rules are those of the project: a build plans the difference over the slots of one date, a
request is first sent when the gate lets it, every piece of news is folded. Whatever was ever sent
may arrive at any later time, also after the ledger that knew of it is lost; the partner's only
fence is one settlement per externalId.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from itertools import count

from settlement.request.instruction import nonce_of
from settlement.request.notes import notes_of
from settlement.slot.difference import Plan, difference, in_effect, plan, runs_against_open
from settlement.slot.evidence import Absent, Answered, Sent, Shown, Verdict
from settlement.slot.state import FREE, OPEN, Body, Slot, State, fold
from settlement.values import Line, PositionKey, Positions, as_lines, as_positions


@dataclass(frozen=True)
class Message:
    """A request on its way; only the ledger that wrote it, the n-th, hears its answer."""

    slot: str
    body: int
    positions: Positions
    ledger: int


@dataclass
class Settlement:
    """What the partner holds under an externalId: the amounts it took and what became of them."""

    positions: Positions
    status: str


@dataclass
class Rehearsal:
    """One date between a ledger and a partner."""

    max_connections: int = 2
    net: dict[PositionKey, int] = field(default_factory=dict)
    slots: dict[str, Slot] = field(default_factory=dict)
    built_from: dict[tuple[str, int], Positions] = field(default_factory=dict)
    sent: list[Message] = field(default_factory=list)
    partner: dict[str, Settlement] = field(default_factory=dict)
    losses: int = 0

    # our side

    def build(self) -> Plan:
        """Fill the free slots with the difference, then new ones."""
        slots = list(self.slots.values())
        planned = plan(difference(self.net, slots), slots, self.max_connections)
        for fill in planned.fills:
            name = fill.external_id or self._unused()
            held = self.slots.get(name, Slot(name, State.WITHDRAWN))
            self._fill(held, as_positions(fill.lines))
        for name in planned.withdrawn:
            if self.slots[name].state is State.PREPARED:
                held = replace(self.slots[name], state=State.WITHDRAWN, current_body=None)
                self.slots[name] = held
        return planned

    def _unused(self) -> str:
        return next(name for n in count(1) if (name := f"slot-{n}") not in self.slots)

    def _fill(self, held: Slot, positions: Positions) -> None:
        body = Body(len(held.bodies) + 1, positions)
        self.slots[held.external_id] = replace(
            held,
            state=State.PREPARED,
            current_body=body.number,
            bodies=(*held.bodies, body),
            last_verdict=None,
            absences=0,
        )
        self.built_from[held.external_id, body.number] = dict(self.net)

    def may_be_sent(self, name: str) -> bool:
        """The gate of a send: lower slots shown and the plan still right, or sent before."""
        slot = self.slots[name]
        if slot.state in OPEN and not slot.never_sent:
            return True
        if slot.state is not State.PREPARED or slot.current is None:
            return False
        before = [each for key, each in self.slots.items() if number(key) < number(name)]
        if any(each.state in FREE | {State.UNKNOWN} for each in before):
            return False
        net = self.built_from[name, slot.current.number]
        return all(
            self._still_fits(Line(*key, amount), net, name)
            for key, amount in slot.current.positions.items()
        )

    def _still_fits(self, line: Line, net: Positions, name: str) -> bool:
        others = [each for key, each in self.slots.items() if key != name]
        rest = net.get(line.key, 0) - in_effect(others).get(line.key, 0)
        fits = min(0, rest) <= line.amount <= max(0, rest)
        return fits and not runs_against_open(line.key, line.amount, others)

    def send(self, name: str) -> None:
        """Write that the current body is sent; it is on its way from now on."""
        current = self.slots[name].current
        assert current is not None
        self.slots[name] = fold(self.slots[name], Sent(current.number))
        self.sent.append(Message(name, current.number, current.positions, self.losses))

    def hear(self, message: Message, no: Verdict = Verdict.UNKNOWN) -> None:
        """The answer to a message, by what the partner holds when it answers.

        Who asked before the ledger was lost writes into the lost one.
        """
        if message.ledger != self.losses:
            return
        name = message.slot
        held = self.partner.get(name)
        if held is None:
            verdict = no
        elif held.positions == message.positions:
            verdict = Verdict(held.status)
        else:
            verdict = Verdict.CONFLICT
        evidence = Answered(message.body, verdict, settlement_id=name if held else None)
        self.slots[name] = fold(self.slots[name], evidence)

    def look_up(self, name: str, *, lags: bool = False) -> None:
        """What the partner shows under an externalId; nothing if its look-ups lag.

        A settlement that the ledger does not know is adopted, as the listing before a build does.
        """
        held = self.partner.get(name)
        if held is None or lags:
            if name in self.slots:
                self.slots[name] = fold(self.slots[name], Absent())
            return
        known = self.slots.get(name, Slot(name, State.UNKNOWN))
        notes = notes_of(date(2026, 1, 5), nonce_of(name, as_lines(held.positions)))
        shown = Shown(name, held.status, held.positions, held.status == "completed", notes=notes)
        self.slots[name] = fold(known, shown)
        self.slots = dict(sorted(self.slots.items(), key=lambda each: number(each[0])))

    def lose_ledger(self, copy: dict[str, Slot]) -> None:
        """Go on with an older copy of the ledger, or an empty one."""
        self.slots = dict(copy)
        self.losses += 1

    # the partner's side

    def arrive(self, message: Message, status: str) -> None:
        """A message reaches the partner: the first one under its externalId is taken."""
        held = self.partner.setdefault(message.slot, Settlement(message.positions, status))
        if held.positions == message.positions and held.status in {"pending", "failed"}:
            held.status = status

    def booked(self) -> dict[PositionKey, int]:
        """What is booked in the end, per key."""
        return as_positions(
            Line(*key, amount)
            for held in self.partner.values()
            if held.status == "completed"
            for key, amount in held.positions.items()
        )

    # when all is calm again

    def calm_run(self) -> None:
        """One run against a partner that answers, books and shows everything at once."""
        for name, held in self.partner.items():
            if held.status in {"pending", "failed"}:
                held.status = "completed"
            self.look_up(name)
        for name, slot in list(self.slots.items()):
            if slot.state in OPEN and self.may_be_sent(name):
                self._send_calmly(name)
        self.build()
        for name in list(self.slots):
            if self.slots[name].state is State.PREPARED and self.may_be_sent(name):
                self._send_calmly(name)

    def _send_calmly(self, name: str) -> None:
        self.send(name)
        self.arrive(self.sent[-1], "completed")
        self.hear(self.sent[-1])
        self.look_up(name)

    def is_settled(self) -> bool:
        """Green: nothing owed and no slot open."""
        slots = self.slots.values()
        owed = difference(self.net, slots)
        concluded = FREE - {State.PREPARED} | {State.COMPLETED, State.REJECTED}
        return not owed and all(each.state in concluded for each in slots)


def number(name: str) -> int:
    """Place of a slot in the order of its date."""
    return int(name.removeprefix("slot-"))
