"""What the partner has booked against what is owed, in plain Python, not by the ledger's code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date

from partner_sandbox.records import Booking
from settlement.values import PositionKey

# what is booked


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


def times_booked(bookings: Iterable[Booking]) -> Counter[PositionKey]:
    """How often each line was booked."""
    return Counter(PositionKey(each.connection_id, each.currency) for each in bookings)


# against what is owed


def goes_towards(amount: int, rest: int) -> bool:
    """Whether an amount takes what is booked towards what is owed, and not past it."""
    return min(0, rest) <= amount <= max(0, rest)


def apart(
    owed: Mapping[PositionKey, int], booked: Mapping[PositionKey, int]
) -> dict[PositionKey, tuple[int, int]]:
    """Lines where owed and booked are not equal, with both."""
    return {
        key: (owed.get(key, 0), booked.get(key, 0))
        for key in sorted(owed.keys() | booked.keys())
        if owed.get(key, 0) != booked.get(key, 0)
    }


def require_booked_once(bookings: Iterable[Booking], owed: Mapping[PositionKey, int]) -> None:
    """Exactly what is owed is booked, and every line of it once; something is owed."""
    lines = list(bookings)
    assert owed
    assert apart(owed, sums_of(lines)) == {}
    assert times_booked(lines) == dict.fromkeys(owed, 1)
