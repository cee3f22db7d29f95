"""A real Airflow for the whole story: api-server, scheduler, dag-processor and triggerer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import demo_world
from partner_sandbox.faults import FaultKind, FaultRule, Route
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from partner_sandbox.world import World
from settlement.signing.signer import LocalSigner
from support.airflow_site import AirflowSite, prepared_place, real_airflow
from support.browser import Browser, browsing
from support.disputing_partner import (
    DISPUTING,
    DISPUTING_DAG,
    WINDOWS,
    disputing_partner,
    prepare_disputing,
)
from support.encrypted_key import ENCRYPTED_KEY
from support.partners_clock import PartnersClock
from support.patience import once
from support.rest import DAG
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


@dataclass(frozen=True)
class RunningAirflow(AirflowSite):
    """The scheduler at work on three business dates, one fault scripted for each but the first.

    A second partner, whose clients may dispute, is paused until a test starts it.
    """

    clock: PartnersClock

    @property
    def completed(self) -> date:
        """The date that meets no fault."""
        return self.days[0]

    @property
    def conflict(self) -> date:
        """The date whose answer is lost, and whose next attempt is answered by a 409."""
        return self.days[1]

    @property
    def lost(self) -> date:
        """The date whose answers are all lost."""
        return self.days[2]

    def all_days_ended(self) -> None:
        """Wait for the scheduled runs: none of them reads the warehouse any more."""
        for day in self.days:
            self.rest.finished_run(day)


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
        tempfile.TemporaryDirectory(prefix="up") as folder,
        prepared_place(Path(folder), sandbox, days=3, trades=500) as place,
    ):
        _, conflict, lost = place.days
        script(sandbox, conflict, FaultKind.DROP_AFTER, times=1)
        script(sandbox, conflict, FaultKind.CONFLICT, times=1)
        script(sandbox, lost, FaultKind.DROP_AFTER, times=None)
        settings = {
            **prepare_disputing(place, trades=100),
            **SOON_MISSED,
            "AIRFLOW_CONN_SIGNING_KEY": json.dumps(SIGNING_KEY),
            "SETTLEMENT_RETRY_DELAY_S": str(RETRY_DELAY_S),
        }
        with real_airflow(place, sandbox, **settings) as site:
            site.rest.unpause(DAG)
            yield RunningAirflow(place, sandbox, site.stack, site.rest, site.ledger, clock)


@pytest.fixture(scope="module")
def window(airflow: RunningAirflow) -> Iterator[Browser]:
    """A window of 1,300 pixels, and somebody who is logged in."""
    with browsing(airflow.url) as window:
        yield window


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """Somebody looks at Airflow as long as the test takes: an open page asks for news all day."""
    yield window
    window.page.goto("about:blank")


@pytest.fixture
def waiting(airflow: RunningAirflow) -> Waiting:
    """The second partner's date is on its way, and nothing else."""
    airflow.all_days_ended()
    slot = f"{DISPUTING}-{airflow.lost}-1"
    asked = look_ups_seen(airflow.sandbox, slot)
    airflow.rest.unpause(DISPUTING_DAG)
    run = once(lambda: airflow.rest.run_of(airflow.lost, DISPUTING_DAG))
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
