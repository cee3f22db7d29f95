"""Start everything, say where it is, wait for Ctrl-C, leave nothing behind."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

from rich.console import Console

from partner_sandbox.defaults import DEFAULT_PORT
from settlement.ledger.embedded import home
from settlement_airflow.up.place import Place, free_port, prepare
from settlement_airflow.up.stack import (
    APPROVER,
    LOGIN,
    LocalStack,
    StackError,
    airflow_settings,
    settlement,
    write_command,
)

UI_PORT = 8080
DAYS = 3
TRADES_A_DAY = 50_000


def main() -> int:
    """Run until Ctrl-C or SIGTERM."""
    console = Console(highlight=False)
    place_home = home() / "up"
    sandbox_port, ui_port = free_port(DEFAULT_PORT), free_port(UI_PORT)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        console.print("Seeding the warehouse and starting the embedded PostgreSQL ...")
        place = prepare(place_home, sandbox_port, days=DAYS, trades=TRADES_A_DAY)
        with _running(place, sandbox_port, ui_port) as stack:
            _welcome(console, place, ui_port, sandbox_port)
            while True:
                stack.require_alive()
                sleep(1)
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 0
    except StackError as error:
        console.print(f"[bold red]Error:[/] {error}")
        return 1


@contextmanager
def _running(place: Place, sandbox_port: int, ui_port: int) -> Iterator[LocalStack]:
    settings = {
        **place.environment,
        **airflow_settings(place.home / "airflow", place.metadata, ui_port),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    }
    write_command(place.home / "bin" / "airflow", settings)
    stack = LocalStack(place.home, settings, ui_port)
    try:
        store = str(place.home / "sandbox.sqlite")
        stack.spawn("sandbox", settlement("sandbox", "--port", str(sandbox_port), "--store", store))
        stack.wait_for(f"http://127.0.0.1:{sandbox_port}/_control/health", "sandbox")
        Console().print("Starting Airflow, about half a minute ...")
        stack.start()
        yield stack
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave half behind
        stack.stop()
        place.server.stop()


def _welcome(console: Console, place: Place, ui_port: int, sandbox_port: int) -> None:
    newest = place.days[-1]
    console.print(
        f"\nAirflow    [bold]http://127.0.0.1:{ui_port}/dags/settle_demo[/]   "
        f"login {LOGIN[0]}, password {LOGIN[1]} (a second person: {APPROVER[0]}, {APPROVER[1]})\n"
        f"Sandbox    http://127.0.0.1:{sandbox_port}/_control/bookings\n\n"
        f"The scheduler settles {place.days[0]} to {newest} by itself now. In another terminal:\n\n"
        f"    export SETTLEMENT_HOME={place.home}\n"
        f"    export SETTLEMENT_PARTNERS_DIR={place.home / 'partners'}\n"
        f"    .venv/bin/settlement show demo {newest}\n"
        f"    {place.home / 'bin' / 'airflow'} dags list-runs settle_demo\n\n"
        "Ctrl-C stops everything."
    )


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


sys.exit(main())
