"""`make up` twice: what the first one made is there for the second, and a taken port is said."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import URL

from partner_sandbox.demo_world import DEMO_ENTERPRISE
from settlement.config.partner_file import load_partner
from settlement.errors import ConfigurationError
from settlement.ledger.binding import require_binding
from settlement.ledger.database import Ledger
from settlement.values import Actor
from settlement_airflow.cli.stand_ins import LEDGER
from settlement_airflow.up.keys import kept_keys
from settlement_airflow.up.place import free_port, prepare, start_ledger
from settlement_airflow.up.ports import only_one, require_free, sandbox_port
from settlement_airflow.up.stack import airflow_settings, write_commands
from settlement_airflow.up.trades import seed_what_closed

HOLDING = (
    "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()"
)
KEYS = ("CORE__FERNET_KEY", "API__SECRET_KEY", "API_AUTH__JWT_SECRET")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a path that is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="up") as folder:
        yield Path(folder)


def test_what_airflow_has_encrypted_can_be_read_after_a_restart(tmp_path: Path) -> None:
    """The same Fernet key and secrets each time, in a file that is its owner's alone."""
    url = URL.create("postgresql", database="airflow")
    first, second = (airflow_settings(tmp_path, url, 8080) for _ in range(2))
    another = airflow_settings(tmp_path / "another", url, 8080)
    for key in KEYS:
        assert first[f"AIRFLOW__{key}"] == second[f"AIRFLOW__{key}"]
        assert first[f"AIRFLOW__{key}"] != another[f"AIRFLOW__{key}"]
    (kept,) = tmp_path.glob("keys*")
    assert kept.stat().st_mode & 0o777 == 0o600


def test_keys_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    """New ones in their place would make what is encrypted unreadable without a word."""
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"cannot be read in .*keys\.json"):
        kept_keys(tmp_path)


def test_the_commands_have_that_environment(tmp_path: Path) -> None:
    """Quotes and spaces survive, and nobody else can read the secrets in them."""
    owner = """{"login": "o'hara & sons"}"""
    write_commands(
        tmp_path / "bin",
        {
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__EMAIL__FROM_EMAIL": owner,
        },
    )
    for name in ("airflow", "settlement"):
        assert (tmp_path / "bin" / name).stat().st_mode & 0o777 == 0o700
    shown = said_by(tmp_path / "bin" / "airflow", "config", "get-value", "email", "from_email")
    assert shown.splitlines()[-1] == owner
    assert "settlement show" in said_by(tmp_path / "bin" / "settlement", "show", "--help")


def said_by(*command: str | Path) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_partner_file_is_its_user_s(place: Path) -> None:
    """Edits survive, and the dates that it names now are seeded, older ones too."""
    first = prepare(place, 8480, days=1, trades=20)
    file = first.partners / "demo.toml"
    earlier = first.days[0] - timedelta(days=2)
    edited = re.sub(
        r"first_business_date = .*", f"first_business_date = {earlier}", file.read_text()
    )
    file.write_text(f"{edited}\n# mine\n")
    second = prepare(place, 8480, days=1, trades=20)
    second.server.stop()
    assert file.read_text().endswith("# mine\n")
    assert second.days[0] == earlier
    assert second.days[-1] == first.days[-1]
    with duckdb.connect(str(place / "warehouse.duckdb"), read_only=True) as warehouse:
        count = "SELECT count(*) FROM trades"
        assert warehouse.execute(count).fetchall() == [(20 * len(second.days),)]


def test_a_date_that_closes_meanwhile_gets_its_trades(place: Path) -> None:
    """As soon as nobody has the warehouse open; the schedule would find an empty date otherwise."""
    prepared = prepare(place, 8480, days=1, trades=20)
    prepared.server.stop()
    (day,), file = prepared.days, place / "warehouse.duckdb"
    before = day - timedelta(days=1)
    file.unlink()
    held = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert held.stdout is not None
    held.stdout.readline()
    assert seed_what_closed(place, before, trades=20) == before
    held.communicate(b"")
    newest = seed_what_closed(place, before, trades=20)
    assert newest >= day
    with duckdb.connect(str(file), read_only=True) as warehouse:
        count = "SELECT count(*) FROM trades"
        assert warehouse.execute(count).fetchall() == [(20 * ((newest - day).days + 1),)]
    assert seed_what_closed(place, day, trades=20) >= day


def test_a_partner_file_that_names_no_due_date_is_said(place: Path) -> None:
    """Nothing would ever be seen."""
    first = prepare(place, 8480, days=1, trades=20)
    first.server.stop()
    file = first.partners / "demo.toml"
    file.write_text(re.sub(r"(first_business_date =) .*", r"\1 2999-01-01", file.read_text()))
    with pytest.raises(ConfigurationError, match="first_business_date = 2999-01-01 of demo"):
        prepare(place, 8480, days=1, trades=20)


def test_a_taken_port_is_said_before_anything_starts(place: Path) -> None:
    """The program names the port, who needs it and how to choose another; nothing is made."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "settlement_airflow.up", "--ui-port", str(port)],
            env={**os.environ, "SETTLEMENT_HOME": str(place)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert ended.returncode == 1
    assert f"port {port} of 127.0.0.1 cannot be used" in ended.stdout
    assert "make up UI_PORT=<port>" in ended.stdout
    assert "Traceback" not in ended.stderr
    assert {each.name for each in (place / "up").iterdir()} <= {"up.lock"}


def test_every_address_counts_as_taken() -> None:
    """Somebody who listens to the whole network has the port on loopback as well."""
    with (
        socket.create_server(("", 0)) as taken,
        pytest.raises(ConfigurationError, match="the sandbox needs it"),
    ):
        require_free(taken.getsockname()[1], "the sandbox", "SANDBOX_PORT")
    require_free(free_port(0), "the sandbox", "SANDBOX_PORT")


def test_the_sandbox_stays_on_the_port_that_the_ledger_knows(place: Path) -> None:
    """Another one would be another partner to the ledger: every run would be refused."""
    server = start_ledger(place)
    try:
        assert sandbox_port(server, None) == 8480
        assert sandbox_port(server, 9480) == 9480
        ledger = Ledger.connect(server.url(LEDGER))
        partner = load_partner("demo")
        assert partner.enterprise_id == DEMO_ENTERPRISE
        with ledger.transaction() as tx:
            require_binding(tx, partner, "http://127.0.0.1:9480", Actor("test"))
        ledger.engine.dispose()
        assert sandbox_port(server, None) == 9480
        assert sandbox_port(server, 9480) == 9480
        with pytest.raises(ConfigurationError, match="knows the sandbox at port 9480, and 8480"):
            sandbox_port(server, 8480)
    finally:
        server.stop()


def test_two_at_once_in_one_folder_are_refused(tmp_path: Path) -> None:
    """Their schedulers would share a database."""
    with (
        only_one(tmp_path),
        pytest.raises(ConfigurationError, match="another `make up` is running"),
        only_one(tmp_path),
    ):
        pass
    with only_one(tmp_path):
        assert (tmp_path / "up.lock").exists()
