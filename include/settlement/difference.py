"""Settle the difference: what a date still owes, and which slots carry it.

    difference(D) = net positions of D − lines of D that are completed or in flight

A slot may still turn out to be booked with a body it carried before: a look-up lagged, an old
request arrived late. The partner's fence (one settlement per externalId) makes that harmless only
as long as no *other* slot carries the same amount again. So an amount that was ever sent under a
slot stays in that slot until the partner has shown what is booked there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from settlement.slot_state import FREE, IN_EFFECT, OPEN, Body, Slot
from settlement.values import Line, PositionKey, Positions, as_positions


@dataclass(frozen=True, slots=True)
class Fill:
    """Lines for one slot; `external_id` is None for a slot that is still to be opened."""

    external_id: str | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build does: slots to fill, slots to withdraw, amounts that must wait."""

    fills: tuple[Fill, ...]
    withdrawn: tuple[str, ...]
    waiting: dict[PositionKey, int]


def in_effect(slots: Iterable[Slot]) -> dict[PositionKey, int]:
    """Sum of the current bodies' lines over slots that are completed or in flight."""
    return as_positions(
        Line(key.connection_id, key.currency, amount)
        for slot in slots
        if slot.state in IN_EFFECT and slot.current is not None
        for key, amount in slot.current.positions.items()
    )


def difference(net: Positions, slots: Iterable[Slot]) -> dict[PositionKey, int]:
    """Net positions minus what is completed or in flight, zeros left out."""
    owed = dict(net)
    for key, amount in in_effect(slots).items():
        owed[key] = owed.get(key, 0) - amount
    return {key: amount for key, amount in owed.items() if amount != 0}


def without_connections(
    positions: Positions, connections: frozenset[str]
) -> dict[PositionKey, int]:
    """The positions of all connections but the given ones (those on hold)."""
    return {key: value for key, value in positions.items() if key.connection_id not in connections}


def plan(owed: Positions, slots: Sequence[Slot], max_connections: int) -> Plan:
    """Distribute the difference over free slots, in order, then over new ones. Deterministic.

    :param owed: the difference, connections on hold left out
    :param slots: all slots of the date, in order
    :param max_connections: most connections in one request
    """
    free = [slot for slot in slots if slot.state in FREE]
    fenced = _fenced_keys(slots)
    waiting = {
        key: amount
        for key, amount in owed.items()
        if key in fenced or runs_against_open(key, amount, slots)
    }
    lines: dict[str, list[Line]] = {slot.external_id: [] for slot in free}
    loose: list[Line] = []
    for key, amount in sorted(owed.items()):
        if key in waiting:
            continue
        homes = _homes(key, free)
        if not homes:
            loose.append(Line(*key, amount))
        for home, part in zip(homes, _shares(key, amount, homes), strict=True):
            if part:
                lines[home.external_id].append(Line(*key, part))
    chunks = _chunks(loose, [lines[slot.external_id] for slot in free], max_connections)
    fills: list[Fill] = []
    withdrawn: list[str] = []
    for slot in free:
        filled = (*lines[slot.external_id], *next(chunks))
        if filled:
            fills.append(Fill(slot.external_id, tuple(sorted(filled))))
        else:
            withdrawn.append(slot.external_id)
    fills.extend(Fill(None, tuple(sorted(chunk))) for chunk in chunks)
    return Plan(tuple(fills), tuple(withdrawn), waiting)


def runs_against_open(key: PositionKey, amount: int, slots: Iterable[Slot]) -> bool:
    """Whether an open slot holds the key the other way round.

    The difference counts it as booked. Should it not be, the amount would take what is booked past
    the snapshot; so it waits until the partner has shown how that slot ends.
    """
    held = (
        slot.current.positions.get(key, 0) for slot in slots if slot.state in OPEN and slot.current
    )
    return any(other * amount < 0 for other in held)


def _sent_bodies(slot: Slot) -> Iterator[Body]:
    return (body for body in slot.bodies if body.sent)


def _fenced_keys(slots: Iterable[Slot]) -> set[PositionKey]:
    """Amounts of open slots that an older body, also sent, gives otherwise: they must wait."""
    fenced: set[PositionKey] = set()
    for slot in slots:
        if slot.state not in OPEN:
            continue
        current = slot.current.positions if slot.current else {}
        for body in _sent_bodies(slot):
            keys = body.positions.keys() | current.keys()
            fenced |= {key for key in keys if body.positions.get(key) != current.get(key)}
    return fenced


def _homes(key: PositionKey, free: Iterable[Slot]) -> list[Slot]:
    """Free slots under which an amount for `key` was sent before."""
    return [slot for slot in free if any(key in body.positions for body in _sent_bodies(slot))]


def _shares(key: PositionKey, amount: int, homes: Sequence[Slot]) -> list[int]:
    """What each home carries of an amount, so that no home booked after all makes it too much.

    Slots are sent in order, each only when those before it are concluded. So the first home always
    carries something, at least one unit: sending it shows what is booked there, and the plan is
    checked again before the next. The others carry no more than they carried before; where one of
    them was booked after all, the partner meets it with a 409 and nothing is added.
    """
    unit = 1 if amount > 0 else -1
    left = amount - unit
    shares: list[int] = []
    for home in reversed(homes[1:]):
        carried = [body.positions.get(key, 0) * unit for body in _sent_bodies(home)]
        share = min(max(0, *carried), left * unit) * unit
        shares.append(share)
        left -= share
    return [left + unit, *reversed(shares)] if homes else []


def _chunks(
    loose: Sequence[Line], carried: Sequence[Sequence[Line]], max_connections: int
) -> Iterator[list[Line]]:
    """Lines to add to each free slot, then those of new slots; clients' losses come first.

    The partner receives the losses and pays the gains from the same account, so this order funds
    it first. A slot that must carry more connections than the maximum takes nothing besides.
    """
    queue = sorted(loose, key=lambda line: (line.amount > 0, line))
    position = 0
    slot = 0
    while slot < len(carried) or position < len(queue):
        connections = (
            {line.connection_id for line in carried[slot]} if slot < len(carried) else set()
        )
        chunk: list[Line] = []
        while position < len(queue):
            line = queue[position]
            if line.connection_id not in connections and len(connections) >= max_connections:
                break
            connections.add(line.connection_id)
            chunk.append(line)
            position += 1
        yield chunk
        slot += 1
