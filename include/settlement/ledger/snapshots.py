"""Snapshots: one frozen reading of a date's trades, with its net positions."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Date,
    Row,
    Sequence,
    Text,
    any_,
    bindparam,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY

from settlement.ledger.database import NOW
from settlement.ledger.dates import FrozenDate, lock_generation
from settlement.ledger.schema import net_position, snapshot
from settlement.values import Actor, Line, PartnerName, PositionKey, Window

BATCH_ROWS = 10_000
SNAPSHOT_IDS = Sequence("snapshot_id_seq")
_NEXT_ID = select(SNAPSHOT_IDS.next_value())
_NEWEST = (
    select(snapshot)
    .where(
        snapshot.c.partner == bindparam("partner"),
        snapshot.c.business_date == bindparam("business_date"),
    )
    .order_by(snapshot.c.generation.desc())
    .limit(1)
)
_NEWEST_OF_ALL = (
    select(snapshot)
    .distinct(snapshot.c.business_date)
    .where(snapshot.c.partner == bindparam("partner"))
    .order_by(snapshot.c.business_date, snapshot.c.generation.desc())
)
_NEWEST_OF_DATES = (
    select(snapshot)
    .distinct(snapshot.c.partner, snapshot.c.business_date)
    .where(
        tuple_(snapshot.c.partner, snapshot.c.business_date).in_(
            select(
                func.unnest(bindparam("partners", type_=ARRAY(Text))),
                func.unnest(bindparam("business_dates", type_=ARRAY(Date))),
            )
        )
    )
    .order_by(snapshot.c.partner, snapshot.c.business_date, snapshot.c.generation.desc())
)
_STORE = snapshot.insert().values(taken_at=NOW).returning(snapshot)
_POSITIONS = (
    select(net_position.c.connection_id, net_position.c.currency, net_position.c.amount)
    .where(net_position.c.snapshot_id == bindparam("snapshot_id"))
    .order_by(net_position.c.connection_id.collate("C"), net_position.c.currency.collate("C"))
)
_POSITIONS_OF_SNAPSHOTS = select(net_position).where(
    net_position.c.snapshot_id == any_(bindparam("snapshot_ids", type_=ARRAY(BigInteger)))
)
_POSITIONS_OF = _POSITIONS.where(
    net_position.c.connection_id == any_(bindparam("connections", type_=ARRAY(Text)))
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read of a date's trades, without its positions.

    `decision`: digest of the question about changed history whose answer it follows, if any.
    """

    id: int
    partner: PartnerName
    business_date: date
    generation: int
    window: Window
    watermark: datetime | None
    newest_executed_at: datetime | None
    trade_count: int
    position_count: int
    query_text: str
    positions_digest: str
    run_id: str | None
    taken_at: datetime
    decision: str | None = None


def newest_snapshot(tx: Connection, partner: PartnerName, business_date: date) -> Snapshot | None:
    """The newest complete snapshot of a date, or None."""
    named = {"partner": partner, "business_date": business_date}
    row = tx.execute(_NEWEST, named).one_or_none()
    return _as_snapshot(row) if row else None


def newest_snapshots(tx: Connection, partner: PartnerName) -> dict[date, Snapshot]:
    """The newest complete snapshot of each date that has one, oldest date first."""
    rows = tx.execute(_NEWEST_OF_ALL, {"partner": partner})
    return {row.business_date: _as_snapshot(row) for row in rows}


def newest_snapshots_of_dates(
    tx: Connection, keys: Collection[tuple[PartnerName, date]]
) -> dict[tuple[PartnerName, date], Snapshot]:
    """The newest complete snapshot of each of these dates that has one."""
    named = {
        "partners": [partner for partner, _ in keys],
        "business_dates": [business_date for _, business_date in keys],
    }
    found = map(_as_snapshot, tx.execute(_NEWEST_OF_DATES, named))
    return {(each.partner, each.business_date): each for each in found}


def load_snapshot(tx: Connection, snapshot_id: int) -> Snapshot:
    """The snapshot with this id."""
    return _as_snapshot(tx.execute(select(snapshot).where(snapshot.c.id == snapshot_id)).one())


