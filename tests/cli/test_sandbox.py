"""`settlement sandbox`: the stand-in as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from settlement_airflow.up.place import free_port

from .conftest import COMMAND, Command

PATIENCE_S = 60
PATH = "/api/network/v1/enterprises/demo-enterprise/partners"


@contextmanager
def sandbox_process(home: Path, port: int, *more: str) -> Iterator[subprocess.Popen[str]]:
    """The command, until it is interrupted."""
    process = subprocess.Popen(
        [*COMMAND, "sandbox", "--port", str(port), *more],
        env={**os.environ, "SETTLEMENT_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)


def answer_of(
    port: int, process: subprocess.Popen[str], path: str = "/connections"
) -> requests.Response:
    """The first answer that it gives."""
    deadline = time.monotonic() + PATIENCE_S
    headers = {"Authorization": "Bearer demo-token-read-write"}
    while time.monotonic() < deadline and process.poll() is None:
        try:
            url = f"http://127.0.0.1:{port}{PATH}{path}"
            return requests.get(url, headers=headers, timeout=PATIENCE_S)
        except requests.ConnectionError:
            continue
    raise AssertionError("the sandbox gives no answer")


def test_it_serves_the_demo_and_keeps_what_it_booked(home: Path) -> None:
    """The demo's hundred clients; the store lies in SETTLEMENT_HOME."""
    port = free_port(0)
    with sandbox_process(home, port) as process:
        answer = answer_of(port, process)
        assert answer.status_code == 200
        assert len(answer.json()["connections"]) == 100
    assert (home / "sandbox.sqlite").exists()
    assert process.returncode == 0


def test_it_stands_in_for_partners_of_every_kind(home: Path) -> None:
    """One whose clients may dispute, by name."""
    port = free_port(0)
    with sandbox_process(home, port, "--world", "disputes") as process:
        (partner,) = answer_of(port, process, "").json()["partners"]
    assert partner["clientDisputeWindowMinutes"] == 5


def test_a_world_that_is_none_is_said(home: Path, command: Command) -> None:
    """Exit code 2, and the names that there are."""
    ended = command("sandbox", "--world", "disptes")
    assert ended.code == 2
    assert "no world 'disptes'" in ended.err
    assert "disputes, broker, full-units" in " ".join(ended.err.split())


def test_a_port_that_is_taken_is_said(home: Path, command: Command) -> None:
    """Exit code 2 and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = command("sandbox", "--port", str(taken.getsockname()[1]))
    assert ended.code == 2
    assert "is a sandbox running already?" in ended.err


def test_a_file_that_is_no_store_is_said(home: Path, tmp_path: Path, command: Command) -> None:
    """It is not overwritten."""
    file = tmp_path / "notes.txt"
    file.write_text("notes " * 100)
    ended = command("sandbox", "--port", str(free_port(0)), "--store", str(file))
    assert ended.code == 2
    assert "is not a store of the sandbox" in ended.err
    assert file.read_text().startswith("notes")


def test_a_folder_that_cannot_be_made_is_said(home: Path, tmp_path: Path, command: Command) -> None:
    """The folder is named, and the file is not called something that it is not."""
    (tmp_path / "notes.txt").write_text("notes")
    file = tmp_path / "notes.txt" / "sandbox.sqlite"
    ended = command("sandbox", "--port", str(free_port(0)), "--store", str(file))
    assert ended.code == 2
    assert "of the sandbox's store cannot be made" in " ".join(ended.err.split())
