"""A broker's clients settle with each other: every amount has a client on either side.

Partner API, section 4, form 2. The platform takes no part, so each currency of a request has to net
to zero, and a request cannot be split: halves of it would not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from settlement.amounts import to_base_units_text
from settlement.errors import NotNettingError
from settlement.values import Line
from settlement.wording import first_few


class ClientToClient(NamedTuple):
    """One amount from a client that lost to one that won, in base units, above zero."""

    source: str
    destination: str
    currency: str
    amount: int


def client_to_client(lines: Iterable[Line]) -> list[ClientToClient]:
    """Who pays whom so that every line is met. Deterministic: the same lines, the same amounts.

    :raises ValueError: if a currency does not net to zero
    """
    by_currency: dict[str, list[Line]] = {}
    for line in sorted(lines):
        by_currency.setdefault(line.currency, []).append(line)
    found = [each for lines_of in by_currency.values() for each in _matched(lines_of)]
    return sorted(found)


def _matched(lines: Sequence[Line]) -> Iterator[ClientToClient]:
    """Losers and winners of one currency, each in order, the first pays the first."""
    if sum(line.amount for line in lines) != 0:
        raise ValueError(f"the lines in {lines[0].currency} do not net to zero")
    losses = deque((line.connection_id, -line.amount) for line in lines if line.amount < 0)
    for winner in (line for line in lines if line.amount > 0):
        due = winner.amount
        while due:
            source, left = losses.popleft()
            amount = min(due, left)
            yield ClientToClient(source, winner.connection_id, winner.currency, amount)
            due -= amount
            if left > amount:
                losses.appendleft((source, left - amount))


def require_one_netting_request(
    name: str, requests: Sequence[Sequence[Line]], max_connections: int
) -> None:
    """Refuse what a broker cannot send: amounts that do not net, or more clients than fit.

    :param requests: what is to be built; at most one for a broker
    :raises NotNettingError: naming the currencies, or the number of connections
    """
    for lines in requests:
        sums: dict[str, int] = {}
        for line in lines:
            sums[line.currency] = sums.get(line.currency, 0) + line.amount
        off = [
            f"{currency} {to_base_units_text(total)} base units"
            for currency, total in sorted(sums.items())
            if total
        ]
        if off:
            raise NotNettingError(
                f"{name} is a broker, but what its clients owe each other does not net to zero: "
                f"{first_few(off)}. A broker's request cannot settle fees, or trades "
                "with the house. A hold on one side of a trade leaves the other side unmatched. "
                "Correct the trades or end the hold, then clear compute_net_positions",
                partner=name,
            )
        connections = {line.connection_id for line in lines}
        if len(connections) > max_connections:
            raise NotNettingError(
                f"{name} is a broker, so a date is one request, and this one names "
                f"{len(connections)} connections; max_connections_per_request is "
                f"{max_connections}. It cannot be split, since its parts would not net to zero: "
                "raise the maximum if the partner accepts that many",
                partner=name,
                connection_ids=connections,
            )
