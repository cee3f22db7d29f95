"""What may be asked about many windows of a partner at once, in a handful of questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from settlement.config.partner_file import PartnerFile
from settlement.values import Window


class ReadWindow(NamedTuple):
    """A window, and the watermark of the snapshot that has read it; None: it was empty then."""

    window: Window
    read_until: datetime | None


class WindowCount(NamedTuple):
    """Trades of a window; those recorded up to its watermark; those recorded in the future."""

    trades: int
    read: int
    future: int


class Why(StrEnum):
    """Why no business date has a trade."""

    UNCOVERED = "uncovered"
    NULL = "null"
    INFINITE = "infinite"


@dataclass(frozen=True, slots=True)
class Examples:
    """Trades that are not as they should be: how many, and up to five with the time they bear.

    The time is a text as the database writes it; None where there is none.
    """

    count: int
    shown: tuple[tuple[str, str | None], ...]


NO_EXAMPLES = Examples(0, ())


class Survey(Protocol):
    """Questions over many windows. Two of them need not see the same state of the warehouse.

    Windows are given in order and do not overlap; they are named by their place in the sequence.
    """

    def counts(self, windows: Sequence[ReadWindow], recorded_by: datetime) -> list[WindowCount]:
        """Count the trades of each window.

        :param recorded_by: what claims to be recorded later counts as recorded in the future
        """
        ...

    def positions(self, windows: Sequence[ReadWindow]) -> Iterator[tuple[int, str, str, str]]:
        """Net positions of each window over the trades recorded up to its watermark.

        Place of the window, connection, currency, amount. Streamed, in the order of windows, then
        as net positions of one window are sorted. Texts as they are: what is unfit in one window
        must not keep the others from being compared.
        """
        ...

    def outside(
        self, stretch: Window, recorded_since: datetime | None = None
    ) -> Mapping[Why, Examples]:
        """Find trades of a stretch of time, and those whose time is null or infinite.

        :param recorded_since: leave out what was recorded earlier
        """
        ...

    def recorded_later(self, stretch: Window, moment: datetime) -> Examples:
        """Find trades of a stretch of time that claim to have been recorded after the moment."""
        ...

    def whereabouts(self, trade_ids: Sequence[str]) -> Iterator[tuple[str, datetime]]:
        """Ids and times of all trades that bear one of these ids, whatever their window."""
        ...


class Surveyed(Protocol):
    """A warehouse that can be asked so."""

    def survey(self, partner: PartnerFile) -> AbstractContextManager[Survey]:
        """Ask about the partner's trades for as long as the context is open.

        :raises WarehouseBusyError: if the warehouse is locked or cannot be reached
        :raises WarehouseError: if the trades cannot be read with the queries of the SQL folder
        """
        ...
