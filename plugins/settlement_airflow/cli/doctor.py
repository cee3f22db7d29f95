"""`settlement doctor`: is everything set up, before the first run and any time after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import typer
from rich.table import Table
from rich.text import Text

from settlement.config.partner_file import PartnerFile, load_partner
from settlement.doctor.diagnosis import Diagnosis, Health, diagnoses_of
from settlement.ledger.database import Ledger
from settlement_airflow.cli.arguments import AsJson, Partner
from settlement_airflow.cli.configured_airflow import configured_airflow
from settlement_airflow.cli.console import print_json, progress, results
from settlement_airflow.cli.workplace import api_of, unchecked_work_for, warehouse_of

SOMETHING_WRONG = 1
STYLES = {Health.OK: "green", Health.NOTE: "yellow", Health.WRONG: "bold red"}
Check = tuple[str, Callable[[], Iterable[Diagnosis]]]


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(doctor)


def doctor(partner: Partner, *, as_json: AsJson = False) -> None:
    """Check everything that a run needs: each line is ok, or says what is wrong and the next step.

    Token and its scopes, licence, dispute settings, answers beside the published API, connections,
    currencies and their decimals, signing key, clocks, warehouse query, pool, DAG, ledger and
    binding. It reads, asks for the payload of an empty request, which the partner refuses, and has
    a worthless text signed; it sends no settlement. Use it before the first run, after every change
    of set-up, and when in doubt. It ends with 1 if anything is wrong; notes are worth knowing and
    stop nothing.

    **Example**

        settlement doctor demo
    """
    file = load_partner(partner)
    metadata_url = (
        configured_airflow().metadata_url
    )  # before this process sets up an Airflow of its own
    with unchecked_work_for(file) as ledger, progress() as bar:
        checks = list(_checks(file, ledger, metadata_url))
        found = [
            diagnosis
            for subject, check in bar.track(checks, description="checking")
            for diagnosis in diagnoses_of(subject, check)
        ]
    if as_json:
        print_json([{"subject": f.subject, "health": f.health, "text": f.text} for f in found])
    else:
        _print(found)
    if any(each.health is Health.WRONG for each in found):
        raise typer.Exit(SOMETHING_WRONG)


def _checks(file: PartnerFile, ledger: Ledger, metadata_url: str | None) -> Iterator[Check]:
    """All checks, in the order in which things have to be put right."""
    from settlement_airflow.airflow_checks import check_airflow  # noqa: PLC0415 - not for
    from settlement_airflow.dag_parts import dag_id_of  # noqa: PLC0415 - --help
    from settlement_airflow.set_up_checks import (  # noqa: PLC0415
        checks_of_a_signer,
        checks_of_a_worker,
    )

    yield from checks_of_a_worker(file, ledger, lambda: api_of(file), lambda: warehouse_of(file))
    yield from checks_of_a_signer(file)
    yield "Airflow", lambda: check_airflow(metadata_url, dag_id_of(file.name))


def _print(found: list[Diagnosis]) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for each in found:
        table.add_row(
            Text(each.health.value, style=STYLES[each.health]), each.subject, Text(each.text)
        )
    results().print(table)
