"""docker-compose.yaml against the code: what it names exists, and no secret is shared."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.cli.cli_parser import get_parser
from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag

from partner_sandbox.defaults import DEFAULT_PORT
from partner_sandbox.demo_world import DEMO_TOKEN, DEMO_XPRV
from settlement_airflow.cli.app import app
from settlement_airflow.operators.prepare import SIGNER_QUEUE
from settlement_airflow.up.stack import POOL, POOL_SLOTS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if each["image"] == "partner-settlement"}
EXAMPLE = (ROOT / ".env.example").read_text()
IN_IMAGE = "/opt/settlement/"


def environment_of(service: str) -> dict[str, str]:
    """Variables of a service, as they are written."""
    variables: dict[str, str] = SERVICES[service].get("environment", {})
    return variables


def airflow_command(arguments: list[str]) -> None:
    """Airflow's own parser accepts it."""
    get_parser().parse_args(arguments)


def settlement_command(arguments: list[str]) -> None:
    """Our command knows it."""
    known = {each.name or each.callback.__name__ for each in app.registered_commands}
    known |= {each.name for each in app.registered_groups}
    assert arguments[0] in known


COMMANDS = {"airflow": airflow_command, "settlement": settlement_command}


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_service_is_confined(service: str) -> None:
    """Non-root, nothing writable but mounts, no capabilities, a way to tell whether it works."""
    described = SERVICES[service]
    assert described["user"] not in {"root", "0"}
    assert described["read_only"] is True
    assert described["cap_drop"] == ["ALL"]
    assert described["security_opt"] == ["no-new-privileges:true"]
    ends_by_itself = service in {"init", "seed"}
    assert ends_by_itself or "healthcheck" in described
    assert (described["restart"] == "unless-stopped") is not ends_by_itself


@pytest.mark.parametrize("service", sorted(OURS))
def test_every_command_exists(service: str) -> None:
    """What is started is something that the image holds; health checks likewise."""
    program, *arguments = OURS[service]["command"]
    if program == "bash":
        script = ROOT / arguments[0].removeprefix(IN_IMAGE)
        lines = [line.removeprefix("exec ") for line in script.read_text().splitlines()]
        named = [shlex.split(line) for line in lines if line.split(" ")[0] in COMMANDS]
        assert named
        for found, *its in named:
            COMMANDS[found](its)
    else:
        COMMANDS[program](arguments)
    check = OURS[service].get("healthcheck", {}).get("test", ["CMD", "python"])
    assert check[1] in {"airflow", "python"} or check[1].startswith("celery --app ")
    if check[1] == "airflow":
        airflow_command(check[2:])


@pytest.mark.parametrize("service", sorted(OURS))
def test_every_setting_of_airflow_exists(service: str) -> None:
    """A misspelt AIRFLOW__SECTION__KEY would be ignored without a word."""
    for name in environment_of(service):
        if name.startswith("AIRFLOW__"):
            section, key = name.removeprefix("AIRFLOW__").lower().split("__")
            assert key in conf.configuration_description[section]["options"], name


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_path_that_is_mounted_exists(service: str) -> None:
    """Docker would make an empty folder of a file that is missing."""
    for mount in SERVICES[service].get("volumes", []):
        source, target = mount.split(":")[:2]
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert not target.startswith(IN_IMAGE) or (ROOT / target.removeprefix(IN_IMAGE)) == (
                ROOT / source
            )
        else:
            assert source in COMPOSE["volumes"]


def test_the_image_is_built_from_what_is_there() -> None:
    """Every COPY has a source that .dockerignore lets through, and the folders are the code's."""
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    let_through = (ROOT / ".dockerignore").read_text().splitlines()
    for source in " ".join(copied).split():
        assert (ROOT / source).exists()
        assert f"!{source}" in let_through
    workdir = re.search(r"^WORKDIR (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert workdir is not None
    assert f"{workdir[1]}/" == IN_IMAGE


def test_no_secret_has_a_default() -> None:
    """Every variable is asked for with `:?`, is in .env.example, and is empty there."""
    asked = set(re.findall(r"\$\{(\w+):\?set it in \.env\}", TEXT))
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT)) == asked
    given = dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert given == dict.fromkeys(asked, "")


def test_a_new_env_fills_in_every_secret_that_is_ours() -> None:
    """Each one is long and different every time; what only the user knows stays empty."""
    command = [sys.executable, str(ROOT / "include" / "compose" / "new_env.py")]
    first, second = (
        dict(re.findall(r"^(\w+)=(.*)$", subprocess.check_output(command, text=True), re.MULTILINE))
        for _ in range(2)
    )
    empty = {name for name, value in first.items() if not value}
    assert empty == {"PARTNER_API_URL", "PARTNER_API_TOKEN", "SIGNING_XPRV"}
    values = [each[name] for each in (first, second) for name in first.keys() - empty]
    assert len(set(values)) == len(values)
    assert all(len(value) >= 44 for value in values)


def test_only_the_signer_has_the_key_and_only_the_worker_the_token() -> None:
    """A worker that is broken into can sign nothing; the signer can send nothing."""
    having: dict[str, set[str]] = {}
    for service in SERVICES:
        for name, value in environment_of(service).items():
            for secret in re.findall(r"\$\{(\w+)", f"{value}"):
                having.setdefault(secret, set()).add(service)
            if name.startswith("AIRFLOW_CONN_"):
                json.loads(value)
    assert having["SIGNING_XPRV"] == {"signer"}
    assert having["PARTNER_API_TOKEN"] == {"worker"}
    assert having["WAREHOUSE_READER_PASSWORD"] == {"postgres", "worker"}
    assert having["LEDGER_WRITER_PASSWORD"] == {"postgres", "worker", "signer"}
    assert having["LEDGER_READER_PASSWORD"] == {"postgres", "api-server"}
    assert having["LEDGER_OWNER_PASSWORD"] == {"postgres", "init"}
    assert having["POSTGRES_PASSWORD"] == {"postgres"}
    assert not having["AIRFLOW_DB_PASSWORD"] & {"worker", "signer", "sandbox", "seed"}


def test_every_queue_of_the_tasks_has_its_worker() -> None:
    """A task on a queue that nobody works on would wait for ever."""
    worked_on = {
        queue
        for each in OURS.values()
        if each["command"][:3] == ["airflow", "celery", "worker"]
        for queue in each["command"][each["command"].index("--queues") + 1].split(",")
    }
    tasks = [task for dag in DagBag(ROOT / "dags").dags.values() for task in dag.tasks]
    assert {task.queue for task in tasks} == worked_on
    of_signer = {task.task_id for task in tasks if task.queue == SIGNER_QUEUE}
    assert of_signer == {"sign_requests", "check_signing_key"}


def test_the_pool_is_the_one_that_the_code_paces() -> None:
    """Each slot sends so many requests a minute: more slots would pass the partner's limit."""
    assert (
        f"airflow pools set {POOL} {POOL_SLOTS} "
        in (ROOT / "include" / "compose" / "init.sh").read_text()
    )


def test_what_is_published_for_rehearsals_is_the_sandbox_s() -> None:
    """The commented values of .env.example."""
    assert f"PARTNER_API_URL=http://127.0.0.1:{DEFAULT_PORT}\n" in EXAMPLE
    assert f"PARTNER_API_TOKEN={DEMO_TOKEN}\n" in EXAMPLE
    assert f"SIGNING_XPRV={DEMO_XPRV}\n" in EXAMPLE
