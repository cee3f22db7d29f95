"""What the steps may ask a warehouse, whatever database it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from settlement.config.partner_file import PartnerFile
from settlement.values import Line, Window
from settlement.warehouse.survey import Surveyed

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far the warehouse's clock may be ahead of the ledger's."""
HOUSE = "house"
"""What trades.sql calls the platform's own account."""


@dataclass(frozen=True, slots=True)
class TradeRow:
    """One trade. Quantities and fees in base units.

    A connection is a canonical UUID, `house`, or None (the house too, where the partner allows it).
    A fee's currency is always named: the quote currency, where the warehouse names none.
    """

    trade_id: str
    executed_at: datetime
    recorded_at: datetime
    buyer_connection_id: str | None
    seller_connection_id: str | None
    base_currency: str
    quote_currency: str
    base_quantity: int
    quote_quantity: int
    buyer_fee: int
    seller_fee: int
    buyer_fee_currency: str
    seller_fee_currency: str

    @property
    def currencies(self) -> frozenset[str]:
        """Every currency that the trade can move."""
        fees = (self.buyer_fee_currency, self.seller_fee_currency)
        return frozenset((self.base_currency, self.quote_currency, *fees))

    def effect_on(self, connection_id: str, currency: str) -> int:
        """Signed amount by which the trade moves one net position; 0 if it does not."""
        effect = 0
        if self.buyer_connection_id == connection_id:
            if self.base_currency == currency:
                effect += self.base_quantity
            if self.quote_currency == currency:
                effect -= self.quote_quantity
            if self.buyer_fee_currency == currency:
                effect -= self.buyer_fee
        if self.seller_connection_id == connection_id:
            if self.base_currency == currency:
                effect -= self.base_quantity
            if self.quote_currency == currency:
                effect += self.quote_quantity
            if self.seller_fee_currency == currency:
                effect -= self.seller_fee
        return effect


@dataclass(frozen=True, slots=True)
class TradeIds:
    """Ids of a window's trades that begin alike.

    `hashes`: 8 bytes for each id, big-endian: the first 16 hex digits of the MD5 of its UTF-8 text.
    `endings`: what follows the beginning, one id a line (parted by line feeds and nothing else).
    Neither is sorted, and their orders may differ.
    """

    beginning: str
    hashes: bytes
    endings: str


class WarehouseSnapshot(Protocol):
    """One partner's trades of one window, frozen: every method reads the same snapshot.

    The iterators are streamed; one is read at a time, before the next question is asked.
    """

    @property
    def query_text(self) -> str:
        """The statement that computes the net positions, as it is kept with the snapshot."""
        ...

    def check(self) -> None:
        """Refuse trades that are unfit to be settled.

        :raises WarehouseDataError: naming each failed check with example trade ids
        """
        ...

    def trade_count(self) -> int:
        """Count the trades in the window."""
        ...

    def watermark(self) -> datetime | None:
        """Newest `recorded_at` of the window's trades; None without trades."""
        ...

    def newest_executed_at(self) -> datetime | None:
        """Newest `executed_at` of the window's trades; None without trades."""
        ...

    def trade_count_until(self, watermark: datetime) -> int:
        """Count the trades recorded at or before the watermark."""
        ...

    def net_positions(self) -> Iterator[Line]:
        """Clients' net positions, sorted by connection and currency, zeros left out."""
        ...

    def net_positions_until(self, watermark: datetime) -> Iterator[Line]:
        """Net positions over the trades recorded at or before the watermark."""
        ...

    def house_positions(self) -> dict[str, int]:
        """Compute the house's own side per currency, from a second, independent statement."""
        ...

    def trades_behind(self, connection_id: str, currency: str) -> Iterator[TradeRow]:
        """Trades behind one net position, oldest first."""
        ...

    def trades_recorded_after(self, watermark: datetime) -> Iterator[TradeRow]:
        """Late trades: recorded after the watermark, in that order."""
        ...

    def trades(self) -> Iterator[TradeRow]:
        """All trades of the window, in the order in which they were recorded."""
        ...

    def trade_ids(self) -> Iterator[TradeIds]:
        """Ids of all trades of the window in groups, each beginning once; null ids are left out.

        :raises WarehouseDataError: for an id with a line break in it
        """
        ...


class Warehouse(Surveyed, Protocol):
    """Where a partner's trades are kept."""

    def snapshot(
        self, partner: PartnerFile, window: Window
    ) -> AbstractContextManager[WarehouseSnapshot]:
        """Freeze the partner's trades of the window for as long as the context is open.

        :raises WarehouseBusyError: if the warehouse is locked or cannot be reached
        :raises WarehouseError: if the trades cannot be read with the queries of the SQL folder
        """
        ...

    def loaded_until(self, partner: PartnerFile, recorded_until: datetime) -> datetime | None:
        """Newest `recorded_at` over all the partner's trades; None without trades.

        :param recorded_until: now, as far as clocks may differ: a later recording is a mistake
        """
        ...
