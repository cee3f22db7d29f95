"""Asking people: one run of the DAG settlement_decision for each question that is open."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from settlement.errors import ApprovalMissingError
from settlement.ledger.database import Ledger
from settlement.ledger.people.question import SHORT, Question, Subject
from settlement.ledger.people.questions import open_questions
from settlement_airflow.connections import opened_ledger
from settlement_airflow.operators.asking import DECISION_DAG, UNFINISHED, conf_of, run_id_of
from settlement_airflow.operators.base import (
    SettlementOperator,
    Work,
    errors_of_run,
    in_this_process,
    work_of,
)
from settlement_airflow.operators.wait import AfterAllOthersOperator
from settlement_airflow.retry import FIRST_DELAY

LONGEST_PAUSE = timedelta(minutes=1)


class AskPeopleOperator(TriggerDagRunOperator):
    """Starts the run of settlement_decision that asks one question.

    A run that is asking it already is left alone. One that has ended, while the question is still
    open, is started over: the answer was refused, or the question was out of date for a while.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", type(self).__doc__)
        super().__init__(
            trigger_dag_id=DECISION_DAG,
            logical_date=None,  # the default is now, and two runs cannot have the same
            reset_dag_run=True,
            fail_when_dag_is_paused=True,  # else the question waits unseen
            openlineage_inject_parent_info=False,
            **kwargs,
        )

    def execute(self, context: Context) -> None:
        """Ask, unless the question is being asked."""
        asking = context["ti"].get_dr_count(
            dag_id=DECISION_DAG, run_ids=[str(self.trigger_run_id)], states=UNFINISHED
        )
        if asking:
            raise AirflowSkipException(f"{self.trigger_run_id} is asking it already")
        super().execute(context)


class RequestApprovalOperator(AskPeopleOperator):
    """Asks for the approval that the date's requests need; skipped if they need none.

    `settlement run` never asks: its run of the DAG is private to that command.

    :param partner: name of the partner file
    """

    def __init__(self, *, partner: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.partner = partner

    def execute(self, context: Context) -> None:
        """Ask for it."""
        with errors_of_run(self.partner, context):
            work = work_of(self.partner, context)
            with opened_ledger(work.partner.ledger_conn_id) as ledger:
                asked = open_approval(ledger, work)
        if asked is None or in_this_process(context):
            raise AirflowSkipException("there is no approval to be asked for")
        self.trigger_run_id, self.conf = run_id_of(asked), conf_of(asked)
        super().execute(context)


class AwaitApprovalOperator(SettlementOperator):
    """Waits until a person has answered whether the date may be settled; no worker is occupied.

    Each pause is as long as the question has been open so far, at most a minute. Skipped if nobody
    is asked; red once `approval.wait` of the partner file is over. What the answer is does not
    matter here: sign_requests signs only what is approved.
    """

    def step(self, work: Work, context: Context) -> None:
        """Wait if a question is open."""
        self._wait_while_open(work, context)
        raise AirflowSkipException("nothing waits for an approval")

    def resume(self, context: Context, event: object = None) -> None:  # noqa: ARG002
        """Look again; return once there is an answer."""
        with errors_of_run(self.partner, context):
            self._wait_while_open(work_of(self.partner, context), context)

    def _wait_while_open(self, work: Work, context: Context) -> None:
        with opened_ledger(work.partner.ledger_conn_id) as ledger:
            asked, now = open_approval(ledger, work), ledger.now()
        if asked is None:
            return
        deadline = asked.asked_at + work.partner.approval.wait
        if in_this_process(context) or now >= deadline:
            raise _unanswered(asked)
        self.log.info("No answer to question %s yet; waiting until %s", asked.digest, deadline)
        pause = min(max(now - asked.asked_at, FIRST_DELAY), LONGEST_PAUSE)
        moment = min(deadline, now + pause)
        self.defer(trigger=DateTimeTrigger(moment=moment), method_name="resume")


class QuestionsForPeopleOperator(AfterAllOthersOperator):
    """Lists the questions of the date that wait for a person, one mapped ask_people each.

    Skipped if there is none, and in a run by `settlement run`, whose Airflow asks nobody.
    """

    def step(self, work: Work, context: Context) -> list[dict[str, Any]]:
        """Arguments of each ask_people."""
        partner = work.partner
        with opened_ledger(partner.ledger_conn_id) as ledger, ledger.transaction() as tx:
            asked = open_questions(tx, partner.name, work.business_date)
        for each in asked:
            self.log.warning("Waits for a person: %s %s", each.subject, each.digest[:SHORT])
        if not asked or in_this_process(context):
            raise AirflowSkipException("nobody is asked")
        return [{"trigger_run_id": run_id_of(each), "conf": conf_of(each)} for each in asked]


def open_approval(ledger: Ledger, work: Work) -> Question | None:
    """The question whether the date may be settled, while it is open."""
    with ledger.transaction() as tx:
        asked = open_questions(tx, work.partner.name, work.business_date)
    return next((each for each in asked if each.subject is Subject.APPROVAL), None)


def _unanswered(asked: Question) -> ApprovalMissingError:
    digest = asked.digest[:SHORT]
    return ApprovalMissingError(
        f"{asked.partner} {asked.business_date}: nobody has approved the requests of this date "
        f"(question {digest}).",
        to_do=f"somebody other than {asked.asked_by} answers it under Required Actions, or with "
        f"`settlement decide {asked.partner} {digest} approve --reason …`; then run the date again",
        partner=asked.partner,
        business_date=asked.business_date,
    )
