"""`settlement run`: the real DAG for one date, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

import typer

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile, load_partner
from settlement.errors import ConfigurationError, NotSettledError, SettlementError
from settlement.ledger.database import Ledger
from settlement.ledger.overview import view_date
from settlement.slot.state import State
from settlement.steps.branch import run_to_narrow
from settlement.steps.desk import Desk
from settlement_airflow.cli.arguments import Day, Partner, person
from settlement_airflow.cli.console import say
from settlement_airflow.cli.private_airflow import log_of, private_metadata
from settlement_airflow.cli.stand_ins import demo_connections, embedded_ledger
from settlement_airflow.cli.workplace import api_of, opened, require_signer, warehouse_of

if TYPE_CHECKING:
    from settlement_airflow.cli.dag_run import Failure  # imports Airflow


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(run)


def run(partner: Partner, day: Day) -> None:
    """Settle one business date: the DAG settle_PARTNER, run here and now, retries waited out.

    It may be run again at any time: what is booked is not sent again, late trades settle as a
    difference. Uses the Airflow connections as a worker would; only the run's own bookkeeping is
    private. Exit code 0: the date is settled, or there was nothing to settle. 1: it is not, and
    why, on stderr. 2: usage or configuration.

    **Example**

        settlement run demo 2026-03-02
    """
    file = load_partner(partner)
    calendar = BusinessCalendar(file)
    if day >= file.first_business_date and not calendar.is_business_date(day):
        say(
            f"nothing to settle: {day} is not a business date of {file.name}, its trades belong "
            f"to {calendar.following(day)}"
        )
        return
    conn_ids = (
        file.ledger_conn_id,
        file.warehouse_conn_id,
        file.api_conn_id,
        file.signing_conn_id,
    )
    with (
        private_metadata(conn_ids),
        embedded_ledger(file.ledger_conn_id),
        demo_connections(file),
        opened(file.ledger_conn_id) as ledger,
    ):
        calendar.require_due(day, ledger.now())
        _require_connections(file)
        _settle(ledger, file, day)


def _require_connections(file: PartnerFile) -> None:
    """Open everything once before anything is done.

    :raises ConfigurationError: if an Airflow connection is missing or wrong
    """
    warehouse_of(file)
    require_signer(file)
    _ = api_of(file).base_url


def _settle(ledger: Ledger, file: PartnerFile, day: date) -> None:
    """Run the DAG and say what it did.

    :raises SettlementError: if the date is not settled
    """
    from settlement_airflow.cli.dag_run import run_dag  # noqa: PLC0415 - imports Airflow

    before, log = _completed(ledger, file, day), log_of(f"settle_{file.name}-{day}")
    if file.api_version.staged_by_dispute_window:
        say(
            f"clients of {file.name} may dispute: this ends when the partner's dispute and top-up "
            f"windows are over (until when is in {log}). Stopped and run again, it goes on waiting"
        )
    end = run_dag(file.name, day, log)
    for run_id in _runs_to_narrow(ledger, file, day):
        say(f"a request is refused: {run_id} finds out which client it is about")
        end = run_dag(file.name, day, log)
    if not end.succeeded:
        raise _error(file, day, end.failures, str(end.log))
    sent = [each for each in _completed(ledger, file, day) if each not in before]
    what = ", ".join(sent) if sent else "there was nothing to settle"
    say(f"{file.name} {day} is settled: {what}")


def _runs_to_narrow(ledger: Ledger, file: PartnerFile, day: date) -> Iterator[str]:
    """The runs that Airflow's scheduler would be asked to start, one after the other."""
    started: set[str] = set()
    desk = Desk(ledger, file, lambda: api_of(file), person())
    while (run_id := run_to_narrow(desk, day)) and run_id not in started:
        started.add(run_id)
        yield run_id


def _completed(ledger: Ledger, file: PartnerFile, day: date) -> list[str]:
    with ledger.transaction() as tx:
        slots = view_date(tx, file.name, day).slots
    return [each.slot.external_id for each in slots if each.state is State.COMPLETED]


def _error(
    file: PartnerFile, day: date, failures: Mapping[str, Failure], log: str
) -> SettlementError:
    """The error of a run that failed: the words of each task, and whose fault it is."""
    said = "\n".join(f"{task}: {each.text}" for task, each in failures.items())
    message = f"{file.name} {day} is not settled\n{said}\nWhat the tasks did is in {log}"
    if any(isinstance(each.error, ConfigurationError) for each in failures.values()):
        return ConfigurationError(message, partner=file.name, business_date=day)
    return NotSettledError(message, partner=file.name, business_date=day)
