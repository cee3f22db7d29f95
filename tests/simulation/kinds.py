"""The kinds of accidents, as the table at the end names them."""

from __future__ import annotations

from enum import StrEnum


class Accident(StrEnum):
    """What can go wrong in a world, besides the partner's own faults."""

    LATE_TRADES = "trades recorded late"
    CORRECTED = "trades corrected in place"
    DELETED = "trades deleted"
    HALF_LOADED = "warehouse half loaded"
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
