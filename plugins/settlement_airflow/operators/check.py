"""The doctor on the workers: each says whether it has what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from settlement.config.partner_file import load_partner
from settlement.doctor.diagnosis import Diagnosis, Health, diagnoses_of
from settlement.errors import ConfigurationError
from settlement_airflow.connections import open_partner_api, open_warehouse, unchecked_ledger
from settlement_airflow.hooks.pacer import OUTSIDE_THE_POOL
from settlement_airflow.operators.base import airflow_errors
from settlement_airflow.operators.prepare import SIGNER_QUEUE
from settlement_airflow.set_up_checks import Check, checks_of_a_signer, checks_of_a_worker

DIAGNOSES = "diagnoses"
"""XCom: what was checked, a line each."""


class CheckSetUpOperator(BaseOperator):
    """Checks what this worker needs for a partner, and is red if anything is wrong.

    It reads, and asks the partner for the payload of an empty request, which is refused. It sends
    no settlement.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", type(self).__doc__)
        super().__init__(**kwargs)

    def execute(self, context: Context) -> None:
        """Check; the lines are handed on before the verdict."""
        with airflow_errors():
            partner = load_partner(_partner_in(context))
            with unchecked_ledger(partner.ledger_conn_id) as ledger:
                found = _found(
                    checks_of_a_worker(
                        partner,
                        ledger,
                        partial(open_partner_api, partner.api_conn_id, pool_slots=OUTSIDE_THE_POOL),
                        partial(open_warehouse, partner.warehouse_conn_id),
                    )
                )
        _tell(self, found, context)


class CheckSigningKeyOperator(BaseOperator):
    """Has a worthless text signed by a worker of the queue `signer`, and is red if that fails."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", type(self).__doc__)
        kwargs.setdefault("queue", SIGNER_QUEUE)
        super().__init__(**kwargs)

    def execute(self, context: Context) -> None:
        """Check; the lines are handed on before the verdict."""
        with airflow_errors():
            found = _found(checks_of_a_signer(load_partner(_partner_in(context))))
        _tell(self, found, context)


def _partner_in(context: Context) -> str:
    name = context["params"].get("partner")
    if not name:
        raise ConfigurationError("choose a partner. Nothing was checked")
    return str(name)


def _found(checks: Iterable[Check]) -> list[Diagnosis]:
    return [each for subject, check in checks for each in diagnoses_of(subject, check)]


def _tell(task: BaseOperator, found: Sequence[Diagnosis], context: Context) -> None:
    lines = [f"{each.health.value:<6} {each.subject}: {each.text}" for each in found]
    task.log.info("%s", "\n".join(lines))
    context["ti"].xcom_push(
        key=DIAGNOSES,
        value=[
            {"subject": each.subject, "health": each.health.value, "text": each.text}
            for each in found
        ],
    )
    wrong = [f"{each.subject}: {each.text}" for each in found if each.health is Health.WRONG]
    if wrong:
        raise AirflowFailException("\n".join(wrong))
