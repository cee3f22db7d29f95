"""What the warehouse says: nothing is sent while it cannot be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from settlement.errors.base import CLEAR_COMPUTE, SettlementError


class WarehouseError(SettlementError):
    """The warehouse cannot be trusted for this date; nothing is sent."""

    runbook = "warehouse-error"
    next_step = f"correct the warehouse or the query that the text names, then {CLEAR_COMPUTE}"


class WarehouseDataError(WarehouseError):
    """Trades fail a check; the message holds example trade ids."""

    runbook = "warehouse-data"


class WarehouseTypeError(WarehouseError):
    """A driver returned what is not exact: a float, a naive timestamp, an amount with decimals."""

    runbook = "warehouse-type"


class WarehouseUnbalancedError(WarehouseError):
    """Clients plus house is not zero: the positions query is wrong. `off`: by currency."""

    runbook = "warehouse-unbalanced"

    def __init__(self, off: Sequence[str]) -> None:
        super().__init__(
            f"clients plus house must be zero for each currency, but {'; '.join(off)} (base "
            "units); nothing is sent.",
            to_do="compare net_positions.sql and house_positions.sql with the shipped ones, then "
            "clear this task",
        )
        self.off = off


class WarehouseBusyError(WarehouseError):
    """The warehouse is locked or unreachable for the moment."""

    runbook = "warehouse-busy"
    next_step = f"wait for the load to end, then {CLEAR_COMPUTE}"
    retryable = True


class WarehouseNotLoadedError(WarehouseError):
    """The load's watermark had not reached the cut-off when the deadline passed."""

    runbook = "warehouse-not-loaded"

    def __init__(
        self, partner: str, business_date: date, *, loaded: datetime | None, cut_off: datetime
    ) -> None:
        super().__init__(
            f"{partner} {business_date}: the warehouse is loaded until "
            f"{loaded.isoformat() if loaded else 'nothing'}, not past the cut-off "
            f"{cut_off.isoformat()}, and watermark_wait is over.",
            to_do="check the load, then clear this task with its downstream tasks",
            partner=partner,
            business_date=business_date,
        )
        self.loaded = loaded
        self.cut_off = cut_off


class EmptyDayError(WarehouseError):
    """The window holds no trades and `allow_empty_days` is off."""

    runbook = "empty-day"

    def __init__(self, partner: str, business_date: date, *, window: object) -> None:
        super().__init__(
            f"{partner} {business_date}: the warehouse has no trades in {window}.",
            to_do="check that the load has run, then clear this task; if the day really was empty, "
            "set allow_empty_days in the partner file",
            partner=partner,
            business_date=business_date,
        )
        self.window = window


class HistoryChangedError(WarehouseError):
    """Trades that an earlier snapshot has read have changed or gone."""

    runbook = "history-changed"
    next_step = "answer the question, or have the warehouse corrected and clear this task"


class TradeOfAnotherDateError(WarehouseError):
    """Trades of the date belong to another date already: they would be settled twice."""

    runbook = "trade-of-another-date"
    next_step = "answer the question, or have the warehouse corrected and clear this task"
