"""What the run that last touched a date has sent: nothing, or so many requests."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, Connection, Date, Text, bindparam, text

from settlement.ledger.date_proofs import DateKey

_LAST_RUNS = text("""
    SELECT wanted.partner, wanted.business_date, last.at, count(DISTINCT e.external_id) AS sent
    FROM unnest(:partners, :business_dates) AS wanted (partner, business_date)
    CROSS JOIN LATERAL (
        SELECT at, details::jsonb ->> 'run_id' AS run_id
        FROM event
        WHERE event.partner = wanted.partner AND event.business_date = wanted.business_date
            AND details::jsonb ->> 'run_id' IS NOT NULL
        ORDER BY seq DESC
        LIMIT 1
    ) AS last
    LEFT JOIN event AS e ON e.partner = wanted.partner
        AND e.business_date = wanted.business_date
        AND e.kind = 'sent'
        AND e.details::jsonb ->> 'run_id' = last.run_id
    GROUP BY wanted.partner, wanted.business_date, last.at
""").bindparams(
    bindparam("partners", type_=ARRAY(Text)), bindparam("business_dates", type_=ARRAY(Date))
)


@dataclass(frozen=True, slots=True)
class LastRun:
    """The run that left the newest event of a date: when, and how many requests it has sent."""

    at: datetime
    sent: int

    @property
    def said(self) -> str:
        """What a person reads."""
        if not self.sent:
            return "sent nothing"
        return f"sent {self.sent} request{'s' if self.sent > 1 else ''}"


def last_runs(tx: Connection, keys: Collection[DateKey]) -> dict[DateKey, LastRun]:
    """Per date; nothing for one that no run has touched."""
    names, days = [name for name, _ in keys], [day for _, day in keys]
    rows = tx.execute(_LAST_RUNS, {"partners": names, "business_dates": days})
    return {(row.partner, row.business_date): LastRun(row.at, row.sent) for row in rows}
