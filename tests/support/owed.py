"""What a date owes: plain sums over the rows of its warehouse, by none of the project's code."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb

from settlement.values import PositionKey, Window

HOUSE = "house"
ROWS = """
    SELECT buyer_connection_id, seller_connection_id, base_currency, quote_currency,
        base_quantity::HUGEINT, quote_quantity::HUGEINT, buyer_fee::HUGEINT, seller_fee::HUGEINT
    FROM trades
    WHERE partner = ? AND executed_at >= ? AND executed_at < ?
"""


def owed_in(warehouse: Path, window: Window, partner: str = "demo") -> dict[PositionKey, int]:
    """Net positions of a partner's clients in a window, zeros left out; fees are in the quote."""
    with closing(duckdb.connect(str(warehouse), read_only=True)) as database:
        rows = database.execute(ROWS, [partner, window.start, window.end]).fetchall()
    net: dict[PositionKey, int] = {}
    for buyer, seller, base, quote, bought, paid, buyer_fee, seller_fee in rows:
        for client, currency, amount in (
            (buyer, base, bought),
            (buyer, quote, -paid - buyer_fee),
            (seller, base, -bought),
            (seller, quote, paid - seller_fee),
        ):
            if client != HOUSE:
                key = PositionKey(client, currency)
                net[key] = net.get(key, 0) + amount
    return {key: amount for key, amount in net.items() if amount}
