"""Money at risk: one computed sentence, the same in task errors and in what commands show.

Amounts are gross, in base units: the sum of what each client gives or receives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from settlement.amounts import displayed
from settlement.slot.difference import difference, without_connections
from settlement.slot.state import Slot, State
from settlement.values import PositionKey, Positions

NOTHING_AT_RISK = "nothing at risk"


class Standing(StrEnum):
    """How an amount stands that is not settled; worst first."""

    DIVERGED = "diverged"
    UNKNOWN = "unknown"
    FAILED = "failed"
    REFUSED = "refused"
    PENDING = "pending"
    NOT_SENT = "not sent"
    ON_HOLD = "on hold"


WHAT_FOLLOWS: Mapping[Standing, str] = {
    Standing.DIVERGED: "nobody knows what is booked: a person compares both sides and decides",
    Standing.UNKNOWN: "booked or not: only the same bytes are sent again, so never twice",
    Standing.FAILED: "nothing is booked: the same bytes complete it once the account is funded",
    Standing.REFUSED: "nothing is booked: it is sent again once a person has corrected it",
    Standing.PENDING: "the partner is working on it: nothing to do",
    Standing.NOT_SENT: "nothing is booked: a run of the date sends it",
    Standing.ON_HOLD: "nothing is booked: a person keeps it back",
}
"""What an amount that stands so means, and what happens next."""

OWED_TOO = frozenset({Standing.DIVERGED, Standing.REFUSED})
"""What stands so does not count as taken: it is in the difference as well, and said once."""

STANDING_OF = {
    State.DIVERGED: Standing.DIVERGED,
    State.UNKNOWN: Standing.UNKNOWN,
    State.FAILED: Standing.FAILED,
    State.PENDING: Standing.PENDING,
}


@dataclass(frozen=True, slots=True)
class Amounts:
    """What stands the same way: gross base units per currency, and since when."""

    standing: Standing
    gross: Mapping[str, int]
    since: datetime | None

    def text(self, decimals: Mapping[str, int]) -> str:
        """One line; amounts in full units."""
        listed = ", ".join(
            f"{displayed(amount, currency, decimals)} {currency}"
            for currency, amount in sorted(self.gross.items())
        )
        since = f" since {self.since.astimezone(UTC):%Y-%m-%d %H:%M}Z" if self.since else ""
        what = f"{self.standing.value} {listed}" if listed else self.standing.value
        return f"{what}{since} ({WHAT_FOLLOWS[self.standing]})"


@dataclass(frozen=True, slots=True)
class MoneyAtRisk:
    """What is not settled of a business date.

    `never_read`: no snapshot was ever taken, so what is owed is not known. `read_at`: when the
    trades were read that it is reckoned from, if a later reading did not come to its end.
    """

    amounts: tuple[Amounts, ...]
    never_read: bool = False
    read_at: datetime | None = None

    def lines(self, decimals: Mapping[str, int]) -> list[str]:
        """The sentence in short lines, worst first."""
        lines = [each.text(decimals) for each in self.amounts]
        if self.never_read:
            return [*lines, "the date's trades were never read: what is owed is not known"]
        if self.read_at is not None:
            known = f"{self.read_at.astimezone(UTC):%Y-%m-%d %H:%M}Z"
            lines.append(f"as far as known: the newest complete reading of trades is of {known}")
        return lines if self.amounts else [NOTHING_AT_RISK, *lines]

    def sentence(self, decimals: Mapping[str, int]) -> str:
        """The same as one line."""
        return "; ".join(self.lines(decimals))


def by_currency(several: Iterable[MoneyAtRisk]) -> dict[str, dict[Standing, int]]:
    """Gross base units per currency and standing, over one date or several; worst first."""
    total: dict[str, dict[Standing, int]] = {}
    for each in sorted((each for risk in several for each in risk.amounts), key=_place):
        for currency, amount in each.gross.items():
            of_currency = total.setdefault(currency, {})
            of_currency[each.standing] = of_currency.get(each.standing, 0) + amount
    return total


def _place(amounts: Amounts) -> int:
    return list(Standing).index(amounts.standing)


def amounts_at_risk(
    net: Positions,
    slots: Iterable[Slot],
    held: frozenset[str],
    since: Mapping[str, datetime],
    owed_since: datetime | None,
) -> tuple[Amounts, ...]:
    """How everything stands that is not settled, worst first.

    :param held: connections on hold
    :param since: per externalId, when it was first sent or last changed
    :param owed_since: since when the rest is owed: the date's cut-off
    """
    slots = list(slots)
    owed = difference(net, slots)
    wanted = without_connections(owed, held)
    gross: dict[Standing, dict[str, int]] = {}
    moments: dict[Standing, list[datetime]] = {}
    for slot in slots:
        standing = _standing(slot)
        if standing is None:
            continue
        if slot.external_id in since:
            moments.setdefault(standing, []).append(since[slot.external_id])
        positions = slot.current.positions if slot.current else {}
        if standing in OWED_TOO:
            positions = {key: wanted.pop(key) for key in positions if key in wanted}
        _add(gross.setdefault(standing, {}), positions)
    on_hold = {key: amount for key, amount in owed.items() if key.connection_id in held}
    for standing, positions in ((Standing.NOT_SENT, wanted), (Standing.ON_HOLD, on_hold)):
        if positions:
            _add(gross.setdefault(standing, {}), positions)
            moments[standing] = [owed_since] if owed_since else []
    return tuple(
        Amounts(each, gross[each], min(moments.get(each, ()), default=None))
        for each in Standing
        if each in gross and (gross[each] or each is Standing.DIVERGED)
    )


def _standing(slot: Slot) -> Standing | None:
    """How what a slot holds stands; None if that is settled, or owed as if it were not there."""
    if slot.state is State.REFUSED:
        return Standing.REFUSED
    return None if slot.free else STANDING_OF.get(slot.state)


def _add(gross: dict[str, int], positions: Mapping[PositionKey, int]) -> None:
    for key, amount in positions.items():
        gross[key.currency] = gross.get(key.currency, 0) + abs(amount)
