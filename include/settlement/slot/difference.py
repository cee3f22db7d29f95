"""Settle the difference: what a date still owes, and which slots carry it.

    difference(D) = net positions of D − lines of D that are completed or in flight

A slot may still turn out to be booked with a body it carried before: a look-up lagged, an old
request arrived late. The partner's fence (one settlement per externalId) makes that harmless only
as long as no *other* slot carries the same amount again. So free slots are filled in order, and
nothing is first sent above one under which the partner has shown nothing (`steps.submit`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from settlement.request.narrowing import Refusal, parts_of
from settlement.slot.state import IN_EFFECT, OPEN, Slot
from settlement.values import Line, PositionKey, Positions, as_lines, as_positions


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
        if slot.state in IN_EFFECT and not slot.free and slot.current is not None
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


def plan(
    owed: Positions,
    slots: Sequence[Slot],
    max_connections: int,
    refusals: Sequence[Refusal] = (),
) -> Plan:
    """Distribute the difference over free slots, in order, then over new ones. Deterministic.

    :param owed: the difference, connections on hold left out
    :param slots: all slots of the date, in order
    :param max_connections: most connections in one request
    :param refusals: of the date, to be narrowed down
    """
    waiting = {key: amount for key, amount in owed.items() if runs_against_open(key, amount, slots)}
    lines = as_lines({key: amount for key, amount in owed.items() if key not in waiting})
    free = [slot.external_id for slot in slots if slot.free]
    chunks = [
        chunk
        for part in parts_of({line.connection_id for line in lines}, refusals)
        for chunk in _chunks(
            (each for each in lines if each.connection_id in part), max_connections
        )
    ]
    fills = tuple(Fill(name, chunk) for name, chunk in zip_longest(free[: len(chunks)], chunks))
    return Plan(fills, withdrawn=tuple(free[len(chunks) :]), waiting=waiting)


def runs_against_open(key: PositionKey, amount: int, slots: Iterable[Slot]) -> bool:
    """Whether an open slot holds the key the other way round.

    The difference counts it as booked. Should it not be, the amount would take what is booked past
    the snapshot; so it waits until the partner has shown how that slot ends.
    """
    held = (
        slot.current.positions.get(key, 0)
        for slot in slots
        if slot.state in OPEN and not slot.free and slot.current
    )
    return any(other * amount < 0 for other in held)


def _chunks(lines: Iterable[Line], max_connections: int) -> Iterator[tuple[Line, ...]]:
    """Lines of one request each; clients' losses come first.

    The partner receives the losses and pays the gains from the same account, so this order funds
    it first.
    """
    chunk: list[Line] = []
    connections: set[str] = set()
    for line in sorted(lines, key=lambda line: (line.amount > 0, line)):
        if line.connection_id not in connections and len(connections) >= max_connections:
            yield tuple(sorted(chunk))
            chunk, connections = [], set()
        chunk.append(line)
        connections.add(line.connection_id)
    if chunk:
        yield tuple(sorted(chunk))
