"""Whether those who must give have enough: the partner's balances beside what is to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from settlement.amounts import display
from settlement.config.partner_file import PartnerFile
from settlement.errors import PartnerAnswerError, ShortOfFundsError
from settlement.partner.balances import Balances
from settlement.partner.reads import PartnerReader
from settlement.values import Line
from settlement.wording import first_few


@dataclass(frozen=True, slots=True)
class Shortfall:
    """An account that must give more than it has, in base units; no connection: the partner's."""

    connection_id: str | None
    currency: str
    needed: int
    available: int

    def text(self, decimals: Mapping[str, int]) -> str:
        """Who must fund what, in one phrase."""
        account = f"connection {self.connection_id}" if self.connection_id else "our own account"
        places = decimals.get(self.currency, 0)
        missing, held = (
            display(each, places) for each in (self.needed - self.available, self.available)
        )
        return f"{account} needs {missing} {self.currency} more (has {held})"


def shortfalls(requests: Iterable[Sequence[Line]], balances: Balances) -> list[Shortfall]:
    """Who cannot give what the requests, sent in this order, take from them.

    A client gives its losses from what it has allocated. The partner pays gains from its own
    account, which the losses of the same and of earlier requests have funded.
    """
    losses: dict[tuple[str, str], int] = {}
    paid: dict[str, int] = {}
    most: dict[str, int] = {}
    for lines in requests:
        for line in lines:
            if line.amount < 0:
                losses[line.key] = losses.get(line.key, 0) - line.amount
            paid[line.currency] = paid.get(line.currency, 0) + line.amount
        most = {name: max(most.get(name, 0), amount) for name, amount in paid.items()}
    return [*_of_connections(losses, balances), *_of_own_account(most, balances)]


def _of_connections(
    losses: Mapping[tuple[str, str], int], balances: Balances
) -> Iterator[Shortfall]:
    for (connection, currency), needed in sorted(losses.items()):
        available = balances.connections.get(connection, {}).get(currency, 0)
        if available < needed:
            yield Shortfall(connection, currency, needed, available)


def _of_own_account(most: Mapping[str, int], balances: Balances) -> Iterator[Shortfall]:
    if balances.own is None:  # the token may not see it
        return
    for currency, needed in sorted(most.items()):
        available = balances.own.get(currency, 0)
        if available < needed:
            yield Shortfall(None, currency, needed, available)


def look_before_signing(
    reader: PartnerReader, partner: PartnerFile, requests: Iterable[Sequence[Line]]
) -> list[Shortfall] | None:
    """Shortfalls of what was never sent; None if the policy is to warn and nobody can tell.

    :raises ShortOfFundsError: if there are any and the partner file says `funding = "refuse"`
    :raises PartnerAnswerError: with `refuse`, if the balances cannot be read
    """
    try:
        found = shortfalls(requests, reader.balances())
    except PartnerAnswerError:
        if partner.funding == "refuse":
            raise
        return None
    if found and partner.funding == "refuse":
        raise ShortOfFundsError(
            f"{partner.name}: {listed(found, partner.currencies)}. Nothing is signed or sent: have "
            "them funded, then clear build_requests with its downstream tasks",
            partner=partner.name,
        )
    return found


def what_is_missing(reader: PartnerReader, partner: PartnerFile, request: Sequence[Line]) -> str:
    """Who must fund what for a request that failed; empty if nothing is, or nobody knows."""
    try:
        return listed(shortfalls([request], reader.balances()), partner.currencies)
    except PartnerAnswerError:
        return ""


def listed(found: Sequence[Shortfall], decimals: Mapping[str, int]) -> str:
    """Shortfalls in one line, the first of many."""
    return first_few([each.text(decimals) for each in found], between="; ")
