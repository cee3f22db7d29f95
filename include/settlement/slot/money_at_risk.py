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


class Unsettled(StrEnum):
    """Why an amount is not settled; worst first."""

    DIVERGED = "diverged"
    UNKNOWN = "unknown"
    FAILED = "failed"
    REFUSED = "refused"
    PENDING = "pending"
    NOT_SENT = "not sent"
    ON_HOLD = "on hold"


WHAT_FOLLOWS: Mapping[Unsettled, str] = {
    Unsettled.DIVERGED: "nobody knows what is booked: a person compares both sides and decides",
    Unsettled.UNKNOWN: "it may be booked: only the same bytes are sent again, so never twice",
    Unsettled.FAILED: "nothing is booked: the same bytes complete it once the account is funded",
    Unsettled.REFUSED: "nothing is booked: it is sent again once a person has corrected it",
    Unsettled.PENDING: "the partner is working on it: nothing to do",
    Unsettled.NOT_SENT: "nothing is booked: a run of the date sends it",
    Unsettled.ON_HOLD: "nothing is booked: a person put it on hold",
}
"""What that means for the money, and what happens next."""

OWED_TOO = frozenset({Unsettled.DIVERGED, Unsettled.REFUSED})
"""Such amounts do not count as taken: they are in the difference as well, and said once."""

BY_STATE = {
    State.DIVERGED: Unsettled.DIVERGED,
    State.UNKNOWN: Unsettled.UNKNOWN,
    State.FAILED: Unsettled.FAILED,
    State.PENDING: Unsettled.PENDING,
}


@dataclass(frozen=True, slots=True)
class Amounts:
    """What is not settled for the same reason: gross base units per currency, and since when."""

    why: Unsettled
    gross: Mapping[str, int]
    since: datetime | None

    def text(self, decimals: Mapping[str, int]) -> str:
        """One line; amounts in full units."""
        listed = ", ".join(
            f"{displayed(amount, currency, decimals)} {currency}"
            for currency, amount in sorted(self.gross.items())
        )
        since = f" since {self.since.astimezone(UTC):%Y-%m-%d %H:%M}Z" if self.since else ""
        what = f"{self.why.value} {listed}" if listed else self.why.value
        return f"{what}{since} ({WHAT_FOLLOWS[self.why]})"


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


def merged(several: Iterable[Amounts]) -> tuple[Amounts, ...]:
    """What is not settled for the same reason, over several dates; worst first."""
    gross: dict[Unsettled, dict[str, int]] = {}
    moments: dict[Unsettled, list[datetime]] = {}
    for each in several:
        of_reason = gross.setdefault(each.why, {})
        for currency, amount in each.gross.items():
            of_reason[currency] = of_reason.get(currency, 0) + amount
        moments.setdefault(each.why, []).extend([each.since] if each.since else [])
    return tuple(
        Amounts(why, gross[why], min(moments[why], default=None))
        for why in Unsettled
        if why in gross
    )


def by_currency(several: Iterable[MoneyAtRisk]) -> dict[str, dict[Unsettled, int]]:
    """Gross base units per currency and reason, over one date or several; worst first."""
    total: dict[str, dict[Unsettled, int]] = {}
    for each in sorted((each for risk in several for each in risk.amounts), key=_place):
        for currency, amount in each.gross.items():
            of_currency = total.setdefault(currency, {})
            of_currency[each.why] = of_currency.get(each.why, 0) + amount
    return total


def _place(amounts: Amounts) -> int:
    return list(Unsettled).index(amounts.why)


def amounts_at_risk(
    net: Positions,
    slots: Iterable[Slot],
    held: frozenset[str],
    since: Mapping[str, datetime],
    owed_since: datetime | None,
) -> tuple[Amounts, ...]:
    """Everything that is not settled, worst first.

    :param held: connections on hold
    :param since: per externalId, when it was first sent or last changed
    :param owed_since: since when the rest is owed: the date's cut-off
    """
    slots = list(slots)
    owed = difference(net, slots)
    wanted = without_connections(owed, held)
    gross: dict[Unsettled, dict[str, int]] = {}
    moments: dict[Unsettled, list[datetime]] = {}
    for slot in slots:
        why = _why_unsettled(slot)
        if why is None:
            continue
        if slot.external_id in since:
            moments.setdefault(why, []).append(since[slot.external_id])
        positions = slot.current.positions if slot.current else {}
        if why in OWED_TOO:
            positions = {key: wanted.pop(key) for key in positions if key in wanted}
        _add(gross.setdefault(why, {}), positions)
    on_hold = {key: amount for key, amount in owed.items() if key.connection_id in held}
    for why, positions in ((Unsettled.NOT_SENT, wanted), (Unsettled.ON_HOLD, on_hold)):
        if positions:
            _add(gross.setdefault(why, {}), positions)
            moments[why] = [owed_since] if owed_since else []
    return tuple(
        Amounts(each, gross[each], min(moments.get(each, ()), default=None))
        for each in Unsettled
        if each in gross and (gross[each] or each is Unsettled.DIVERGED)
    )


def _why_unsettled(slot: Slot) -> Unsettled | None:
    """None if what a slot holds is settled, or owed as if it were not there."""
    if slot.state is State.REFUSED:
        return Unsettled.REFUSED
    return None if slot.free else BY_STATE.get(slot.state)


def _add(gross: dict[str, int], positions: Mapping[PositionKey, int]) -> None:
    for key, amount in positions.items():
        gross[key.currency] = gross.get(key.currency, 0) + abs(amount)
