"""docker-compose.yaml for real, without Docker: every service as processes of this machine.

PostgreSQL is the embedded one, Redis Debian's; commands and environments are the file's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import load_partner
from settlement.ledger.database import Ledger
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.ledger.slots import load_slots
from settlement_airflow.up.place import newest_dates, write_partner_file
from settlement_airflow.up.stack import PROJECT
from support.airflows_at_once import one_of_few_airflows
from support.compose_file import env_for_rehearsals, services_with
from support.compose_here import Here
from support.compose_processes import Processes
from support.debian import program_of
from support.patience import once
from support.rest import DAG, AirflowRest

PASSWORDS_COUNT = "local all postgres trust\nlocal all all scram-sha-256\n"
"""The embedded PostgreSQL lets everybody in otherwise."""
BACKING = ("redis", "sandbox")
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "signer")
READABLE = """
from settlement.errors import ConfigurationError
from settlement_airflow.airflow_connection import connection_named
for conn_id in ("settlement_ledger", "warehouse", "partner_api", "signing_key"):
    try:
        connection_named(conn_id)
        print("can read", conn_id)
    except ConfigurationError as error:
        print(error)
"""


@dataclass(frozen=True)
class Deployment:
    """What Compose would run, after one date has been settled in it."""

    processes: Processes
    env: dict[str, str]
    rest: AirflowRest
    ledger: Ledger
    sandbox: str
    day: date
    run_id: str

    def tasks(self) -> list[dict[str, Any]]:
        """Tasks that some worker has run."""
        path = f"dags/{DAG}/dagRuns/{quote(self.run_id)}/taskInstances"
        found = self.rest.call("GET", path)["task_instances"]
        return [each for each in found if each["hostname"]]


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """Everything that Compose starts, in its order; nothing is left behind."""
    program_of("redis-server", "redis-server")
    with one_of_few_airflows(), tempfile.TemporaryDirectory(prefix="compose") as folder:
        home, env = Path(folder), env_for_rehearsals()
        (day,) = newest_dates(1)
        (home / "partners").mkdir()
        write_partner_file(home / "partners" / "demo.toml", day, max_connections=100)
        server = EmbeddedServer.start(home / "databases")
        socket = Path(str(server.url("postgres").query["host"]))
        here = Here(home, socket, server.server.bin_path)
        services = {name: here.placed(each) for name, each in services_with(env).items()}
        processes = Processes(home, services)
        try:
            make_databases(server, processes)
            processes.start(*BACKING, "init")
            seed = ["settlement", "seed", "demo", str(day), str(day), "--trades", "500"]
            processes.run("seed", seed)
            processes.wait_for_the_end("init")
            processes.start(*AIRFLOW)
            url = f"http://127.0.0.1:{here.ports['api-server']}"
            once(lambda: is_up(f"{url}/api/v2/monitor/health"))
            rest = AirflowRest(url, ("admin", env["AIRFLOW_ADMIN_PASSWORD"]))
            ledger = Ledger.connect(server.url("settlement_ledger"))
            sandbox = f"http://127.0.0.1:{here.ports['sandbox']}"
            run_id = settle(rest, day)
            yield Deployment(processes, env, rest, ledger, sandbox, day, run_id)
            ledger.engine.dispose()
        finally:
            processes.stop()
            server.stop()


def make_databases(server: EmbeddedServer, processes: Processes) -> None:
    """What the postgres image does when its volume is empty."""
    (server.folder / "pg_hba.conf").write_text(PASSWORDS_COUNT)
    server.server.psql("SELECT pg_reload_conf()")
    processes.run("postgres", ["bash", str(PROJECT / "include" / "compose" / "databases.sh")])


def is_up(url: str) -> bool:
    """Whether something answers well at this address."""
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def settle(rest: AirflowRest, day: date) -> str:
    """Trigger a date as a person does, the cut-off as its logical date, and wait for the end."""
    rest.known(DAG)
    cut_off = BusinessCalendar(load_partner("demo")).cut_off(day)
    run = rest.call("POST", f"dags/{DAG}/dagRuns", {"logical_date": cut_off.isoformat()})
    rest.unpause(DAG)
    run_id = str(run["dag_run_id"])
    rest.run_ended(run_id)
    return run_id


def test_a_date_settles(deployment: Deployment) -> None:
    """Green, completed in the ledger, booked by the partner."""
    run = deployment.rest.run_ended(deployment.run_id)
    assert run["state"] == "success", run["tasks"]
    with deployment.ledger.transaction() as tx:
        states = [each.state.value for each in load_slots(tx, "demo", deployment.day)]
    assert states == ["completed"]
    booked = requests.get(f"{deployment.sandbox}/_control/bookings", timeout=10).json()
    assert {each["external_id"] for each in booked["bookings"]} == {f"demo-{deployment.day}-1"}


def test_only_sign_requests_runs_on_the_signer(deployment: Deployment) -> None:
    """By the worker that each task instance names, and by the queue it was sent to."""
    ran_on = {each["task_id"]: (each["hostname"], each["queue"]) for each in deployment.tasks()}
    assert ran_on.pop("sign_requests") == ("signer", "signer")
    assert {"compute_net_positions", "submit_requests", "verify_settled"} <= ran_on.keys()
    assert set(ran_on.values()) == {("worker", "default")}


def test_no_process_holds_a_secret_of_another_service(deployment: Deployment) -> None:
    """By the environments of the processes that run: the key is the signer's, the token not."""
    holding: dict[str, set[str]] = {}
    for service in AIRFLOW:
        for environment in deployment.processes.environments(service):
            values = "\n".join(environment.values())
            for secret in deployment.env:
                if deployment.env[secret] in values:
                    holding.setdefault(secret, set()).add(service)
    assert holding["SIGNING_XPRV"] == {"signer"}
    assert holding["PARTNER_API_TOKEN"] == {"worker"}
    assert holding["WAREHOUSE_READER_PASSWORD"] == {"worker"}
    assert holding["LEDGER_WRITER_PASSWORD"] == {"worker", "signer"}
    assert holding["LEDGER_READER_PASSWORD"] == {"api-server"}
    assert holding["AIRFLOW_DB_PASSWORD"] == set(AIRFLOW) - {"worker", "signer"}


@pytest.mark.parametrize(
    ("service", "readable"),
    [
        ("worker", {"settlement_ledger", "warehouse", "partner_api"}),
        ("signer", {"settlement_ledger", "signing_key"}),
    ],
)
def test_a_worker_reads_its_own_connections_only(
    deployment: Deployment, service: str, readable: set[str]
) -> None:
    """The default worker asks for the signing key in vain; the signer needs nothing of the rest."""
    said = deployment.processes.run(service, ["python", "-c", READABLE]).splitlines()
    assert {line.removeprefix("can read ") for line in said if "can read" in line} == readable
    assert deployment.rest.call("GET", "connections")["connections"] == []


def test_every_service_is_healthy(deployment: Deployment) -> None:
    """By its own health check, while it runs; all at once, as in Compose."""
    processes = deployment.processes
    with ThreadPoolExecutor(len(AIRFLOW)) as pool:
        checks = {name: processes.services[name].health for name in AIRFLOW}
        list(pool.map(processes.run, checks, checks.values()))
