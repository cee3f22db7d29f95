"""Dates that the gate has proved settled, and whether that still holds: one query for many dates.

Whatever changes a date or its slots writes an event about it in the same transaction. So the proof
holds while it is the newest event of its date, about the newest snapshot. A reading that ended
nowhere writes none, and is seen by its generation. Holds belong to no date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ARRAY, Connection, Text, bindparam, text

from settlement.ledger.dates import FrozenDate
from settlement.values import PartnerName, Window

DateKey = tuple[PartnerName, date]
_PROOFS = text("""
    SELECT
        d.partner,
        d.business_date,
        d.window_start,
        d.window_end,
        d.generation,
        e.at,
        COALESCE(
            e.kind = 'settled'
                AND (e.details::jsonb ->> 'snapshot_id')::bigint = s.id
                AND s.generation = d.generation,
            false
        ) AS proved,
        CASE WHEN e.kind = 'settled' THEN (e.details::jsonb ->> 'held')::bigint ELSE 0 END AS held
    FROM business_date AS d
    LEFT JOIN LATERAL (
        SELECT at, kind, details
        FROM event
        WHERE event.partner = d.partner AND event.business_date = d.business_date
        ORDER BY seq DESC
        LIMIT 1
    ) AS e ON true
    LEFT JOIN LATERAL (
        SELECT id, generation
        FROM snapshot
        WHERE snapshot.partner = d.partner AND snapshot.business_date = d.business_date
        ORDER BY generation DESC
        LIMIT 1
    ) AS s ON true
    WHERE d.partner = ANY(:partners)
    ORDER BY d.partner, d.business_date
""").bindparams(bindparam("partners", type_=ARRAY(Text)))


@dataclass(frozen=True, slots=True)
class DateProof:
    """A date that the ledger knows.

    `proved`: the newest event about it is the gate's proof, and still about its newest snapshot.
    `held`: positions that this proof left out, since their connections were on hold.
    """

    frozen: FrozenDate
    last_event_at: datetime | None
    proved: bool
    held: int


def date_proofs(tx: Connection, partners: Sequence[PartnerName]) -> dict[DateKey, DateProof]:
    """Every date of the partners that has a window, oldest first."""
    rows = tx.execute(_PROOFS, {"partners": list(partners)})
    return {
        (row.partner, row.business_date): DateProof(
            FrozenDate(
                row.partner,
                row.business_date,
                Window(row.window_start, row.window_end),
                row.generation,
            ),
            row.at,
            row.proved,
            row.held,
        )
        for row in rows
    }
