"""Image, volumes and users together: whoever a service runs as can write where it must."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import requests
import yaml

from settlement_airflow.up.place import free_port
from settlement_airflow.up.stack import PROJECT
from support.another_user import as_user, give
from support.compose_image import ROOT_USER, Image, built_image
from support.patience import once

COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, each in SERVICES.items() if each["image"] == "partner-settlement"]
THEIRS = {
    ("postgres", "/var/lib/postgresql/data"): "postgres",
    ("redis", "/data"): "redis",
}
"""Folders of images that are not ours, and whose they are there: read in their Dockerfiles."""
WRITTEN = re.compile(r"(?:AIRFLOW_HOME|SETTLEMENT_HOME|\w+_PASSWORDS_FILE)$")


def volumes_of(service: str) -> dict[str, str]:
    """Named volumes, by the folder that they are mounted on."""
    mounts = [each.split(":") for each in SERVICES[service].get("volumes", [])]
    return {target: name for name, target, *_ in mounts if name in COMPOSE["volumes"]}


def user_of(service: str) -> int:
    """The number that a service of ours runs as."""
    return int(SERVICES[service]["user"].split(":")[0])


@pytest.fixture(scope="module")
def image() -> Image:
    """As a build leaves it."""
    return built_image()


def test_the_image_s_user_is_the_services_(image: Image) -> None:
    """One number in the Dockerfile and in the file of services, and it is not root's."""
    assert image.user != ROOT_USER
    assert {user_of(name) for name in OURS} == {image.user}


@pytest.mark.parametrize("service", OURS)
def test_a_new_volume_belongs_to_whoever_writes_it(service: str, image: Image) -> None:
    """Docker gives it the owner of the image's folder there; where there is none, it is root's."""
    for target in volumes_of(service):
        assert image.owner_of_volume(target) == user_of(service), target


@pytest.mark.parametrize("service", sorted(set(SERVICES) - set(OURS)))
def test_a_volume_of_another_image_belongs_to_its_user(service: str) -> None:
    """By what those images say about their own folders."""
    for target in volumes_of(service):
        assert THEIRS[service, target] == SERVICES[service]["user"]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_what_is_held_in_memory_can_be_written(service: str) -> None:
    """A tmpfs is root's unless it says otherwise."""
    for each in SERVICES[service].get("tmpfs", []):
        _, _, options = each.partition(":")
        named = dict(option.split("=") for option in options.split(","))
        assert named.get("mode") == "1777" or int(named["uid"]) == user_of(service), each


@pytest.mark.parametrize("service", OURS)
def test_whatever_is_written_lies_on_a_mount(service: str) -> None:
    """The root file system is read-only."""
    described = SERVICES[service]
    mounts = [*volumes_of(service), *(each.split(":")[0] for each in described["tmpfs"])]
    command, variables = described["command"], described.get("environment", {})
    written = [value for name, value in variables.items() if WRITTEN.search(name)]
    if "--store" in command:
        written.append(command[command.index("--store") + 1])
    set_in_image = re.findall(r"AIRFLOW_HOME=(\S+)", (PROJECT / "Dockerfile").read_text())
    for path in (*written, *set_in_image):
        assert any(PurePosixPath(path).is_relative_to(each) for each in mounts), path


@contextmanager
def sandbox_on_a_volume_of(owner: int, user: int) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The service's command as its user, its volume somebody's; the port and the process."""
    command: list[str] = SERVICES["sandbox"]["command"]
    ((target, _),) = volumes_of("sandbox").items()
    port = free_port(0)
    with tempfile.TemporaryDirectory(prefix="volume") as folder:
        Path(folder).chmod(0o755)
        volume, own = Path(folder) / "volume", Path(folder) / "airflow"
        for each in (volume, own):
            each.mkdir()
        give(volume, owner, for_user=user)
        give(own, user, for_user=user)
        here = [each.replace(target, str(volume)) for each in command[1:]]
        program = [sys.executable, "-B", "-c", "from settlement_airflow.cli import main; main()"]
        process = subprocess.Popen(
            as_user(user, [*program, *here, "--port", str(port)]),
            env={**os.environ, "AIRFLOW_HOME": str(own), "HOME": str(own)},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield port, process
        finally:
            process.kill()
            process.communicate()


def test_the_sandbox_starts_on_the_volume_that_docker_makes(image: Image) -> None:
    """The service's own command, as its user, on a volume of the image's owner."""
    (target,) = volumes_of("sandbox")
    owner = image.owner_of_volume(target)
    with sandbox_on_a_volume_of(owner, user_of("sandbox")) as (port, process):
        once(lambda: process.poll() is not None or is_up(port))
        assert process.poll() is None, process.communicate()[1]


def test_a_volume_that_is_root_s_is_named_with_its_owner() -> None:
    """One that an older image has left: the error says whose it is, and does not blame the file."""
    user = user_of("sandbox")
    with sandbox_on_a_volume_of(ROOT_USER, user) as (_, process):
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    said = " ".join(said.split())
    assert "the sandbox cannot keep what it books in" in said
    assert "may not write it" in said
    assert "is not a store" not in said


def is_up(port: int) -> bool:
    """Whether the sandbox answers."""
    try:
        return requests.get(f"http://127.0.0.1:{port}/_control/health", timeout=5).ok
    except requests.RequestException:
        return False
