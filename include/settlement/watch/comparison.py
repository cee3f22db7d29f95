"""Every frozen date against the warehouse: in two statements over many windows at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from settlement.ledger.snapshots import Snapshot, digested
from settlement.warehouse.survey import ReadWindow, Survey, WindowCount

TRADES_AT_ONCE = 10_000_000
"""Trades that one statement adds up: about a gigabyte of DuckDB's memory, of many clients."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A snapshot beside what the warehouse holds of its window now.

    `same_positions`: each net position of what it has read is still what it was.
    """

    snapshot: Snapshot
    count: WindowCount
    same_positions: bool

    @property
    def unchanged(self) -> bool:
        """What was read is there as it was, and nothing came after it."""
        return self.same_positions and (
            self.count.trades == self.count.read == self.snapshot.trade_count
        )


def compare(
    survey: Survey, snapshots: Sequence[Snapshot], recorded_by: datetime
) -> Iterator[Compared]:
    """Compare snapshots, given in the order of their windows, with the warehouse.

    :param recorded_by: what claims to be recorded later is counted as recorded in the future
    """
    for some in _in_parts(snapshots):
        windows = [ReadWindow(each.window, each.watermark) for each in some]
        counts = survey.counts(windows, recorded_by)
        digests = [hashlib.sha256() for _ in some]
        for place, *position in survey.positions(windows):
            digests[place].update(digested(*position))
        for snapshot, count, digest in zip(some, counts, digests, strict=True):
            same = digest.hexdigest() == snapshot.positions_digest
            yield Compared(snapshot, count, same)


def _in_parts(snapshots: Sequence[Snapshot]) -> Iterator[list[Snapshot]]:
    """As many at once as one statement may add up; one at least."""
    part: list[Snapshot] = []
    trades = 0
    for each in snapshots:
        if part and trades + each.trade_count > TRADES_AT_ONCE:
            yield part
            part, trades = [], 0
        part.append(each)
        trades += each.trade_count
    if part:
        yield part
