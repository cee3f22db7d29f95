"""A real Airflow for the whole story: api-server, scheduler, dag-processor and triggerer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL

from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import demo_world
from partner_sandbox.faults import FaultKind, FaultRule, Route
from partner_sandbox.server import running
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from partner_sandbox.world import World
from settlement.ledger.database import Ledger
from settlement.signing import LocalSigner
from settlement_airflow.cli.stand_ins import LEDGER
from settlement_airflow.up.place import free_port, prepare
from settlement_airflow.up.stack import LocalStack, airflow_settings
from support.encrypted_key import ENCRYPTED_KEY
from support.one_airflow import only_airflow
from support.rest import AirflowRest

SIGNING_KEY = {
    "conn_type": "settlement_signing_key",
    "password": ENCRYPTED_KEY.passphrase,
    "extra": {"encrypted_xprv": ENCRYPTED_KEY.encrypted_xprv},
}


@dataclass
class RunningAirflow:
    """The scheduler at work on three business dates, one fault scripted for each but the first."""

    rest: AirflowRest
    stack: LocalStack
    sandbox: Sandbox
    ledger: Ledger
    warehouse: Path
    home: Path
    metadata: URL
    completed: date
    conflict: date
    lost: date


def script(sandbox: Sandbox, day: date, fault: FaultKind, times: int | None) -> None:
    """Meet the submits of a date with a fault."""
    rule = {"fault": fault, "route": Route.SUBMIT, "external_id": f"demo-{day}-*", "times": times}
    sandbox.faults.script(FaultRule.model_validate(rule))


@pytest.fixture(scope="module")
def airflow() -> Iterator[RunningAirflow]:
    """Start it, and leave nothing behind."""
    signer = LocalSigner.from_xprv(ENCRYPTED_KEY.xprv)
    partner = demo_world().partners[0].changed(public_key=signer.public_key.hex())
    world = World(partners=(partner,))
    sandbox = Sandbox(Store(), lambda: datetime.now(UTC), Settings(), world)
    with (
        only_airflow(),
        tempfile.TemporaryDirectory(prefix="up") as folder,
        running(sandbox) as url,
    ):
        home, port = Path(folder), free_port(0)
        sandbox_port = int(url.rsplit(":", 1)[1])
        place = prepare(home, sandbox_port, days=3, trades=500, max_connections=100)
        completed, conflict, lost = place.days
        script(sandbox, conflict, FaultKind.DROP_AFTER, times=1)
        script(sandbox, conflict, FaultKind.CONFLICT, times=1)
        script(sandbox, lost, FaultKind.DROP_AFTER, times=None)
        settings = {
            **place.environment,
            **airflow_settings(home / "airflow", place.metadata, port),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW_CONN_SIGNING_KEY": json.dumps(SIGNING_KEY),
            "SETTLEMENT_RETRY_DELAY_S": "0.2",
        }
        stack = LocalStack(home, settings, port)
        try:
            stack.start()
            ledger = Ledger.connect(place.server.url(LEDGER))
            yield RunningAirflow(
                AirflowRest(f"http://127.0.0.1:{port}"),
                stack,
                sandbox,
                ledger,
                home / "warehouse.duckdb",
                home,
                place.metadata,
                completed,
                conflict,
                lost,
            )
            ledger.engine.dispose()
        finally:
            stack.stop()
            place.server.stop()
