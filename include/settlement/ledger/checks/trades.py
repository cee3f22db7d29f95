"""Whether the ledger remembers the trades that it says it has read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import Connection, select

from settlement.ledger.chain import read_events
from settlement.ledger.checks.slots import Audited, broken
from settlement.ledger.forgotten_dates import Role, digest_of_trades
from settlement.ledger.schema import remembered_date, remembered_trades

ROWS_PER_FETCH = 200


def check_trades(tx: Connection, audited: Audited) -> int:
    """Of each remembered date the trades are the ones that its newest event names."""
    named = {
        event.business_date: event.details["trades_digest"]
        for event in read_events(tx, audited.partner)
        if event.details.get("trades_digest")
    }
    query = select(remembered_date).where(remembered_date.c.partner == audited.partner)
    dates = tx.execute(query.order_by(remembered_date.c.business_date)).all()
    for row in dates:
        held = digest_of_trades(_groups(tx, row.partner, row.business_date))
        about = f"the trades remembered of {row.partner} {row.business_date}"
        if held != (row.trades_digest, row.trade_count):
            raise broken(f"{about} are not the ones that were read")
        if named.get(row.business_date) != row.trades_digest:
            raise broken(f"{about} are not the ones that an event names")
    return len(dates)


def _groups(tx: Connection, partner: str, business_date: date) -> Iterator[tuple[str, bytes]]:
    query = (
        select(remembered_trades.c.beginning, remembered_trades.c.hashes)
        .where(
            remembered_trades.c.partner == partner,
            remembered_trades.c.business_date == business_date,
            remembered_trades.c.role == Role.READ.value,
        )
        .order_by(remembered_trades.c.number)
    )
    options = {"yield_per": ROWS_PER_FETCH}
    for row in tx.execute(query, execution_options=options):
        yield row.beginning, row.hashes
