"""The ledger as the pages read it: a login that may only read, where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from settlement.doctor.diagnosis import Diagnosis, note, ok
from settlement_airflow.airflow_connection import connection_if_given
from settlement_airflow.connections import opened_ledger

READER = "_reader"
"""End of the Airflow connection that is tried first: settlement_ledger_reader."""
SUBJECT = "ledger of the pages"
WHO = text("SELECT current_user, has_table_privilege('slot', 'INSERT')")
READ_ONLY = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


@contextmanager
def read_ledger(conn_id: str) -> Iterator[Connection]:
    """One state of the ledger, in a transaction in which the database refuses every change.

    :raises ConfigurationError, LedgerVersionError, LedgerUnavailableError: as `opened_ledger` does
    """
    reader = conn_id + READER
    given = connection_if_given(reader) is not None
    with opened_ledger(reader if given else conn_id) as ledger, ledger.transaction() as tx:
        tx.execute(READ_ONLY)
        yield tx


def check_login(conn_id: str) -> Iterator[Diagnosis]:
    """With which login the pages read the ledger, and whether it could write.

    :raises SettlementError: as `read_ledger` does
    """
    with read_ledger(conn_id) as tx:
        login, may_write = tx.execute(WHO).one()
    if may_write:
        yield note(
            SUBJECT,
            f"the pages read it as {login}, which may write, too: give the api-server the Airflow "
            f"connection {conn_id}{READER}, with a login of the role settlement_reader",
        )
    else:
        yield ok(SUBJECT, f"the pages read it as {login}, which may not write")
