"""Opening what a command works with: the Airflow connections that the partner file names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from settlement.config.partner_file import PartnerFile
from settlement.ledger.database import Ledger
from settlement.partner.exchange import PartnerApi
from settlement.steps.desk import Desk
from settlement.warehouse import Warehouse
from settlement_airflow.cli.arguments import person
from settlement_airflow.cli.private_airflow import find_connections
from settlement_airflow.cli.stand_ins import demo_connections, embedded_ledger


@contextmanager
def ledger_behind(conn_id: str) -> Iterator[Ledger]:
    """The ledger behind an Airflow connection; an embedded one if the default is not given.

    Until it is closed, stdout is stderr: what Airflow logs must not get into a result.

    :raises ConfigurationError: if the Airflow connection is missing or wrong
    :raises LedgerVersionError: if a real ledger is of another version
    """
    with redirect_stdout(sys.stderr):
        find_connections()
        with embedded_ledger(conn_id), opened(conn_id) as ledger:
            yield ledger


@contextmanager
def work_for(partner: PartnerFile) -> Iterator[Ledger]:
    """The partner's ledger, with the demo's connections in place if it is the demo."""
    with ledger_behind(partner.ledger_conn_id) as ledger, demo_connections(partner):
        yield ledger


@contextmanager
def desk_for(partner: PartnerFile) -> Iterator[Desk]:
    """The partner's desk, at which whoever types acts."""
    with work_for(partner) as ledger:
        yield Desk(ledger, partner, lambda: api_of(partner), person())


@contextmanager
def unchecked_work_for(partner: PartnerFile) -> Iterator[Ledger]:
    """As `work_for`, but the ledger may not answer, or be of another version.

    :raises ConfigurationError: if its Airflow connection is missing or wrong
    """
    with redirect_stdout(sys.stderr):
        find_connections()
        with embedded_ledger(partner.ledger_conn_id), demo_connections(partner):
            from settlement_airflow.connections import unchecked_ledger  # noqa: PLC0415

            with unchecked_ledger(partner.ledger_conn_id) as ledger:
                yield ledger


@contextmanager
def opened(conn_id: str) -> Iterator[Ledger]:
    """The ledger behind an Airflow connection that is given."""
    from settlement_airflow.connections import opened_ledger  # noqa: PLC0415 - imports Airflow

    with opened_ledger(conn_id) as ledger:
        yield ledger


def api_of(partner: PartnerFile) -> PartnerApi:
    """The partner API, as a task of the DAG reaches it."""
    from settlement_airflow.hooks.partner_api import PartnerApiHook  # noqa: PLC0415

    return PartnerApiHook(partner.api_conn_id)


def warehouse_of(partner: PartnerFile) -> Warehouse:
    """The warehouse, as a task of the DAG reads it."""
    from settlement_airflow.connections import open_warehouse  # noqa: PLC0415

    return open_warehouse(partner.warehouse_conn_id)


def require_signer(partner: PartnerFile) -> None:
    """Open the signing key once.

    :raises ConfigurationError: if it cannot be used
    """
    from settlement_airflow.signers import open_signer  # noqa: PLC0415 - imports Airflow

    open_signer(partner.signing_conn_id)
