"""What a local Airflow needs before it starts: databases, trades, a partner file, connections."""

from __future__ import annotations

import json
import re
import secrets
import socket
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import URL

from partner_sandbox.demo_world import DEMO_TOKEN, DEMO_XPRV
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import load_partner, partners_dir
from settlement.errors import ConfigurationError
from settlement.ledger.database import Ledger
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.ledger.install.upgrade import upgrade_ledger
from settlement.signing.signer import LocalSigner
from settlement_airflow.cli.stand_ins import LEDGER
from settlement_airflow.up.trades import WAREHOUSE_FILE, closed_dates, is_due, seed

OWN_PORTS = range(20_000, 32_000)
"""Below those that Linux gives to outgoing connections, of which one could take a port between the
moment at which it is found free and the start of the server that is to have it."""
FIRST_DATE = re.compile(r"^first_business_date = .*$", re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """A prepared home folder; `environment` is what every component and command needs.

    `days` are the dates that are due, oldest first.
    """

    home: Path
    server: EmbeddedServer
    metadata: URL
    days: list[date]
    environment: dict[str, str]

    @property
    def partners(self) -> Path:
        """Folder of the partner files, which are the user's."""
        return self.home / "partners"


def prepare(  # noqa: PLR0913 - the sizes of a place, each with its name
    home: Path,
    sandbox_port: int,
    *,
    days: int,
    trades: int,
    clients: int = 100,
    max_connections: int = 40,
) -> Place:
    """Prepare `home` so that a scheduler started on it settles every date that is due.

    A new one begins with the newest `days` business dates: the demo's partner file is copied with
    the first of them, since catching up from the shipped one would make a run for every date
    since. From then on the file is its user's, and whatever dates it names are seeded.
    """
    partners = home / "partners"
    partners.mkdir(parents=True, exist_ok=True)
    if not (partners / "demo.toml").exists():
        write_partner_file(partners / "demo.toml", newest_dates(days)[0], max_connections)
    file = load_partner("demo", partners)
    dates = closed_dates(file)
    if not dates or not is_due(file, dates[0]):
        raise ConfigurationError(
            f"first_business_date = {file.first_business_date} of {file.name}.toml is not due "
            "yet, so there is nothing to settle: set an earlier one"
        )
    seed(home, dates, trades=trades, clients=clients)
    server = start_ledger(home)
    return Place(
        home,
        server,
        server.url("airflow"),
        [day for day in dates if is_due(file, day)],
        {
            "SETTLEMENT_HOME": str(home),
            "SETTLEMENT_PARTNERS_DIR": str(partners),
            **_connections(server.url(LEDGER), home / WAREHOUSE_FILE, sandbox_port),
        },
    )


def start_ledger(home: Path) -> EmbeddedServer:
    """Start, or join, the server of the ledger in `home`, its schema up to date."""
    server = EmbeddedServer.start(home / "ledger")
    ledger = Ledger.connect(server.url(LEDGER))
    upgrade_ledger(ledger)
    ledger.engine.dispose()
    return server


def free_port(number: int) -> int:
    """A port of this machine that nobody has: that one, or any for 0.

    :raises OSError: if somebody has it
    """
    if number:
        _require_free(number)
        return number
    while True:
        found = OWN_PORTS.start + secrets.randbelow(len(OWN_PORTS))
        with suppress(OSError):
            _require_free(found)
            return found


def _require_free(number: int) -> None:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", number))


def newest_dates(count: int) -> list[date]:
    """The newest business dates that are due, oldest first."""
    calendar = BusinessCalendar(load_partner("demo"))
    dates = [_newest_due(calendar)]
    while len(dates) < count:
        dates.append(calendar.previous(dates[-1]))
    return dates[::-1]


def _newest_due(calendar: BusinessCalendar) -> date:
    now = datetime.now(UTC)
    day = calendar.previous(now.date() + timedelta(days=2))
    while calendar.due_at(day) > now:
        day = calendar.previous(day)
    return day


def write_partner_file(path: Path, first: date, max_connections: int) -> None:
    """Copy the demo's partner file, with another first business date and size of a request."""
    shipped = (partners_dir() / "demo.toml").read_text()
    dated = FIRST_DATE.sub(f"first_business_date = {first.isoformat()}", shipped)
    path.write_text(
        dated.replace(
            "max_connections_per_request = 40", f"max_connections_per_request = {max_connections}"
        )
    )


def _connections(ledger: URL, warehouse: Path, sandbox_port: int) -> dict[str, str]:
    connections = {
        LEDGER: {
            "conn_type": "postgres",
            "host": ledger.query["host"],
            "login": ledger.username,
            "password": ledger.password,
            "schema": ledger.database,
        },
        "warehouse": {"conn_type": "duckdb", "host": str(warehouse)},
        "partner_api": {
            "conn_type": "bitgo_network",
            "host": f"http://127.0.0.1:{sandbox_port}",
            "password": DEMO_TOKEN,
        },
        "signing_key": {
            "conn_type": "settlement_signing_key",
            "password": DEMO_XPRV,
            "extra": {"public_key": LocalSigner.from_xprv(DEMO_XPRV).public_key.hex()},
        },
    }
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(each) for name, each in connections.items()}
