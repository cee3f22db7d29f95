"""Which run of settlement_decision asks a question, and asking as soon as a task has met one.

The tasks that ask come after everything that works on the date, retries included. A question that
a task has failed with is asked at once; theirs is what remains.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from airflow.sdk import Context

from settlement.config.partner_file import PartnerFile
from settlement.errors import SettlementError
from settlement.ledger.people.question import SHORT, Question
from settlement.ledger.people.questions import open_questions
from settlement_airflow.connections import opened_ledger
from settlement_airflow.starting import start_run

DECISION_DAG = "settlement_decision"
UNFINISHED = ["queued", "running"]
log = logging.getLogger(__name__)


def run_id_of(asked: Question) -> str:
    """Run of settlement_decision that asks it: one for each question, whoever starts it."""
    about = asked.external_id or f"{asked.partner}-{asked.business_date}"
    return f"{about}-{asked.digest[:SHORT]}"


def conf_of(asked: Question) -> dict[str, str]:
    """What that run is told: which question, never amounts."""
    return {"partner": asked.partner, "digest": asked.digest}


@contextmanager
def asking_at_once(partner: PartnerFile, business_date: date, context: Context) -> Iterator[None]:
    """An error leaves this only once the open questions of the date are being asked.

    Asking never takes the place of the error: what cannot be asked here is asked at the end of the
    run, or by the watch.
    """
    try:
        yield
    except SettlementError:
        try:
            _ask(partner, business_date, context)
        except Exception as reason:  # noqa: BLE001 - whatever it is, the task's own error is told
            log.warning("Nobody could be asked from here: %s", reason)
        raise


def _ask(partner: PartnerFile, business_date: date, context: Context) -> None:
    with opened_ledger(partner.ledger_conn_id) as ledger, ledger.transaction() as tx:
        asked = open_questions(tx, partner.name, business_date)
    if not asked or context["ti"].get_dag(DECISION_DAG).is_paused:
        return
    for each in asked:
        if start_run(DECISION_DAG, run_id_of(each), conf_of(each)):
            log.warning("A person is asked now: %s %s", each.subject, each.digest[:SHORT])
