"""The sandbox's SQLite database: opened, brought up to date, and all or nothing."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

_SCRIPTS = ("schema.sql", "disputes.sql", "closures.sql")
"""How the schema grew; `user_version` counts the scripts that a file has seen.

Files of the first schema did not count: they say 0, and its script may run again.
"""


class Database:
    """One lock, so that one request is worked on at a time.

    Without a path it lives in memory. Raises `sqlite3.DatabaseError` for a file that is
    something else.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._database = sqlite3.connect(
            ":memory:" if path is None else path, isolation_level=None, check_same_thread=False
        )
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._bring_up_to_date()

    def close(self) -> None:
        """Close the database; one in memory is gone."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what happens inside; may be nested, the outermost one decides."""
        with self._lock:
            if self._depth == 0:
                self._database.execute("BEGIN IMMEDIATE")
            self._depth += 1
            done = False
            try:
                yield
                done = True
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._database.execute("COMMIT" if done else "ROLLBACK")

    def _bring_up_to_date(self) -> None:
        seen: int = self._run("PRAGMA user_version")[0]["user_version"]
        package = resources.files(__package__ or "partner_sandbox")
        for number, name in enumerate(_SCRIPTS[seen:], start=seen + 1):
            script = package.joinpath(name).read_text("utf-8")
            self._database.executescript(
                f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;"
            )

    def _run(
        self, sql: str, parameters: Sequence[object] | dict[str, object] = ()
    ) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(sql, parameters).fetchall()

    def _run_for_each(self, sql: str, rows: Sequence[dict[str, object]]) -> None:
        with self._lock:
            self._database.executemany(sql, rows)
