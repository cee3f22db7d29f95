"""What clients have allocated and the partner's own account holds (partner API, section 9.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import Field

from settlement.amounts import parse_base_units, parse_full_units
from settlement.partner.answers import (
    AnswerModel,
    NonEmpty,
    UnreadableAnswer,
    Uuid,
    model_in,
    object_in,
)


class AccountBalance(NamedTuple):
    """What is available in one account, in base units per currency; `id` is the connection's."""

    id: str
    available: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Balances:
    """Base units per currency: of each connection, and of the partner's own account if shown."""

    connections: Mapping[str, Mapping[str, int]]
    own: Mapping[str, int] | None


class _Amount(AnswerModel):
    available: NonEmpty
    held: NonEmpty = "0"


class _Account(AnswerModel):
    balances: dict[NonEmpty, _Amount]


class _Page(AnswerModel):
    connections: dict[Uuid, _Account] = Field(alias="networkBalances")
    own: dict[NonEmpty, _Amount] | None = Field(default=None, alias="balances")


def parse_balances(
    content: bytes, decimals: Mapping[str, int] | None, *, held_too: bool = False
) -> tuple[tuple[AccountBalance, ...], Mapping[str, int] | None]:
    """Read one page: connections' balances, and the partner's own where they are shown.

    :param decimals: of each currency, for a partner configured for full units
    :param held_too: count what is held for something as well
    :raises UnreadableAnswer: if something cannot be read
    """
    page = model_in(_Page, object_in(content), "the balances")
    accounts = (
        AccountBalance(connection, _read(account.balances, decimals, held_too))
        for connection, account in page.connections.items()
    )
    return tuple(accounts), None if page.own is None else _read(page.own, decimals, held_too)


def _read(
    balances: Mapping[str, _Amount],
    decimals: Mapping[str, int] | None,
    held_too: bool,
) -> dict[str, int]:
    """Amounts in base units; a currency whose decimals are not known is none that we settle."""

    def base_units(name: str, amount: str) -> int:
        if decimals is None:
            return parse_base_units(amount)
        return parse_full_units(amount, decimals[name])

    try:
        return {
            name: sum(
                base_units(name, amount)
                for amount in ([each.available, each.held] if held_too else [each.available])
            )
            for name, each in balances.items()
            if decimals is None or name in decimals
        }
    except ValueError as error:
        raise UnreadableAnswer(f"balances: {error}") from None
