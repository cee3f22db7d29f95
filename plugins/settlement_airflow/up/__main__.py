"""Start everything, settle what is due, say where it is, wait for Ctrl-C, leave nothing behind."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import load_partner
from settlement.errors import SettlementError
from settlement.ledger.install.embedded import home
from settlement_airflow.up.first_look import FirstLook
from settlement_airflow.up.place import Place, prepare, start_ledger
from settlement_airflow.up.ports import only_one, require_free, sandbox_port
from settlement_airflow.up.stack import (
    APPROVER,
    LOGIN,
    LocalStack,
    StackError,
    airflow_settings,
    settlement,
    write_commands,
)
from settlement_airflow.up.trades import seed_what_closed

UI_PORT = 8080
DAYS = 3
TRADES_A_DAY = 50_000


def main() -> int:
    """Run until Ctrl-C or SIGTERM."""
    console = Console(highlight=False, soft_wrap=True)
    asked = _asked()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with only_one(home() / "up"):
            require_free(asked.ui_port, "Airflow's UI", "UI_PORT")
            _serve(console, asked.ui_port, asked.sandbox_port)
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 0
    except (StackError, SettlementError) as error:
        console.print(f"[bold red]Error:[/] {escape(getattr(error, 'message', str(error)))}")
    return 1


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make up", description=__doc__)
    parser.add_argument("--ui-port", type=int, default=UI_PORT)
    parser.add_argument("--sandbox-port", type=int)
    return parser.parse_args()


def _serve(console: Console, ui_port: int, asked_port: int | None) -> None:
    console.print("Seeding the warehouse and starting the embedded PostgreSQL ...")
    server = start_ledger(home() / "up")
    try:
        port = sandbox_port(server, asked_port)
        require_free(port, "the sandbox", "SANDBOX_PORT")
        place = prepare(home() / "up", port, days=DAYS, trades=TRADES_A_DAY)
        with _running(console, place, port, ui_port) as (stack, first_look):
            console.print(f"Settling {_span(place)}, a minute or two ...")
            newest = BusinessCalendar(load_partner("demo", place.partners)).cut_off(place.days[-1])
            not_green = first_look.until_settled(newest)
            _welcome(console, place, not_green, ui_port, port)
            _stay(stack, place)
    finally:
        server.stop()


def _stay(stack: LocalStack, place: Place) -> NoReturn:
    seeded = place.days[-1]
    while True:
        stack.require_alive()
        seeded = seed_what_closed(place.home, seeded, trades=TRADES_A_DAY)
        sleep(1)


@contextmanager
def _running(
    console: Console, place: Place, port: int, ui_port: int
) -> Iterator[tuple[LocalStack, FirstLook]]:
    settings = {
        **place.environment,
        **airflow_settings(place.home / "airflow", place.metadata, ui_port),
    }
    write_commands(place.home / "bin", settings)
    stack = LocalStack(place.home, settings, ui_port)
    try:
        store = str(place.home / "sandbox.sqlite")
        stack.spawn("sandbox", settlement("sandbox", "--port", str(port), "--store", store))
        stack.wait_for(f"http://127.0.0.1:{port}/_control/health", "sandbox")
        console.print("Starting Airflow, about half a minute ...")
        stack.set_up()
        stack.start_api_server()
        first_look = FirstLook(f"http://127.0.0.1:{ui_port}", stack.require_alive)
        stack.start_parsing()
        first_look.hold_the_watch()
        stack.start_working()
        yield stack, first_look
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave half behind
        stack.stop()


def _welcome(console: Console, place: Place, not_green: list[str], ui_port: int, port: int) -> None:
    settled = f"{_span(place)} settled."
    if not_green:
        settled = f"[yellow]Not all dates are green yet: {', '.join(not_green)}[/]"
    console.print(
        f"\nAirflow    [bold]http://127.0.0.1:{ui_port}/dags/settle_demo[/]   "
        f"login {LOGIN[0]}, password {LOGIN[1]} (a second person: {APPROVER[0]}, {APPROVER[1]})\n"
        f"Sandbox    http://127.0.0.1:{port}/_control/bookings\n\n"
        f"{settled} In another terminal:\n\n"
        f"    export PATH={place.home / 'bin'}:$PATH\n"
        f"    settlement show demo {place.days[-1]}\n"
        f"    settlement doctor demo\n"
        f"    airflow dags list-runs settle_demo\n\n"
        f"The partner file is yours to edit: {place.partners / 'demo.toml'}\n"
        "Ctrl-C stops everything; `make up` goes on where it stopped."
    )


def _span(place: Place) -> str:
    return f"{place.days[0]} to {place.days[-1]}"


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


sys.exit(main())
