"""Amounts and moments as people read them, and as programs do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from rich.table import Table

from settlement.amounts import displayed, to_base_units_text
from settlement.values import Line, PositionKey
from settlement.wording import and_more

SHOWN_LINES = 12


def at(moment: datetime | None) -> str:
    """A moment for people: UTC, to the second."""
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if moment else "-"


def at_or_none(moment: datetime | None) -> str | None:
    """A moment for programs."""
    return moment.isoformat() if moment else None


def lines_json(lines: Iterable[Line]) -> list[dict[str, str]]:
    """Lines for programs; positive: the client receives."""
    return [
        {
            "connection": each.connection_id,
            "currency": each.currency,
            "amount": to_base_units_text(each.amount),
        }
        for each in lines
    ]


def lines_of(positions: Mapping[PositionKey, int]) -> list[Line]:
    """Positions as sorted lines."""
    return [Line(*key, amount) for key, amount in sorted(positions.items())]


def amounts_table(title: str, lines: Iterable[Line], decimals: Mapping[str, int]) -> Table:
    """Lines for people, the first of many; positive: the client receives."""
    lines = list(lines)
    table = Table(title=title, title_justify="left", title_style="bold", header_style="")
    if len(lines) > SHOWN_LINES:
        table.caption = f"{and_more(len(lines) - SHOWN_LINES)}: --json shows them all"
        table.caption_justify = "left"
    table.add_column("connection", no_wrap=True)
    table.add_column("currency")
    table.add_column("amount", justify="right", no_wrap=True)
    for each in lines[:SHOWN_LINES]:
        amount = displayed(each.amount, each.currency, decimals)
        table.add_row(each.connection_id, each.currency, amount)
    return table
