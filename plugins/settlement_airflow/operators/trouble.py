"""What a task has failed with, handed on as an XCom: the settlement pages show it with the date."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from airflow.sdk import Context

from settlement.errors import SettlementError, WarehouseDataError

TROUBLE = "trouble"
log = logging.getLogger(__name__)


def may_be_held(error: SettlementError) -> Sequence[str]:
    """Clients without whom the run would go on: trades name them, and they cannot be settled."""
    if not isinstance(error, WarehouseDataError):
        return []
    from settlement.warehouse.names import is_connection  # noqa: PLC0415 - few errors need it

    return sorted(each for each in error.connection_ids if is_connection(each))


def hand_on(error: SettlementError, next_step: str, context: Context) -> None:
    """Keep it for the pages. Airflow forgets it when the task is tried again or cleared.

    That never takes the place of the error: where it fails, the log of the task still tells.
    """
    value = {
        "what": error.what,
        "next_step": next_step,
        "runbook": error.runbook,
        "may_be_held": list(may_be_held(error)),
    }
    try:
        context["ti"].xcom_push(key=TROUBLE, value=value)
    except Exception as reason:  # noqa: BLE001 - whatever it is, the task's own error is told
        log.warning("The settlement pages cannot show this error: %s", reason)
