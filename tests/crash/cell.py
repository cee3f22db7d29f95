"""One cell of the matrix: a run is killed at a point, and the date is run again until it is green.

Everything is real: processes, SIGKILL, the DAG, DuckDB, PostgreSQL, sockets. Only the partner is
the sandbox; it alone says what is booked.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
from sqlalchemy import text

from crash.partner import Partner, Switchboard
from crash.points import Point
from crash.processes import Ended, NotAsOrdered, Processes, process_server
from crash.rows import RECORD, Row
from partner_sandbox.server import running
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.schema import metadata
from settlement.values import PositionKey
from support.airflow_day import TRADES, AirflowDay, connections_of
from support.bookings import apart, sums_of, times_booked
from support.day import ALICE, BOB, CAROL, DAVE, DAY, demo_partner
from support.washed_ledgers import WashedLedgers

SLOT = f"demo-{DAY}-1"
RUN = ("run", "demo", str(DAY))
OPEN_ATTEMPTS = "SELECT count(*) FROM attempt WHERE finished_at IS NULL"
RECORD_IT = ("record", "demo", SLOT, "--date", str(DAY), "--reason", "found out who made it")
TABLES = ", ".join(table.name for table in metadata.sorted_tables)
ONCE = "1"


@dataclass(frozen=True)
class Cell:
    """What came of it: bookings per line at the end, and the exits of the runs after the kill."""

    bookings: str
    exits: tuple[int, ...]


class Bench:
    """Where cells are played, one after the other, on one ledger and behind one address."""

    def __init__(self, ledger: Ledger, processes: Processes, board: Switchboard, url: str) -> None:
        self._ledger = ledger
        self._processes = processes
        self._board = board
        self._day = AirflowDay(ledger, None, url, processes.home)  # type: ignore[arg-type]
        with closing(duckdb.connect(str(self._day.warehouse))) as database:
            database.execute(TRADES)
        self._day.write_partner()
        self._day.trade(ALICE, BOB, 100)
        self._day.trade(CAROL, DAVE, 10**30)
        given = connections_of(self._day, ledger.engine.url).items()
        self._environment = {
            "SETTLEMENT_PARTNERS_DIR": str(processes.home / "partners"),
            **{f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in given},
        }

    def rehearse(self, row: Row) -> None:
        """Before the first cell."""
        partner = self._begin(row)
        self._processes.rehearse(*RUN, environment=self._environment)
        assert bookings_per_line(partner, self._day.owed()) == ONCE

    def without_a_kill(self, row: Row) -> tuple[Cell, set[str]]:
        """A run that nobody kills: what comes of it, and every moment that it passes."""
        partner = self._begin(row)
        ended = self._run()
        return self._until_green(row, partner, ended.code), set(ended.passed)

    def killed_at(self, row: Row, point: Point) -> Cell:
        """Kill a run at the point, and run the date again until it is green."""
        partner = self._begin(row)
        killed = self._run(stop_at=point.key)
        if killed.code != -signal.SIGKILL or killed.passed[-1] != point.key:
            raise NotAsOrdered(f"{row.name}, {point.key}: ended with {killed.code}")
        _require_moment(self._ledger, partner, point)
        return self._until_green(row, partner, self._run().code)

    def _begin(self, row: Row) -> Partner:
        """An empty ledger, and a partner that will do what the row says."""
        with self._ledger.transaction() as tx:
            tx.execute(text("SET LOCAL session_replication_role = replica"))  # append-only tables
            tx.execute(text(f"TRUNCATE {TABLES} RESTART IDENTITY"))
        partner = row.partner()
        self._board.partner = partner
        return partner

    def _run(self, stop_at: str | None = None) -> Ended:
        return self._processes.run(*RUN, environment=self._environment, stop_at=stop_at)

    def _until_green(self, row: Row, partner: Partner, code: int) -> Cell:
        """Where the run is red: what the runbook says is done, and the date is run once more."""
        exits = [code]
        if code:
            row.correct(partner)
            if row.next_step == RECORD:
                self._record()
            exits.append(self._run().code)
        partner.correct()
        partner.deliver_late()
        verify_ledger(self._ledger, "demo", demo_partner().currencies)
        return Cell(bookings_per_line(partner, self._day.owed()), tuple(exits))

    def _record(self) -> None:
        recorded = self._processes.run(*RECORD_IT, environment=self._environment)
        if recorded.code:
            raise NotAsOrdered(f"settlement record ended with {recorded.code}")


def _require_moment(ledger: Ledger, partner: Partner, point: Point) -> None:
    """The ledger and the partner agree that the process was where it said."""
    with ledger.transaction() as tx:
        open_attempts = tx.execute(text(OPEN_ATTEMPTS)).scalar_one()
    in_exchange = point.moment.endswith((" not sent", " answered"))
    seen = {"submit not sent": 0, "submit answered": 1}.get(point.moment, partner.submits)
    if open_attempts != in_exchange or partner.submits != seen:
        raise NotAsOrdered(
            f"{point.key}: {open_attempts} open attempts, {partner.submits} submits seen"
        )


def bookings_per_line(partner: Partner, net: Mapping[PositionKey, int]) -> str:
    """How often each line of the date was booked: `1` if each was, once and exactly.

    What somebody else has booked counts as it does in a run: our lines are those of the rest.
    """
    theirs, ours = sums_of(partner.booked_by(others=True)), partner.booked_by(others=False)
    rest = {key: net.get(key, 0) - theirs.get(key, 0) for key in net.keys() | theirs.keys()}
    owed = {key: amount for key, amount in rest.items() if amount}
    times = times_booked(ours)
    counts = sorted({times[key] for key in owed.keys() | times.keys()})
    exact = not apart(owed, sums_of(ours))
    return " to ".join(map(str, counts)) + ("" if exact else ", other amounts")


@contextmanager
def bench(ledgers: WashedLedgers, folder: Path, rehearsal: Row) -> Iterator[Bench]:
    """A bench with a ledger and a server of processes of its own, ready for the first cell."""
    board = Switchboard()
    with (
        ledgers.one() as ledger_url,
        process_server(folder) as processes,
        running(board) as url,  # type: ignore[arg-type]
    ):
        ledger = Ledger.connect(ledger_url)
        ready = Bench(ledger, processes, board, url)
        ready.rehearse(rehearsal)
        yield ready
        ledger.engine.dispose()
