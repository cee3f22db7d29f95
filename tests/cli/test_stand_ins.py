"""Where nothing is configured: an embedded ledger, the demo's connections, all said loudly."""

from __future__ import annotations

import json
import os
from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path

import duckdb
import pytest

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile, load_partner
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.warehouse.sql import SqlWarehouse
from settlement_airflow.cli.stand_ins import demo_connections, is_given
from settlement_airflow.cli.workplace import api_of, require_signer, warehouse_of
from settlement_airflow.connections import SQL_FOLDER, open_warehouse
from support.airflow_day import AirflowDay

from .conftest import Command

GIVEN = ("WAREHOUSE", "SETTLEMENT_LEDGER", "PARTNER_API", "SIGNING_KEY")
FROM_ROOT = Path(__file__).parents[2] / "include" / "partners"


@pytest.fixture
def nothing_given(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No Airflow connection at all; the partner file that ships."""
    for name in GIVEN:
        monkeypatch.delenv(f"AIRFLOW_CONN_{name}", raising=False)
    monkeypatch.setenv("SETTLEMENT_PARTNERS_DIR", str(FROM_ROOT))
    return home


def test_an_embedded_ledger_is_upgraded_on_the_way_and_said_loudly(
    nothing_given: Path, command_process: Command
) -> None:
    """The decision of one command is there for the next."""
    stopped = command_process("stop", "demo", "--reason", "trying out")
    assert stopped.code == 0, stopped.err
    assert "WARNING: no Airflow connection settlement_ledger is given" in stopped.err
    assert "embedded PostgreSQL in" in stopped.err
    shown = command_process("show", "demo", "2026-03-03")
    assert "trying out" in shown.out
    assert "WARNING" not in shown.out


def test_the_demo_gets_its_connections_where_none_are_given(
    nothing_given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Warehouse, sandbox and published key; gone again afterwards."""
    partner = load_partner("demo")
    with demo_connections(partner):
        assert api_of(partner).base_url == "http://127.0.0.1:8480"
        require_signer(partner)
        warehouse_of(partner)
    assert not any(f"AIRFLOW_CONN_{name}" in os.environ for name in GIVEN)
    assert capsys.readouterr().err.count("WARNING: no Airflow connection") == 3


@pytest.mark.parametrize("changed", [{"name": "acme"}, {"enterprise_id": "a-real-one"}])
def test_no_other_partner_gets_them(nothing_given: Path, changed: dict[str, str]) -> None:
    """A published key never stands in for a real one."""
    partner = PartnerFile.model_validate(load_partner("demo").model_dump() | changed)
    with demo_connections(partner):
        assert not is_given("signing_key")


def test_what_is_given_is_used(day: AirflowDay) -> None:
    """Nothing stands in for a connection that somebody has defined."""
    partner = load_partner("demo")
    with demo_connections(partner):
        assert api_of(partner).base_url == day.url


def trades_in(warehouse: Path) -> int:
    """Number of trades."""
    with closing(duckdb.connect(str(warehouse))) as database:
        found = database.execute("SELECT count(*) FROM trades").fetchone()
    assert found is not None
    return int(found[0])


def test_made_up_trades_are_written_once(nothing_given: Path, command: Command) -> None:
    """Into the demo's file; the same dates again add nothing."""
    arguments = ("seed", "demo", "2026-03-02", "2026-03-04", "--trades", "50")
    ended = command(*arguments)
    assert ended.code == 0, ended.err
    assert "150 trades of demo written for 3 date(s)" in ended.err
    command(*arguments)
    assert trades_in(nothing_given / "warehouse.duckdb") == 150


def test_made_up_trades_go_into_the_given_duckdb_file(day: AirflowDay, command: Command) -> None:
    """The Airflow connection names the file."""
    ended = command("seed", "demo", "2026-03-02", "2026-03-02", "--trades", "50")
    assert ended.code == 0, ended.err
    assert trades_in(day.warehouse) == 52


def test_made_up_trades_are_refused_for_a_real_enterprise(
    day: AirflowDay, command: Command
) -> None:
    """They could be settled for real."""
    path = day.folder / "partners" / "demo.toml"
    path.write_text(path.read_text().replace("demo-enterprise", "a-real-one"))
    ended = command("seed", "demo", "2026-03-02", "2026-03-02")
    assert ended.code == 2
    assert "made-up trades are for enterprise demo-enterprise only" in ended.err
    assert trades_in(day.warehouse) == 2


def test_made_up_trades_go_into_a_given_postgres_too(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    postgres: EmbeddedServer,
    nothing_given: Path,
) -> None:
    """Once, and the same trades as in DuckDB: every net position is equal."""
    url = postgres.url("made_up_trades")
    connection = {
        "conn_type": "postgres",
        "host": url.query["host"],
        "login": url.username,
        "schema": url.database,
    }
    arguments = ("seed", "demo", "2026-03-02", "2026-03-02", "--trades", "500")
    command(*arguments)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    ended = command(*arguments)
    assert ended.code == 0, ended.err
    assert "500 trades of demo written for 1 date(s) into database made_up_trades" in ended.err
    assert "0 trades of demo written" in command(*arguments).err
    demo = load_partner("demo")
    window = BusinessCalendar(demo).window(date(2026, 3, 2))
    in_postgres = open_warehouse("warehouse")
    connect = partial(duckdb.connect, str(nothing_given / "warehouse.duckdb"), read_only=True)
    in_duckdb = SqlWarehouse(connect, "duckdb", "?", SQL_FOLDER)
    with in_postgres.snapshot(demo, window) as theirs, in_duckdb.snapshot(demo, window) as ours:
        assert list(theirs.net_positions()) == list(ours.net_positions()) != []


def test_made_up_trades_need_duckdb_or_postgres(
    day: AirflowDay, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other warehouse is written to."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", '{"conn_type": "snowflake", "host": "x"}')
    ended = command("seed", "demo", "2026-03-02", "2026-03-02")
    assert ended.code == 2
    assert "DuckDB or PostgreSQL only" in ended.err


def test_dates_the_wrong_way_round_are_said(day: AirflowDay, command: Command) -> None:
    """Nothing is written for them."""
    ended = command("seed", "demo", str(date(2026, 3, 4)), str(date(2026, 3, 2)))
    assert ended.code == 2
    assert "no business date" in ended.err
