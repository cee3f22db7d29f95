"""What the partner has booked, in plain Python: nothing here trusts the ledger's code."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from partner_sandbox.records import Booking
from settlement.values import PositionKey


def sums_of(bookings: Iterable[Booking]) -> dict[PositionKey, int]:
    """Sum per connection and currency, zeros left out."""
    sums: dict[PositionKey, int] = {}
    for each in bookings:
        key = PositionKey(each.connection_id, each.currency)
        sums[key] = sums.get(key, 0) + each.amount
    return {key: amount for key, amount in sums.items() if amount}


def of_date(bookings: Iterable[Booking], day: date, partner: str = "demo") -> list[Booking]:
    """Bookings of a partner's business date."""
    about = f"{partner}-{day}-"
    return [each for each in bookings if each.external_id.startswith(about)]


def by_external_id(bookings: Iterable[Booking]) -> dict[str, list[Booking]]:
    """Bookings of each request, in the order in which they came."""
    groups: dict[str, list[Booking]] = {}
    for each in bookings:
        groups.setdefault(each.external_id, []).append(each)
    return groups


def goes_towards(amount: int, rest: int) -> bool:
    """Whether an amount takes what is booked towards what is owed, and not past it."""
    return min(0, rest) <= amount <= max(0, rest)
