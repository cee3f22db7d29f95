"""Making those that race meet at a point: by a lock in the database, or in front of the partner."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, text

from settlement.ledger.database import Ledger
from settlement.partner.exchange import Answer, PartnerApi
from support.patience import LONGEST_WAIT_S, until

Result = TypeVar("Result")
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE :me = ANY(pg_blocking_pids(pid))"
SOON_S = 0.2
"""Between looks at a ledger that others are at work on."""


def holds(ledger: Ledger, query: str, **about: object) -> bool:
    """Whether a query of the ledger gives a row."""
    with ledger.transaction() as tx:
        return tx.execute(text(query), about).first() is not None


def waiting_for_locks(ledger: Ledger, count: int) -> None:
    """Wait until `count` connections to this ledger wait for a lock of its database."""

    def enough() -> bool:
        with ledger.transaction() as tx:
            waiting: int = tx.execute(text(WAITING)).scalar_one()
            return waiting >= count

    until(enough, f"{count} transaction(s) that wait for a lock")


@contextmanager
def holding(ledger: Ledger, statement: str, **parameters: object) -> Iterator[Connection]:
    """Hold the locks that a statement takes until the end of the block."""
    with ledger.transaction() as tx:
        tx.execute(text(statement), parameters)
        yield tx


@contextmanager
def blocking(ledger: Ledger, ready: str, lock: str, **about: object) -> Iterator[None]:
    """Take a lock of the ledger once something is there, and wait until somebody waits for it.

    :param ready: a query that gives a row once it is there
    """
    until(lambda: holds(ledger, ready, **about), f"{ready} {about}", every_s=SOON_S)
    with ledger.engine.connect() as tx:  # never committed: what the lock has written is undone
        tx.execute(text(lock), about)
        me = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
        waited_for = f"somebody to wait for {lock} {about}"
        until(lambda: holds(ledger, BLOCKED, me=me), waited_for, every_s=SOON_S)
        yield


@contextmanager
def in_background(*work: Callable[[], Result]) -> Iterator[list[Future[Result]]]:
    """Run every piece of work in a thread of its own; all have ended after the block."""
    with ThreadPoolExecutor(len(work)) as pool:
        yield [pool.submit(each) for each in work]


class Turnstile:
    """A partner API at which requests of one kind wait until they are let through."""

    def __init__(self, api: PartnerApi, method: str, path_end: str) -> None:
        self.api = api
        self.requests: list[bytes] = []
        self._at = (method, path_end)
        self._open = threading.Event()

    @property
    def base_url(self) -> str:
        """That of the API behind."""
        return self.api.base_url

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> Answer:
        """Wait here if it is such a request, then pass it on."""
        if method == self._at[0] and path.endswith(self._at[1]):
            self.requests.append(content or b"")
            assert self._open.wait(LONGEST_WAIT_S), "the turnstile was never opened"
        return self.api.exchange(method, path, query=query, content=content)

    def reached(self, count: int = 1) -> None:
        """Wait until so many requests are waiting here, or have passed."""
        until(lambda: len(self.requests) >= count, f"{count} request(s) at the turnstile")

    def let_through(self) -> None:
        """Open, for good."""
        self._open.set()
