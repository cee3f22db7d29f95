"""Narrowing a refusal down to the client that it is about, so that everybody else settles.

A refused request says no to all of its clients, though it means one. What is sent next under its
externalId is a part of it: the clients that the answer names, or one half after the other. What is
refused in the end is one client, whose request comes last: only that client waits for it.

Nothing here is remembered: the parts follow from the refusals that the ledger holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

Clients = frozenset[str]
"""Connection ids."""

MOST_REFUSALS = 24
"""Of one date before a person looks: by halves that is one client in 2^24, or two or three."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that the partner refused: its clients, and those of them that the answer names.

    `recent`: since a run that was not started to narrow last read the date's trades; what was
    refused before that may have been corrected.
    """

    clients: Clients
    named: Clients = frozenset()
    recent: bool = True

    @property
    def alone(self) -> bool:
        """Whether it is known whom the refusal is about."""
        return len(self.clients) == 1


def parts_of(owed: Collection[str], refusals: Sequence[Refusal]) -> list[Clients]:
    """The clients who are owed something, in parts in the order of sending; none is empty.

    Untouched clients first: they settle whatever is wrong with the others. Then the suspects of
    each refusal by halves, so that each answer clears or accuses half of them; then whom the
    answers have cleared; then the last suspects, alone; then those who were refused alone before,
    whose refusal is the oldest first.

    :param owed: connections with a difference
    :param refusals: of the date, in order
    """
    left = set(owed)
    alone = _alone(left, refusals)
    accused = [
        each
        for refusal in refusals
        if refusal.recent
        for each in (refusal.clients & left, refusal.named & left)
    ]
    suspects: list[list[str]] = []
    told = set(alone)
    for each in _narrowest([clients for clients in accused if clients]):
        suspects.append(sorted(each - told))
        told |= each
    touched = set().union(*accused)
    halves = [list(_by_halves(each)) for each in suspects if each]
    return [
        part
        for part in (
            frozenset(left - touched - set(alone)),
            *(half for each in halves for half in each[:-1]),
            frozenset(touched - told),
            *(each[-1] for each in halves),
            *(frozenset({each}) for each in alone),
        )
        if part
    ]


def goes_on(owed: Collection[str], refusals: Sequence[Refusal]) -> bool:
    """Whether the clients who are owed something can be told apart further without a person."""
    recent = [each for each in refusals if each.recent]
    known = {client for each in recent if each.alone for client in each.clients}
    return 0 < len(recent) < MOST_REFUSALS and not known.issuperset(owed)


def _alone(left: Collection[str], refusals: Sequence[Refusal]) -> list[str]:
    """Clients who were refused alone, those whose newest such refusal is the oldest first."""
    newest: dict[str, None] = {}
    for refusal in refusals:
        if refusal.alone:
            (client,) = refusal.clients
            newest.pop(client, None)
            newest[client] = None
    return [client for client in newest if client in left]


def _narrowest(accused: Iterable[Clients]) -> list[Clients]:
    """Those that none of the others explains: it is about a client of theirs if of a part of it."""
    sets = sorted(set(accused), key=lambda each: (len(each), sorted(each)))
    return [each for number, each in enumerate(sets) if not any(s < each for s in sets[:number])]


def _by_halves(suspects: Sequence[str]) -> Iterator[Clients]:
    """Half of them, half of the rest, and so on; the last two are one client each."""
    rest = list(suspects)
    while len(rest) > 1:
        half = len(rest) // 2
        yield frozenset(rest[:half])
        rest = rest[half:]
    yield frozenset(rest)
