"""All ids of a window, in groups that begin alike, at a bounded size in the database and here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from settlement.amounts import require_int
from settlement.errors import WarehouseDataError
from settlement.warehouse import cells
from settlement.warehouse.reader import TradeIds
from settlement.warehouse.session import Row, Session
from settlement.warehouse.statements import Statements

IDS_PER_GROUP = 512
BYTES_PER_PASS = 100 * 1024 * 1024
"""Text that the database may hold at once: DuckDB's aggregates of texts cannot spill."""
GROUPS_PER_FETCH = 100
_HEX_DIGITS = 16


class _Pass(NamedTuple):
    """One statement: the groups whose beginnings lie between two others, both included."""

    first: str
    last: str


def stream_trade_ids(
    session: Session,
    statements: Statements,
    doing: str,
    values: Mapping[str, object],
    trade_count: int,
) -> Iterator[TradeIds]:
    """Read the ids of the window's trades; see `TradeIds`.

    :param values: what trades.sql takes
    :param trade_count: how many trades the window has
    :raises WarehouseDataError: for an id with a line break in it
    """
    sample = [
        cells.text(trade_id, "trade_id")
        for (trade_id,) in session.stream(doing, statements.over_trades("sample_of_ids"), values)
    ]
    if not sample:
        return
    width = width_of_beginnings(sample)
    rest = sum(max(len(trade_id.encode()) - width, 0) for trade_id in sample) / len(sample)
    most = int(BYTES_PER_PASS / (_HEX_DIGITS + rest + 1))
    asked = {**values, "width": width}
    whole = trade_count <= most
    passes = [_Pass("", "")] if whole else _passes(session, statements, doing, asked, most)
    for first, last in passes:
        between = {"in_one_pass": whole, "first_beginning": first, "last_beginning": last}
        sql = statements.over_trades("trade_ids")
        groups = session.stream(doing, sql, {**asked, **between}, GROUPS_PER_FETCH)
        for row in groups:
            ids = _group(row)
            if ids is None:
                raise _line_break(session, statements, doing, values)
            yield ids


def width_of_beginnings(sample: list[str]) -> int:
    """Length of the longest beginning that many ids still share; 0 if no beginning is.

    Ids that ascend share it with their neighbours, so those of one date are in few groups.
    """
    width = 0
    while width < len(sample[0]):
        groups = len({trade_id[: width + 1] for trade_id in sample})
        if len(sample) < IDS_PER_GROUP * groups:
            break
        width += 1
    return width


def _passes(
    session: Session, statements: Statements, doing: str, values: Mapping[str, object], most: int
) -> list[_Pass]:
    """Ranges of beginnings with at most so many ids each, or with one beginning."""
    passes: list[_Pass] = []
    held = 0
    for cell, count in session.stream(doing, statements.over_trades("beginnings"), values):
        beginning, ids = cells.text(cell, "beginning"), require_int(count, "ids")
        if passes and held + ids <= most:
            passes[-1] = _Pass(passes[-1].first, beginning)
            held += ids
        else:
            passes.append(_Pass(beginning, beginning))
            held = ids
    return passes


def _group(row: Row) -> TradeIds | None:
    """One group, or None if one of its ids is more than one line."""
    count = require_int(row[1], "ids")
    hashes = bytes.fromhex(cells.text(row[2], "hashes"))
    endings = cells.text(row[3], "endings")
    if endings.count("\n") + 1 != count:
        return None
    return TradeIds(cells.text(row[0], "beginning"), hashes, endings)


def _line_break(
    session: Session, statements: Statements, doing: str, values: Mapping[str, object]
) -> WarehouseDataError:
    sql = statements.over_trades("ids_of_several_lines")
    examples = ", ".join(repr(trade_id) for (trade_id,) in session.stream(doing, sql, values))
    return WarehouseDataError(
        f"{doing}: a trade_id has a line break in it: {examples}. Nothing is sent.",
        to_do="correct it in the warehouse, or trades.sql, then clear this task",
    )
