"""The kinds of partners, and of accidents as the table at the end names them."""

from __future__ import annotations

from enum import StrEnum


class PartnerKind(StrEnum):
    """What kind of partner all worlds of a search have."""

    DIRECT = "direct"
    """Version 1 of the API, amounts in base or in full units."""
    FULL_UNITS = "full-units"
    DISPUTES = "disputes"
    """Version 2: settlements wait for their windows, and clients may dispute them."""
    BROKER = "broker"

    @property
    def clean_clears(self) -> int:
        """Clears, three hours apart, after which every date is settled once all is calm."""
        return 12 if self is PartnerKind.DISPUTES else 8


class Accident(StrEnum):
    """What can go wrong in a world, besides the partner's own faults."""

    LATE_TRADES = "trades recorded late"
    CORRECTED = "trades corrected in place"
    DELETED = "trades deleted"
    HALF_LOADED = "warehouse half loaded"
    MOVED = "trade moved to another date"
    TWIN = "trade delivered again in another window"
    REPEATED = "trade delivered again in its window"
    COMMITTED_LATE = "trade committed late, under the watermark"
    OUTSIDE = "trade outside every window"
    RECORDED_AHEAD = "recorded_at of the future"
    TWO_DATES = "another date's run while trades are read"
    KILLED = "worker killed"
    CLEARED = "task cleared alone"
    CLEARED_DOWNSTREAM = "task cleared with downstream"
    MARKED = "task marked success"
    REDELIVERED = "task delivered twice"
    TWO_WORKERS = "two workers on one task"
    TWO_RUNS = "two runs of one date"
    BACKFILL = "backfill, two dates at a time"
    SHUFFLED = "requests sent in another order"
    FAULTS = "faults of the partner"
    STORM = "storm of late and refused requests"
    DUPLICATED = "request delivered twice by the network"
    FUNDS = "funds missing"
    HOLD = "connection held"
    STOP = "stop flag raised"
    HOLD_MEANWHILE = "connection held while a task works"
    STOP_MEANWHILE = "stop flag raised while a task works"
    BY_HAND = "settlement made by hand"
    BACKED_UP = "ledger backed up"
    LOST = "ledger lost"
    RESTORED = "ledger restored from an older copy"
    RENAMED = "partner renamed"
    CHUNK_SIZE = "request size edited"
    CUT_OFF = "cut-off edited"
    TIME_ZONE = "time zone edited"
    CALENDAR = "calendar edited"
    DECIMALS = "decimals of a currency edited"
