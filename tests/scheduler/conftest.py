"""A real Airflow for the whole story: api-server, scheduler, dag-processor and triggerer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
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
from settlement.signing.signer import LocalSigner
from settlement_airflow.cli.stand_ins import LEDGER
from settlement_airflow.up.place import free_port, prepare
from settlement_airflow.up.stack import LocalStack, airflow_settings
from support.browser import Browser, browsing
from support.disputing_partner import (
    DISPUTING,
    DISPUTING_DAG,
    WINDOWS,
    disputing_partner,
    prepare_disputing,
)
from support.encrypted_key import ENCRYPTED_KEY
from support.killing import eventually
from support.one_airflow import only_airflow
from support.partners_clock import PartnersClock
from support.rest import DAG, AirflowRest, once
from support.waiting import Waiting, look_ups_seen

SIGNING_KEY = {
    "conn_type": "settlement_signing_key",
    "password": ENCRYPTED_KEY.passphrase,
    "extra": {"encrypted_private_key": ENCRYPTED_KEY.encrypted_xprv},
}
RETRY_DELAY_S = 0.2
SOON_MISSED = {
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
}
"""How soon another triggerer takes over what a dead one held; else half a minute."""


@dataclass
class RunningAirflow:
    """The scheduler at work on three business dates, one fault scripted for each but the first.

    A second partner, whose clients may dispute, is paused until a test starts it.
    """

    rest: AirflowRest
    stack: LocalStack
    sandbox: Sandbox
    clock: PartnersClock
    ledger: Ledger
    warehouse: Path
    home: Path
    metadata: URL
    completed: date
    conflict: date
    lost: date

    @property
    def days(self) -> tuple[date, date, date]:
        """The three business dates, oldest first."""
        return self.completed, self.conflict, self.lost


def script(sandbox: Sandbox, day: date, fault: FaultKind, times: int | None) -> None:
    """Meet the submits of a date with a fault."""
    rule = {"fault": fault, "route": Route.SUBMIT, "external_id": f"demo-{day}-*", "times": times}
    sandbox.faults.script(FaultRule.model_validate(rule))


@pytest.fixture(scope="module")
def airflow() -> Iterator[RunningAirflow]:
    """Start it, and leave nothing behind."""
    signer = LocalSigner.from_xprv(ENCRYPTED_KEY.xprv)
    public_key, clock = signer.public_key.hex(), PartnersClock()
    partner = demo_world().partners[0].changed(public_key=public_key)
    world = World(partners=(partner, disputing_partner(public_key)))
    sandbox = Sandbox(Store(), clock, Settings(), world)
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
            **prepare_disputing(place, trades=100),
            **airflow_settings(home / "airflow", place.metadata, port),
            **SOON_MISSED,
            "AIRFLOW_CONN_SIGNING_KEY": json.dumps(SIGNING_KEY),
            "SETTLEMENT_RETRY_DELAY_S": str(RETRY_DELAY_S),
        }
        stack = LocalStack(home, settings, port)
        try:
            stack.start()
            ledger = Ledger.connect(place.server.url(LEDGER))
            rest = AirflowRest(f"http://127.0.0.1:{port}")
            eventually(lambda: rest.unpause(DAG), f"{DAG} to be parsed")
            yield RunningAirflow(
                rest,
                stack,
                sandbox,
                clock,
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


@pytest.fixture(scope="module")
def window(airflow: RunningAirflow) -> Iterator[Browser]:
    """A window of 1,300 pixels, and somebody who is logged in."""
    with browsing(f"http://127.0.0.1:{airflow.stack.port}") as window:
        yield window


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """Somebody looks at Airflow as long as the test takes: an open page asks for news all day."""
    yield window
    window.page.goto("about:blank")


@pytest.fixture
def waiting(airflow: RunningAirflow) -> Waiting:
    """The second partner's date is on its way, and nothing else."""
    for day in airflow.days:
        airflow.rest.finished_run(day)
    slot = f"{DISPUTING}-{airflow.lost}-1"
    asked = look_ups_seen(airflow.sandbox, slot)
    eventually(lambda: airflow.rest.unpause(DISPUTING_DAG), f"{DISPUTING_DAG} to be parsed")
    run = once(lambda: airflow.rest.run_of(airflow.lost, DISPUTING_DAG), bool)
    return Waiting(
        airflow.rest,
        airflow.ledger,
        DISPUTING_DAG,
        run["dag_run_id"],
        slot,
        WINDOWS,
        timedelta(seconds=RETRY_DELAY_S),
        asked,
    )
