"""A partner's day through the real DAG: Airflow in this process, everything else real too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import URL

from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import DEMO_TOKEN, DEMO_XPRV, demo_world
from partner_sandbox.faults import FaultRule
from partner_sandbox.server import running
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from settlement.ledger.database import Ledger
from settlement.ledger.slots import load_slots
from settlement.values import PositionKey
from settlement.warehouse import TradeRow
from support.day import ALICE, BOB, CAROL, DAVE, DAY
from support.in_process import net_of
from support.partners_clock import PartnersClock

DAGS = Path(__file__).parents[2] / "dags"
PARTNER_FILE = """
enterprise_id = "demo-enterprise"
timezone = "{timezone}"
cut_off = "{cut_off}"
first_business_date = 2026-03-02
{more}
[currencies]
BTC = 8
ETH = 18
USD = 2
"""
TRADES = """
CREATE TABLE trades (
    trade_id VARCHAR, partner VARCHAR, executed_at TIMESTAMPTZ, recorded_at TIMESTAMPTZ,
    buyer_connection_id VARCHAR, seller_connection_id VARCHAR,
    base_currency VARCHAR, quote_currency VARCHAR, base_quantity DECIMAL(38,0),
    quote_quantity DECIMAL(38,0), buyer_fee DECIMAL(38,0), seller_fee DECIMAL(38,0),
    buyer_fee_currency VARCHAR, seller_fee_currency VARCHAR)
"""
INSERT_TRADE = "INSERT INTO trades VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class RunOfDag:
    """How a DAG run ended: its state, and the state per task; mapped ones are `task[index]`."""

    state: str
    tasks: dict[str, str]
    names: dict[str, str | None] = field(default_factory=dict)
    """What the grid shows for a mapped task."""

    def in_state(self, state: str) -> set[str]:
        """Names of the tasks that ended in this state."""
        return {name for name, ended in self.tasks.items() if ended == state}


@dataclass
class AirflowDay:
    """One partner whose DAG runs here against the sandbox over HTTP, DuckDB and PostgreSQL."""

    ledger: Ledger
    sandbox: Sandbox
    url: str
    folder: Path
    clock: PartnersClock = field(default_factory=PartnersClock)
    trades: list[TradeRow] = field(default_factory=list)

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.folder / "warehouse.duckdb"

    def write_partner(
        self,
        more: str = "",
        name: str = "demo",
        timezone: str = "America/New_York",
        cut_off: str = "17:00",
    ) -> None:
        """Write the partner file, with more keys."""
        path = self.folder / "partners" / f"{name}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(PARTNER_FILE.format(more=more, timezone=timezone, cut_off=cut_off))

    def trade(self, buyer: str, seller: str, quantity: int, *, day: date = DAY) -> None:
        """Load one trade of BTC for USD into the warehouse."""
        number = len(self.trades) + 1
        executed = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
        executed += timedelta(seconds=number)
        recorded = executed + timedelta(seconds=1)
        row = TradeRow(
            f"t{number:06d}",
            executed,
            recorded,
            buyer,
            seller,
            "BTC",
            "USD",
            quantity,
            quantity * 3,
            1,
            -1,
            "USD",
            "USD",
        )
        self.trades.append(row)
        with closing(duckdb.connect(str(self.warehouse))) as database:
            trade_id, *rest = astuple(row)
            database.execute(INSERT_TRADE, [trade_id, "demo", *rest])

    def forget_trade(self, trade_id: str) -> None:
        """The warehouse loses a trade."""
        with closing(duckdb.connect(str(self.warehouse))) as database:
            database.execute("DELETE FROM trades WHERE trade_id = ?", [trade_id])

    def fault(self, fault: str, **measures: object) -> None:
        """Script one fault of the partner."""
        self.sandbox.faults.script(FaultRule.model_validate({"fault": fault, **measures}))

    def dag(self, dag_id: str = "settle_demo") -> Any:
        """The DAG as the DAG processor parses it now."""
        from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - the rest needs none of it

        bag = DagBag(DAGS)
        assert not bag.import_errors
        return bag.dags[dag_id]

    def run(self, day: date = DAY, marked: str | None = None) -> RunOfDag:
        """A manual run for a business date, to its end, retries included.

        :param marked: pattern of tasks that are marked as success by hand instead of run
        """
        run = self.dag().test(
            logical_date=None,
            run_conf={"business_date": day.isoformat()},
            mark_success_pattern=marked,
        )
        return ended(run)

    def states(self, day: date = DAY) -> dict[str, str]:
        """State per externalId, by the ledger."""
        with self.ledger.transaction() as tx:
            return {each.external_id: each.state.value for each in load_slots(tx, "demo", day)}

    def booked(self) -> dict[PositionKey, int]:
        """What the partner booked, summed per connection and currency."""
        booked = self.sandbox.booked_positions()
        return {PositionKey(*key): amount for key, amount in booked.items()}

    def owed(self) -> dict[PositionKey, int]:
        """Net positions over all trades, in plain Python."""
        return net_of(self.trades)


def ended(run: Any) -> RunOfDag:
    """How a run of `dag.test` ended."""
    instances = {
        f"{each.task_id}[{each.map_index}]" if each.map_index >= 0 else each.task_id: each
        for each in run.get_task_instances()
    }
    return RunOfDag(
        str(run.state),
        {name: str(each.state) for name, each in instances.items()},
        {name: each.rendered_map_index for name, each in instances.items()},
    )


@contextmanager
def airflow_day(
    ledger_url: URL, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AirflowDay]:
    """A day with two trades between four clients, ready to be settled."""
    clock = PartnersClock()
    sandbox = Sandbox(Store(), clock, Settings(), demo_world(count=6))
    ledger = Ledger.connect(ledger_url)
    with running(sandbox) as url:
        day = AirflowDay(ledger, sandbox, url, folder, clock)
        with closing(duckdb.connect(str(day.warehouse))) as database:
            database.execute(TRADES)
        day.write_partner()
        day.trade(ALICE, BOB, 100)
        day.trade(CAROL, DAVE, 10**30)
        for name, value in connections_of(day, ledger_url).items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(value))
        monkeypatch.setenv("SETTLEMENT_PARTNERS_DIR", str(folder / "partners"))
        yield day
    ledger.engine.dispose()


def connections_of(day: AirflowDay, ledger_url: URL) -> dict[str, dict[str, Any]]:
    """The four Airflow connections, as a user would define them."""
    return {
        "WAREHOUSE": {"conn_type": "duckdb", "host": str(day.warehouse)},
        "SETTLEMENT_LEDGER": {
            "conn_type": "postgres",
            "host": ledger_url.query["host"],
            "login": ledger_url.username,
            "password": ledger_url.password,
            "schema": ledger_url.database,
        },
        "PARTNER_API": {"conn_type": "bitgo_network", "host": day.url, "password": DEMO_TOKEN},
        "SIGNING_KEY": {"conn_type": "settlement_signing_key", "password": DEMO_XPRV},
    }
