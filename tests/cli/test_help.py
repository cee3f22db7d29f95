"""Help that teaches: every command says what it does and shows an example that it accepts."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from typer.main import get_command

from partner_sandbox.defaults import DEFAULT_HOST, DEFAULT_PORT
from settlement_airflow.cli.app import app

from .conftest import Command

COMMANDS = [
    "run", "preview", "show", "explain", "verify", "watch", "stop", "go", "hold", "record",
    "close-date", "reopen-date", "decide", "disputes", "ignore", "bind", "doctor", "seed",
    "sandbox", "ledger upgrade",
]  # fmt: skip


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which no example is wrapped."""
    monkeypatch.setenv("COLUMNS", "160")


def help_of(command: Command, name: str) -> str:
    """The command's help."""
    ended = command(*name.split(), "--help")
    assert ended.code == 0
    return ended.out


def test_the_list_of_commands_is_complete() -> None:
    """No command is without a test of its help."""
    assert set(get_command(app).commands) == {name.split()[0] for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_of_itself(command: Command, name: str) -> None:
    """The example begins with the command as it is typed."""
    text = help_of(command, name)
    assert "Example" in text
    assert f"settlement {name}" in text.split("Example", 1)[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_an_example_exist(command: Command, name: str) -> None:
    """Nobody is taught an option that is not there."""
    text = help_of(command, name)
    used = set(re.findall(r"--[a-z-]+", text.split("Example", 1)[1].split("Options", 1)[0]))
    listed = set(re.findall(r"--[a-z-]+", text.split("Options", 1)[1]))
    assert used <= listed


def test_the_sandbox_says_where_it_listens(command: Command) -> None:
    """The defaults in the help are the real ones."""
    text = help_of(command, "sandbox")
    assert f"[default: ({DEFAULT_HOST})]" in text
    assert f"[default: ({DEFAULT_PORT})]" in text


def test_help_does_not_load_airflow() -> None:
    """It is there at once."""
    script = (
        "import sys\n"
        "from settlement_airflow.cli.app import app\n"
        "app(['run', '--help'], standalone_mode=False)\n"
        "loaded = {'airflow', 'duckdb', 'fastapi', 'alembic'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
