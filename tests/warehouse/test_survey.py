"""Many windows in one statement: the same counts, the same net positions as one after the other."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from settlement.values import ALL_OF_TIME, Window
from settlement.warehouse.survey import ReadWindow, Why, WindowCount
from settlement.warehouse.window_of_trade import FIRST_NUMBER, window_of_trade

from .conftest import (
    ALICE,
    BOB,
    CAROL,
    DAY,
    DRIVERS,
    END,
    HOUSE,
    NOON,
    SQL_FOLDER,
    START,
    Backend,
    partner,
    trade,
)

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
LATER = NOON + timedelta(days=365)


def days(count: int) -> list[Window]:
    """Windows that touch, from the first day on."""
    length = timedelta(days=1)
    return [Window(START + n * length, END + n * length) for n in range(count)]


def made_up(windows: list[Window], seed: int) -> list[dict[str, Any]]:
    """Trades of any moment, in and around the windows, some at their very edges."""
    rolled = random.Random(seed)
    edges = [each for window in windows for each in (window.start, window.end - SECOND, window.end)]
    first, last = windows[0].start - HOUR, windows[-1].end + HOUR
    found = []
    for number in range(120):
        at = rolled.choice([rolled.choice(edges), first + rolled.random() * (last - first)])
        buyer, seller = rolled.sample([ALICE, BOB, CAROL, HOUSE], 2)
        found.append(
            trade(
                f"t{number:03d}",
                executed_at=at.replace(microsecond=0),
                recorded_at=at.replace(microsecond=0) + rolled.choice([SECOND, 9 * HOUR]),
                buyer_connection_id=buyer,
                seller_connection_id=seller,
                base_quantity=rolled.randint(1, 9),
                base_currency=rolled.choice(["BTC", "ETH"]),
            )
        )
    return found


@pytest.mark.parametrize("backend", [*DRIVERS, "snowflake"], indirect=True)
@pytest.mark.parametrize("gaps", [False, True], ids=["touching", "with gaps"])
def test_each_window_is_as_a_snapshot_of_it_would_be(backend: Backend, *, gaps: bool) -> None:
    """Counts and positions, up to each window's own watermark."""
    windows = days(9)
    if gaps:
        del windows[4], windows[1]
    backend.insert(*made_up(windows, seed=len(windows)))
    read = [ReadWindow(each, each.end - n * HOUR) for n, each in enumerate(windows)]
    warehouse = backend.warehouse()
    with warehouse.survey(partner()) as survey:
        counts = survey.counts(read, LATER)
        positions = list(survey.positions(read))
    for place, (window, read_until) in enumerate(read):
        with warehouse.snapshot(partner(), window) as one:
            assert read_until is not None
            assert counts[place] == (one.trade_count(), one.trade_count_until(read_until), 0)
            expected = [
                (place, *line[:2], str(line.amount)) for line in one.net_positions_until(read_until)
            ]
        assert [each for each in positions if each[0] == place] == expected
    assert positions == sorted(positions, key=lambda each: each[0])


def test_a_window_that_was_empty_has_read_nothing(backend: Backend) -> None:
    """All that is there now came after it."""
    backend.insert(trade("t1"), trade("t2", recorded_at=LATER + SECOND))
    with backend.warehouse().survey(partner()) as survey:
        assert survey.counts([ReadWindow(DAY, None)], LATER) == [WindowCount(2, 0, 1)]
        assert list(survey.positions([ReadWindow(DAY, None)])) == []
        assert survey.counts([], LATER) == []
        assert list(survey.positions([])) == []


def test_a_trade_without_a_time_is_in_no_window(backend: Backend) -> None:
    """trades.sql returns it to every one."""
    backend.insert(trade("t1"), trade("t2", executed_at=None))
    read = [ReadWindow(each, LATER) for each in days(3)]
    with backend.warehouse().survey(partner()) as survey:
        assert [each.trades for each in survey.counts(read, LATER)] == [1, 0, 0]


def test_an_unfit_trade_of_one_window_leaves_the_others_readable(backend: Backend) -> None:
    """What is in it cannot equal what was read; the other windows can."""
    windows = days(2)
    backend.insert(
        trade("t1", buyer_connection_id=None, base_currency="", quote_quantity=0),
        trade("t2", executed_at=windows[1].start, recorded_at=windows[1].start),
    )
    with backend.warehouse().survey(partner()) as survey:
        found = list(survey.positions([ReadWindow(each, LATER) for each in windows]))
    assert (1, ALICE, "BTC", "2") in found


