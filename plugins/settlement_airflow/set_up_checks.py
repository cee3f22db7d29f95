"""What the doctor checks, and where: on a worker that reads and sends, and on one that signs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from settlement.config.partner_file import PartnerFile
from settlement.doctor import contract, own_setup, partner, warehouse
from settlement.doctor.diagnosis import Diagnosis, note, ok
from settlement.errors import LedgerUnavailableError
from settlement.ledger.database import Ledger
from settlement.ledger.partner_reader import unrecorded_reader
from settlement.partner.exchange import PartnerApi
from settlement.warehouse import Warehouse
from settlement_airflow.airflow_connection import source_of
from settlement_airflow.signers import expects_a_key, open_signer

Check = tuple[str, Callable[[], Iterable[Diagnosis]]]
"""The subject of a check, for an error that ends it, and the check."""
SOURCES = "Airflow connections"


def checks_of_a_worker(
    file: PartnerFile,
    ledger: Ledger,
    open_api: Callable[[], PartnerApi],
    open_warehouse: Callable[[], Warehouse],
) -> Iterator[Check]:
    """All that a worker of the default queue needs, in the order in which to put it right."""
    traded = warehouse.Traded()
    yield SOURCES, lambda: _check_sources(file)
    yield "ledger", lambda: own_setup.check_ledger(ledger, file, open_api().base_url)
    yield "decimals", lambda: own_setup.check_decimals(file)
    yield "access token", lambda: partner.check_partner(open_api(), file, _now(ledger))
    yield contract.SUBJECT, lambda: contract.check_contract(open_api(), file)
    yield partner.ASKING, lambda: partner.check_write_scope(open_api(), file)
    yield (
        "warehouse",
        lambda: warehouse.check_warehouse(open_warehouse(), file, _now(ledger), traded),
    )
    yield (
        warehouse.UNCOVERED,
        lambda: warehouse.check_uncovered(ledger, open_warehouse(), file, _now(ledger)),
    )
    yield (
        "connections",
        lambda: partner.check_connections(
            unrecorded_reader(ledger, open_api(), file), traded.connections
        ),
    )


def checks_of_a_signer(file: PartnerFile) -> Iterator[Check]:
    """What a worker of the queue `signer` needs beside the ledger."""
    yield (
        "signing key",
        lambda: own_setup.check_signer(
            open_signer(file.signing_conn_id),
            key_is_expected=expects_a_key(file.signing_conn_id),
        ),
    )


def _check_sources(file: PartnerFile) -> Iterator[Diagnosis]:
    """Where each Airflow connection of a worker comes from; the UI lists only those of its own."""
    for conn_id in (file.ledger_conn_id, file.warehouse_conn_id, file.api_conn_id):
        source = source_of(conn_id)
        if source is None:
            yield note(SOURCES, f"{conn_id} is not there: what needs it says so below")
        else:
            yield ok(SOURCES, f"{conn_id} is from {source}")


def _now(ledger: Ledger) -> datetime:
    """By the ledger's clock; a ledger that does not answer must not hide what else is wrong."""
    try:
        return ledger.now()
    except LedgerUnavailableError:
        return datetime.now(UTC)
