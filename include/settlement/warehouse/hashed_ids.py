"""The ids of a reading's trades: hashes in memory, the ids themselves on disk if they are many.

Ids come in groups that begin alike. Ids that ascend share their beginning with their neighbours
only, so a date's ids are compared with a few groups of other dates, however many dates there are.
"""

from __future__ import annotations

import hashlib
import tempfile
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from settlement.errors import WarehouseDataError
from settlement.warehouse.reader import TradeIds, WarehouseSnapshot
from settlement.wording import first_few

Hashes: TypeAlias = NDArray[np.uint64]
"""Hashes of trade ids, sorted where nothing else is said."""

NONE: Hashes = np.empty(0, np.uint64)
STORED = np.dtype("<u8")
"""How hashes are kept: 8 bytes each, the lowest first, as the machines that compare them do."""
SHOWN = 5
_HELD_IN_MEMORY = 16 << 20
_MARKED_BITS = 17
"""A table of 128 KiB, which stays in the processor's cache."""
_AFTER_ALL = "\U0010ffff"


def hash_of(trade_id: str) -> int:
    """The hash that an id is remembered by: the first 64 bits of its MD5. Keeps no secret."""
    digest = hashlib.md5(trade_id.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8])


def as_hashes(trade_ids: Iterable[str]) -> Hashes:
    """Sorted hashes of some ids."""
    hashes: Hashes = np.fromiter((hash_of(each) for each in trade_ids), np.uint64)
    return np.unique(hashes)


class Wanted:
    """Sorted hashes that are looked for among many others."""

    def __init__(self, hashes: Hashes) -> None:
        self._hashes = hashes
        self._shift = np.uint64(64 - _MARKED_BITS)
        self._marked = np.zeros(1 << _MARKED_BITS, np.bool_)
        self._marked[hashes >> self._shift] = True

    def among(self, values: Hashes) -> Hashes:
        """Those of the values that are wanted, in their order."""
        if not len(self._hashes):
            return NONE
        # most are not wanted: the search is for the rest
        perhaps = values[self._marked[values >> self._shift]]
        places = np.minimum(np.searchsorted(self._hashes, perhaps), len(self._hashes) - 1)
        found: Hashes = perhaps[self._hashes[places] == perhaps]
        return found


def members(values: Hashes, wanted: Hashes) -> Hashes:
    """Those of the values that are wanted; `wanted` is sorted, `values` need not be."""
    return Wanted(wanted).among(values) if len(wanted) and len(values) else NONE


def digest_of(hashes: Hashes) -> str:
    """SHA-256 over sorted hashes: names a set of ids."""
    return hashlib.sha256(hashes.astype(STORED, copy=False).tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Group:
    beginning: str
    start: int
    stop: int
    endings_at: int
    endings_length: int


class ReadIds:
    """The ids of one reading: 8 bytes of memory a trade; the ids on disk once they pass 16 MiB.

    To be closed after use.

    :param groups: as the warehouse gives them
    """

    def __init__(self, groups: Iterable[TradeIds]) -> None:
        self._endings: IO[bytes] = tempfile.SpooledTemporaryFile(_HELD_IN_MEMORY)  # noqa: SIM115
        parts: list[Hashes] = []
        self._groups: list[_Group] = []
        start = 0
        for each in groups:
            part = np.frombuffer(each.hashes, ">u8").astype(np.uint64)
            part.sort()
            endings = each.endings.encode()
            at = self._endings.tell()
            self._endings.write(endings)
            stop = start + len(part)
            self._groups.append(_Group(each.beginning, start, stop, at, len(endings)))
            parts.append(part)
            start = stop
        self._groups.sort(key=lambda group: group.beginning)
        self._hashes: Hashes = np.concatenate(parts) if parts else NONE
        self._beginnings = [each.beginning for each in self._groups]

    def __enter__(self) -> ReadIds:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the ids on disk."""
        self._endings.close()

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def hashes(self) -> Hashes:
        """All hashes, sorted."""
        return np.sort(self._hashes)

    @property
    def beginnings(self) -> Sequence[str]:
        """Beginnings of the groups, sorted."""
        return self._beginnings

    def beginning_like(self, beginning: str) -> Hashes:
        """Hashes of the ids that could begin so: of the groups whose beginnings agree with it."""
        first = bisect_left(self._beginnings, beginning)
        last = bisect_left(self._beginnings, beginning + _AFTER_ALL)
        shorter = [
            group
            for length in range(len(beginning))
            if (group := self._group(beginning[:length])) is not None
        ]
        alike = [*shorter, *self._groups[first:last]]
        parts = [self._hashes[each.start : each.stop] for each in alike]
        return np.sort(np.concatenate(parts)) if parts else NONE

    def __iter__(self) -> Iterator[tuple[str, Hashes, str]]:
        """Each group: its beginning, its hashes, and the endings of its ids, one a line."""
        for each in self._groups:
            yield each.beginning, self._hashes[each.start : each.stop], self._endings_of(each)

    def names_of(self, hashes: Hashes, most: int = SHOWN) -> list[str]:
        """The ids behind some hashes, the first of them."""
        return names_among(iter(self), hashes, most)

    def repeated(self) -> Hashes:
        """Hashes that are there more than once; equal ids begin alike, so they are in one group."""
        found = [
            part[1:][part[1:] == part[:-1]]
            for part in (self._hashes[each.start : each.stop] for each in self._groups)
        ]
        return np.unique(np.concatenate(found)) if found else NONE

    def _group(self, beginning: str) -> _Group | None:
        place = bisect_left(self._beginnings, beginning)
        held = place < len(self._groups) and self._beginnings[place] == beginning
        return self._groups[place] if held else None

    def _endings_of(self, group: _Group) -> str:
        self._endings.seek(group.endings_at)
        return self._endings.read(group.endings_length).decode()


def names_among(groups: Iterable[tuple[str, Hashes, str]], hashes: Hashes, most: int) -> list[str]:
    """The ids in the groups that have one of the hashes, at most so many, sorted."""
    names: set[str] = set()
    for beginning, held, endings in groups:
        if len(names) < most and len(members(held, hashes)):
            wanted = set(hashes.tolist())
            ids = (beginning + each for each in endings.split("\n"))
            names.update(each for each in ids if hash_of(each) in wanted)
    return sorted(names)[:most]


def read_trade_ids(reading: WarehouseSnapshot, about: str) -> ReadIds:
    """All ids of a reading, each of them there once.

    :param about: partner and date, for the error
    :raises WarehouseDataError: naming ids that are there more than once
    """
    ids = ReadIds(reading.trade_ids())
    repeated = ids.repeated()
    if len(repeated):
        names = ids.names_of(repeated)
        ids.close()
        listed = first_few(names, len(names), count=len(repeated))
        raise WarehouseDataError(
            f"trades of {about} are unfit to be settled: trade_id is there more than once: trade "
            f"{listed}. Nothing is sent.",
            to_do="correct them in the warehouse, or trades.sql, then clear this task",
        )
    return ids