def test_what_lies_outside_is_found_with_its_reason(backend: Backend) -> None:
    """Executed then; executed never; up to five of each, and how many."""
    ages = [datetime(1970, 1, 1, tzinfo=UTC) + n * SECOND for n in range(7)]
    backend.insert(
        trade("sound"),
        *(trade(f"old{n}", executed_at=at, recorded_at=NOON) for n, at in enumerate(ages)),
        trade("of another partner", partner="other", executed_at=ages[0]),
        trade("recorded long ago", executed_at=ages[0], recorded_at=NOON - 48 * HOUR),
        trade("never", executed_at=None),
        trade("far", executed_at=datetime(2126, 3, 3, tzinfo=UTC)),
    )
    with backend.warehouse().survey(partner()) as survey:
        before = survey.outside(Window(ALL_OF_TIME.start, START), NOON - HOUR)
        after = survey.outside(Window(LATER, ALL_OF_TIME.end))
    assert before[Why.UNCOVERED].count == 7
    assert [each for each, _ in before[Why.UNCOVERED].shown] == [f"old{n}" for n in range(5)]
    assert str(before[Why.UNCOVERED].shown[0][1]).startswith("1970-01-01 00:00:00")
    assert before[Why.NULL].shown == after[Why.NULL].shown == (("never", None),)
    ((far, at),) = after[Why.UNCOVERED].shown
    assert (far, str(at)[:10]) == ("far", "2126-03-03")
    assert Why.INFINITE not in after


def test_a_trade_of_an_infinite_time_is_found(backend: Backend, tmp_path: Any) -> None:
    """Where trades.sql returns it: no driver has to read the time itself."""
    for path in SQL_FOLDER.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "trades.sql").write_text(
        "SELECT * FROM trades WHERE partner = :partner AND (executed_at >= :window_start AND "
        "executed_at < :window_end OR executed_at IN ('infinity', '-infinity'))"
    )
    backend.insert(trade("t1"))
    backend.run("UPDATE trades SET executed_at = 'infinity'")
    with backend.warehouse(tmp_path).survey(partner()) as survey:
        found = survey.outside(Window(LATER, ALL_OF_TIME.end))
    assert found[Why.INFINITE].shown == (("t1", "infinity"),)


def test_recordings_of_the_future_are_found(backend: Backend) -> None:
    """With what they claim."""
    backend.insert(trade("t1"), trade("t2", recorded_at=datetime(2031, 1, 1, tzinfo=UTC)))
    with backend.warehouse().survey(partner()) as survey:
        found = survey.recorded_later(DAY, NOON + HOUR)
        assert survey.recorded_later(DAY, datetime(2032, 1, 1, tzinfo=UTC)).count == 0
    ((trade_id, at),) = found.shown
    assert (found.count, trade_id, str(at)[:10]) == (1, "t2", "2031-01-01")


def test_trades_are_found_by_their_ids_wherever_they_are(backend: Backend) -> None:
    """One that was delivered again is in two places."""
    backend.insert(
        trade("t1"), trade("t1", executed_at=LATER), trade("t2"), trade("t3", executed_at=None)
    )
    with backend.warehouse().survey(partner()) as survey:
        assert list(survey.whereabouts(["t1", "t3", "gone"])) == [("t1", NOON), ("t1", LATER)]
        assert list(survey.whereabouts([])) == []


def test_a_year_of_windows_takes_nine_comparisons_a_trade() -> None:
    """Each half in halves again: no trade is compared with every edge."""
    placed = window_of_trade([ReadWindow(each, None) for each in days(365)])
    depth = most = 0
    for word in placed.number.split():
        depth += {"CASE": 1, "END": -1}.get(word.strip("()"), 0)
        most = max(most, depth)
    assert most == 9
    assert str(FIRST_NUMBER + 364) in placed.number


def test_postgres_reads_the_windows_by_the_index(postgres_backend: Backend) -> None:
    """The index that the docs advise: a look at some weeks does not read the years before."""
    postgres_backend.create()
    postgres_backend.run(
        "INSERT INTO trades SELECT 't' || n, 'demo', "
        f"TIMESTAMPTZ '{START.isoformat()}' - n * INTERVAL '1 minute', now(), '{ALICE}', '{BOB}', "
        "'BTC', 'USD', 1, 1, 0, 0 FROM generate_series(1, 50000) AS n"
    )
    postgres_backend.run("CREATE INDEX trades_by_window ON trades (partner, executed_at)")
    postgres_backend.run("ANALYZE trades")
    explained: list[str] = []

    class Explaining:
        def __init__(self, cursor: Any) -> None:
            self._cursor = cursor

        def execute(self, statement: str, parameters: Any = ()) -> None:
            self._cursor.execute(f"EXPLAIN {statement}", parameters)
            explained.extend(row[0] for row in self._cursor.fetchall())
            self._cursor.execute(statement, parameters)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._cursor, name)

    class Connection:
        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def cursor(self, *named: str) -> Any:
            plain = self._connection.cursor()
            return Explaining(plain) if named else plain

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

        def __setattr__(self, name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

    connect = postgres_backend.connect
    watched = Backend(
        "psycopg", "postgres", "%s", lambda: Connection(connect()), postgres_backend.writable
    )
    with watched.warehouse().survey(partner()) as survey:
        survey.counts([ReadWindow(DAY, NOON)], LATER)
        list(survey.positions([ReadWindow(DAY, NOON)]))
        survey.outside(Window(LATER, ALL_OF_TIME.end))
    plan = "\n".join(explained)
    assert "trades_by_window" in plan
    assert "Seq Scan on trades" not in plan
