"""Which date each trade belongs to: the ids that frozen snapshots have read, remembered.

Packed in groups of ids that begin alike, 8 bytes for the hash of each, and the id itself beside it
to name it to people. Whoever freezes asks and stores under one lock per partner, so that two dates
cannot take the same trade.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any, TypeAlias, cast

import numpy as np
from sqlalchemy import Connection, Sequence, bindparam, func, select, text

from settlement.ledger.database import NOW
from settlement.ledger.forgotten_dates import Role, digest_of_trades
from settlement.ledger.schema import remembered_date, remembered_trades
from settlement.values import PartnerName
from settlement.warehouse.hashed_ids import (
    NONE,
    SHOWN,
    STORED,
    Hashes,
    ReadIds,
    Wanted,
    hash_of,
    members,
    names_among,
)

ROWS_PER_FETCH = 200
_AFTER_ALL = "\U0010ffff"
_COPY = (
    "COPY remembered_trades (partner, business_date, number, beginning, role, hashes, endings) "
    "FROM STDIN (FORMAT BINARY)"
)
_COPY_TYPES = ("text", "date", "int4", "text", "text", "bytea", "text")
_ALIKE = """
SELECT m.beginning, m.business_date, m.hashes
FROM (
    SELECT m.beginning, m.business_date, m.hashes
    FROM unnest(%(beginnings)s::text[]) AS b (beginning)
    JOIN remembered_trades AS m
      ON m.partner = %(partner)s
     AND m.beginning >= b.beginning COLLATE "C"
     AND m.beginning < (b.beginning || %(after_all)s) COLLATE "C"
    WHERE m.role <> 'left-out'
    UNION ALL
    SELECT m.beginning, m.business_date, m.hashes
    FROM remembered_trades AS m
    WHERE m.partner = %(partner)s AND m.beginning = ANY (%(shorter)s) AND m.role <> 'left-out'
) AS m
JOIN remembered_date AS d ON d.partner = %(partner)s AND d.business_date = m.business_date
WHERE m.business_date <> %(business_date)s AND d.version > %(version)s
ORDER BY m.beginning
"""
_GROUPS = (
    select(remembered_trades)
    .where(
        remembered_trades.c.partner == bindparam("partner"),
        remembered_trades.c.business_date == bindparam("business_date"),
    )
    .order_by(remembered_trades.c.number)
)
_HASHES = _GROUPS.with_only_columns(remembered_trades.c.hashes, remembered_trades.c.role)
_HELD = select(remembered_date).where(
    remembered_date.c.partner == bindparam("partner"),
    remembered_date.c.business_date == bindparam("business_date"),
)
_REMEMBER_DATE = remembered_date.insert().values(
    version=Sequence("remembered_version_seq").next_value(), remembered_at=NOW
)
_NEWEST_VERSION = select(func.coalesce(func.max(remembered_date.c.version), 0)).where(
    remembered_date.c.partner == bindparam("partner")
)


Group: TypeAlias = tuple[str, Hashes, str]
"""Ids that begin alike, as in `ReadIds`: their beginning, hashes, and endings, one a line."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The trades that the ledger remembers of a date, by their roles, since when it does.

    All hashes are sorted.
    """

    at: datetime
    read: Hashes
    taken_back: Hashes
    left_out: Hashes


def lock_trades(tx: Connection, partner: PartnerName) -> None:
    """Make whoever else remembers trades of the partner wait until this transaction ends."""
    tx.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"trades of {partner}"},
    )


def newest_version(tx: Connection, partner: PartnerName) -> int:
    """Grows with each change of the memory: in the order of commits, since they are locked."""
    return int(tx.execute(_NEWEST_VERSION, {"partner": partner}).scalar_one())


def remembered(tx: Connection, partner: PartnerName, business_date: date) -> Remembered | None:
    """What the ledger remembers of a date, or None."""
    named = {"partner": partner, "business_date": business_date}
    held = tx.execute(_HELD, named).one_or_none()
    if held is None:
        return None
    parts: dict[str, list[Hashes]] = {}
    for row in tx.execute(_HASHES, named):
        parts.setdefault(row.role, []).append(np.frombuffer(row.hashes, STORED))
    by_role = {role: np.unique(np.concatenate(hashes)) for role, hashes in parts.items()}
    return Remembered(held.remembered_at, *(by_role.get(role.value, NONE) for role in Role))


def left_out_among(
    tx: Connection, partner: PartnerName, business_date: date, trade_ids: Iterable[str]
) -> frozenset[str]:
    """Those of the ids that a person has left out of a date."""
    held = remembered(tx, partner, business_date)
    left_out = set(held.left_out.tolist()) if held else set()
    return frozenset(each for each in trade_ids if hash_of(each) in left_out)


def names_of(
    tx: Connection, partner: PartnerName, business_date: date, hashes: Hashes, most: int = SHOWN
) -> list[str]:
    """The ids that a date has under some hashes, the first of them."""
    groups = (group for _, group in _groups(tx, partner, business_date))
    return names_among(groups, hashes, most)


def dates_holding(
    tx: Connection, partner: PartnerName, ids: ReadIds, but_not: date, *, since_version: int = 0
) -> dict[date, Hashes]:
    """The other dates to which some of the ids belong, with the hashes of these ids.

    :param since_version: leave out what was remembered by then
    """
    beginnings = list(ids.beginnings)
    shorter = {each[:length] for each in beginnings for length in range(len(each))}
    named = {
        "partner": partner,
        "beginnings": beginnings,
        "shorter": sorted(shorter - set(beginnings)),
        "after_all": _AFTER_ALL,
        "business_date": but_not,
        "version": since_version,
    }
    found: dict[date, list[Hashes]] = {}
    last, alike = None, Wanted(NONE)
    with closing(cast("Any", tx.connection.cursor(name="remembered"))) as cursor:
        cursor.execute(_ALIKE, named, binary=True)
        while rows := cursor.fetchmany(ROWS_PER_FETCH):
            for beginning, business_date, hashes in rows:
                if beginning != last:
                    last, alike = beginning, Wanted(ids.beginning_like(beginning))
                held = alike.among(np.frombuffer(hashes, STORED))
                if len(held):
                    found.setdefault(business_date, []).append(held)
    return {day: np.unique(np.concatenate(parts)) for day, parts in sorted(found.items())}


def remember(  # noqa: PLR0913 - what of a reading is not as usual, each apart
    tx: Connection,
    partner: PartnerName,
    business_date: date,
    ids: ReadIds,
    *,
    left_out: Hashes = NONE,
    take_back: bool = False,
    complete: bool = True,
) -> str:
    """Store what belongs to a date, under `lock_trades`; the digest over what it has read.

    What it has read before and does not read now stays its own: settled once is settled.

    :param ids: of the reading that is frozen, or of the window as it is now
    :param left_out: those of them that a person has left out of the date
    :param take_back: a person has decided that the money of what went goes back
    :param complete: whether these are all the trades that the date has settled so far
    """
    named = {"partner": partner, "business_date": business_date}
    rows = [*_gone(tx, partner, business_date, ids, take_back=take_back)]
    tx.execute(
        remembered_date.delete().where(
            remembered_date.c.partner == partner,
            remembered_date.c.business_date == business_date,
        )
    )
    kept = (group for role, group in rows if role == Role.READ)
    own = (group for role, group in _by_role(ids, left_out) if role == Role.READ)
    digest, count = digest_of_trades(
        (beginning, _packed(hashes)) for beginning, hashes, _ in chain(own, kept)
    )
    values = {"trade_count": count, "trades_digest": digest, "complete": complete}
    tx.execute(_REMEMBER_DATE, named | values)
    with closing(tx.connection.cursor()) as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_COPY_TYPES)
        for number, (role, group) in enumerate(chain(_by_role(ids, left_out), rows)):
            beginning, hashes, endings = group
            copy.write_row(
                (partner, business_date, number, beginning, role, _packed(hashes), endings)
            )
    return digest


def _packed(hashes: Hashes) -> bytes:
    return hashes.astype(STORED, copy=False).tobytes()


def _gone(
    tx: Connection, partner: PartnerName, business_date: date, ids: ReadIds, *, take_back: bool
) -> Iterator[tuple[str, Group]]:
    """What belonged to the date before, and is in its window no more."""
    before = remembered(tx, partner, business_date)
    if before is None:
        return
    now = ids.hashes
    for role, held in ((Role.READ, before.read), (Role.TAKEN_BACK, before.taken_back)):
        gone = np.setdiff1d(held, now, assume_unique=True)
        if len(gone):
            same_role = (g for r, g in _groups(tx, partner, business_date) if r == role)
            becomes = Role.TAKEN_BACK if take_back else role
            yield from ((becomes.value, group) for group in _cut(same_role, gone))


def _by_role(ids: ReadIds, left_out: Hashes) -> Iterator[tuple[str, Group]]:
    for group in ids:
        if not len(members(group[1], left_out)):
            yield Role.READ.value, group
            continue
        for role, wanted in (
            (Role.LEFT_OUT, left_out),
            (Role.READ, np.setdiff1d(group[1], left_out)),
        ):
            yield from ((role.value, part) for part in _cut([group], wanted))


def _cut(groups: Iterable[Group], wanted: Hashes) -> Iterator[Group]:
    """Of each group only what is wanted, ids and hashes."""
    for beginning, hashes, endings in groups:
        held = np.sort(members(hashes, wanted))
        if len(held):
            of_held = set(held.tolist())
            lines = (each for each in endings.split("\n") if hash_of(beginning + each) in of_held)
            yield beginning, held, "\n".join(lines)


def _groups(
    tx: Connection, partner: PartnerName, business_date: date
) -> Iterator[tuple[str, Group]]:
    """Role and group of all that belongs to a date."""
    named = {"partner": partner, "business_date": business_date}
    for row in tx.execute(_GROUPS, named, execution_options={"yield_per": ROWS_PER_FETCH}):
        if row.role != Role.LEFT_OUT:
            yield row.role, (row.beginning, np.frombuffer(row.hashes, STORED), row.endings)