def stream_positions(tx: Connection, snapshot_id: int) -> Iterator[Line]:
    """Net positions of a snapshot, sorted by connection and currency, streamed."""
    options = {"yield_per": BATCH_ROWS}
    for row in tx.execute(_POSITIONS, {"snapshot_id": snapshot_id}, execution_options=options):
        yield Line(*row)


def load_positions(tx: Connection, snapshot_id: int) -> dict[PositionKey, int]:
    """Net positions of a snapshot."""
    rows = tx.execute(_POSITIONS, {"snapshot_id": snapshot_id})
    return {PositionKey(connection, currency): amount for connection, currency, amount in rows}


def load_positions_of_snapshots(
    tx: Connection, snapshot_ids: Collection[int]
) -> dict[int, dict[PositionKey, int]]:
    """Net positions of several snapshots, by snapshot; none for one without positions."""
    found: dict[int, dict[PositionKey, int]] = {}
    rows = tx.execute(_POSITIONS_OF_SNAPSHOTS, {"snapshot_ids": list(snapshot_ids)})
    for snapshot_id, connection, currency, amount in rows:
        found.setdefault(snapshot_id, {})[PositionKey(connection, currency)] = amount
    return found


def load_positions_of(
    tx: Connection, snapshot_id: int, connections: Collection[str]
) -> dict[PositionKey, int]:
    """Net positions of some connections in a snapshot."""
    named = {"snapshot_id": snapshot_id, "connections": list(connections)}
    rows = tx.execute(_POSITIONS_OF, named)
    return {PositionKey(connection, currency): amount for connection, currency, amount in rows}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a snapshot keeps of a reading beside its positions.

    `decision`: digest of the question whose answer says how the reading is used, if there is one.
    """

    trade_count: int
    watermark: datetime | None
    newest_executed_at: datetime | None
    query_text: str
    decision: str | None = None


def store_snapshot(
    tx: Connection,
    frozen: FrozenDate,
    positions: Iterable[Line],
    reading: Reading,
    actor: Actor,
) -> Snapshot:
    """Copy the positions into the ledger as they arrive, then close the snapshot.

    :raises SupersededError: if a newer run took the date while the positions were read
    """
    values = {
        "partner": frozen.partner,
        "business_date": frozen.business_date,
        "generation": frozen.generation,
        "window_start": frozen.window.start,
        "window_end": frozen.window.end,
        "watermark": reading.watermark,
        "newest_executed_at": reading.newest_executed_at,
        "trade_count": reading.trade_count,
        "query_text": reading.query_text,
        "run_id": actor.run_id,
        "decision": reading.decision,
    }
    snapshot_id = tx.execute(_NEXT_ID).scalar_one()
    count, positions_digest = _copy_positions(tx, snapshot_id, positions)
    lock_generation(tx, frozen.partner, frozen.business_date, frozen.generation)
    taken = {
        "id": snapshot_id,
        "position_count": count,
        "positions_digest": positions_digest,
    }
    return _as_snapshot(tx.execute(_STORE, values | taken).one())


def digested(connection_id: str, currency: str, amount: object) -> bytes:
    """A net position, as the digest over a snapshot's positions takes it, one after the other."""
    return f"{connection_id} {currency} {amount}\n".encode()


def _copy_positions(tx: Connection, snapshot_id: int, positions: Iterable[Line]) -> tuple[int, str]:
    """Stream positions through COPY; returns how many, and the SHA-256 over all of them."""
    hashed = hashlib.sha256()
    count = 0
    cursor = tx.connection.cursor()
    try:
        with cursor.copy(
            "COPY net_position (snapshot_id, connection_id, currency, amount) FROM STDIN"
        ) as copy:
            for each in positions:
                hashed.update(digested(*each))
                copy.write_row((snapshot_id, each.connection_id, each.currency, str(each.amount)))
                count += 1
    finally:
        cursor.close()
    return count, hashed.hexdigest()


def _as_snapshot(row: Row[Any]) -> Snapshot:
    return Snapshot(
        id=row.id,
        partner=row.partner,
        business_date=row.business_date,
        generation=row.generation,
        window=Window(row.window_start, row.window_end),
        watermark=row.watermark,
        newest_executed_at=row.newest_executed_at,
        trade_count=row.trade_count,
        position_count=row.position_count,
        query_text=row.query_text,
        positions_digest=row.positions_digest,
        run_id=row.run_id,
        taken_at=row.taken_at,
        decision=row.decision,
    )
