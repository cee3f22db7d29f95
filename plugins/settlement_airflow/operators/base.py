"""What all operators share: who does the work for which date, and how errors reach Airflow."""

from __future__ import annotations

import getpass
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from sqlalchemy.exc import SQLAlchemyError

from settlement.config.partner_file import PartnerFile, load_partner
from settlement.error_text import error_text
from settlement.errors import NotSettledError, SettlementError
from settlement.ledger.overview import money_at_risk
from settlement.ledger.people.question import BY_ITSELF
from settlement.values import Actor
from settlement_airflow.connections import opened_ledger
from settlement_airflow.operators.asking import asking_at_once
from settlement_airflow.operators.trouble import hand_on
from settlement_airflow.run_date import NoBusinessDate, business_date_of

GATE = "verify_settled"
"""Task that makes a run green or red."""

IN_PROCESS = "dag_test"
"""What Airflow names as the user of a run by `dag.test()`, as `settlement run` makes it."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a task works on, and as whom it does."""

    partner: PartnerFile
    business_date: date
    actor: Actor


@contextmanager
def airflow_errors(
    context: Context | None = None, money: Callable[[], Sequence[str]] | None = None
) -> Iterator[None]:
    """Terminal errors of the domain fail the task at once; retryable ones pass to the scheduler.

    A run without a business date is skipped.

    With `money` the text says what is at risk too, and what happens next, and the settlement pages
    can show it. Nothing is chained to it and its traceback begins here: the UI would show the text
    twice, or scroll it out of sight, and a cause could show more than its text.
    """
    try:
        yield
    except NoBusinessDate as reason:
        raise AirflowSkipException(str(reason)) from None
    except SettlementError as error:
        if context is not None and money is not None:
            next_step = _next_step(error, context)
            hand_on(error, next_step, context)
            error.tell(error_text(error, money(), next_step))
        if error.retryable:
            raise error.with_traceback(None) from None
        raise AirflowFailException(str(error)) from None


def error_behind(failure: object) -> SettlementError | None:
    """The error of the domain that a task failed with, as `airflow_errors` passes it to Airflow.

    The terminal failure that it makes of one shows no context, and has it all the same.
    """
    known = failure.__context__ if isinstance(failure, AirflowFailException) else failure
    return known if isinstance(known, SettlementError) else None


def errors_of_run(partner_name: str, context: Context) -> AbstractContextManager[None]:
    """The same around a task of a run, with what is at risk of its date."""
    return airflow_errors(context, lambda: money_of_run(partner_name, context))


def _next_step(error: SettlementError, context: Context) -> str:
    task_instance = context["ti"]
    tried, tries = task_instance.try_number, task_instance.max_tries + 1
    if not error.retryable or tried >= tries:
        return error.to_do
    return (
        f"nothing yet, Airflow tries again by itself (try {tried} of {tries} has failed). "
        f"If all tries fail: {error.to_do}"
    )


def money_of_run(partner_name: str, context: Context) -> list[str]:
    """What is at risk of the date of a run, a line each; why, where that cannot be known."""
    try:
        work = work_of(partner_name, context)
    except (SettlementError, NoBusinessDate):
        return ["not known here: this run knows no partner or no date, and sends nothing"]
    return money_of_date(work.partner, work.business_date)


def money_of_date(partner: PartnerFile, business_date: date) -> list[str]:
    """What is at risk of a date, a line each; why, where that cannot be known."""
    try:
        with opened_ledger(partner.ledger_conn_id) as ledger, ledger.transaction() as tx:
            at_risk = money_at_risk(tx, partner.name, business_date)
    except (SettlementError, SQLAlchemyError):  # what the task has to say goes first
        return ["not known here: the ledger cannot be read, and nothing is sent without it"]
    return at_risk.lines(partner.currencies)


def work_of(partner_name: str, context: Context) -> Work:
    """The work of a task; its partner file is read anew.

    :raises ConfigurationError: if the partner file is wrong or the run names no date
    :raises NoBusinessDate: if the run has nothing to do
    """
    partner = load_partner(partner_name)
    run = context["dag_run"]
    day = business_date_of(
        partner,
        run_type=run.run_type.value,
        logical_date=run.logical_date,
        chosen=context["params"].get("business_date"),
    )
    return Work(partner, day, actor_of(context))


def actor_of(context: Context) -> Actor:
    """Who acts: the person who triggered the run, or its kind; with run, task and try."""
    run, task_instance = context["dag_run"], context["ti"]
    index = task_instance.map_index
    mapped = f"[{index}]" if index is not None and index >= 0 else ""
    who = run.triggering_user_name or f"{BY_ITSELF}{run.run_type.value})"
    if who == IN_PROCESS:
        who = f"{getpass.getuser()} (command line)"
    return Actor(
        who=who,
        run_id=run.run_id,
        task_id=f"{task_instance.task_id}{mapped}",
        try_number=task_instance.try_number,
    )


def in_this_process(context: Context) -> bool:
    """Whether the run is one of `settlement run`: it never parks, and starts no other DAG."""
    return bool(context["dag_run"].triggering_user_name == IN_PROCESS)


def task_states(context: Context) -> dict[str, str]:
    """Airflow's states of this run's tasks; a mapped one is `<task id>_<map index>`.

    They prove nothing about money: they are only ever used to do less, to wait, or to stay red.
    """
    task_instance = context["ti"]
    run_id = task_instance.run_id
    states = task_instance.get_task_states(dag_id=task_instance.dag_id, run_ids=[run_id])
    return {task: str(state) for task, state in states.get(run_id, {}).items()}


class SettlementOperator(BaseOperator):
    """Base of the operators of a run.

    :param partner: name of the partner file
    """

    def __init__(self, *, partner: str, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", type(self).__doc__)
        super().__init__(**kwargs)
        self.partner = partner

    def execute(self, context: Context) -> Any:
        """Do the step of this task for the business date of the run."""
        with errors_of_run(self.partner, context):
            return self._do(work_of(self.partner, context), context)

    def _do(self, work: Work, context: Context) -> Any:
        if in_this_process(context):
            return self.step(work, context)
        with asking_at_once(work.partner, work.business_date, context):
            return self.step(work, context)

    @abstractmethod
    def step(self, work: Work, context: Context) -> Any:
        """What this operator does; errors of the domain are turned into Airflow's around it."""


class GatedOperator(SettlementOperator):
    """Base of the operators whose work the gate of the run must look at afterwards.

    A clear whose list left the gate out would keep the run green, whatever this task leaves open.
    """

    def execute(self, context: Context) -> Any:
        """Do the step, unless the gate has been green already and will not run again."""
        with errors_of_run(self.partner, context):
            work = work_of(self.partner, context)
            if task_states(context).get(GATE) == "success":
                raise NotSettledError.of_date(
                    work.partner.name,
                    work.business_date,
                    f"{GATE} of this run was not cleared with this task, so nothing would look at "
                    "what it does. Nothing was done.",
                    to_do="clear this task with its downstream tasks",
                )
            return self._do(work, context)
