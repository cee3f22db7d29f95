"""Questions that only a person can answer: asked under Required Actions, and carried out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseOperator, Context, Param
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput

from settlement.config.partner_file import PartnerFile, load_partner
from settlement.errors import ConfigurationError, DecisionError, SettlementError
from settlement.ledger.people.question import (
    CHOICES,
    SHORT,
    Choice,
    Question,
    require_another_person,
    takes_a_run,
)
from settlement.ledger.people.questions import load_question, open_questions
from settlement.steps.decide import body_of, decide, title_of
from settlement.steps.desk import Desk
from settlement_airflow.connections import opened_desk, opened_ledger
from settlement_airflow.operators.base import (
    actor_of,
    airflow_errors,
    in_this_process,
    money_of_date,
)

LOOK_AGAIN = timedelta(minutes=5)
"""How often a parked question is compared with the ledger."""
REASON = Param("", type="string", minLength=1, title="Reason", description="Kept with the answer.")

ASK_AGAIN = "clear ask_a_person with its downstream tasks: what is still open is asked again"


class AskAPersonOperator(HITLOperator):
    """Shows one question under Required Actions, as the ledger holds it, and waits for the answer.

    No worker is occupied meanwhile. Every five minutes it looks whether the question is still open:
    one that was answered on the command line ends by itself, one that is out of date is skipped.
    An answer by somebody who may not give it does not count: the question stays open.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", type(self).__doc__)
        super().__init__(
            subject="A question about a settlement",
            options=[each.value for each in Choice],
            response_timeout=LOOK_AGAIN,
            **kwargs,
        )

    @property
    def serialized_params(self) -> dict[str, dict[str, Any]]:
        """The form: only the reason. It is no param of the task, whose value would be there."""
        return {"reason": REASON.serialize()}

    def execute(self, context: Context) -> None:
        """Ask, unless the question has its answer."""
        found = _waiting_for_a_person(context)
        if found is None:
            return
        partner, asked = found
        self.subject = title_of(asked, partner.currencies)
        self.body = body_of(asked, partner.currencies)
        self.options = [each.value for each in CHOICES[asked.subject]]
        super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, str] | None:
        """The answer: what, why and who; none if it was given elsewhere."""
        if event.get("error_type") == "timeout":
            self._look_again(context)
            return None
        answer = super().execute_complete(context, event)
        user = answer["responded_by_user"]
        who = user["name"] or user["id"]  # what a run names as the user who triggered it
        self._require_another_person(context, who)
        return {
            "choice": answer["chosen_options"][0],
            "reason": str(answer["params_input"].get("reason") or ""),
            "who": who,
        }

    def _require_another_person(self, context: Context, who: str) -> None:
        """Ask again, of somebody else, if this person may not answer: the question stays listed."""
        try:
            partner, digest = _named_in(context)
            with opened_ledger(partner.ledger_conn_id) as ledger, ledger.transaction() as tx:
                require_another_person(load_question(tx, partner.name, digest), who)
        except DecisionError as error:
            self.log.warning("This answer does not count, the question stays open: %s", error.what)
            super().execute(context)  # takes the answer away and parks
        except SettlementError as error:  # apply_decision looks again, and says it
            self.log.warning("%s", error)

    def _look_again(self, context: Context) -> None:
        """Park again as it was; an answer that came in between is taken at once."""
        try:
            if _waiting_for_a_person(context) is None:
                return
        except SettlementError as error:  # one that passes: a try again would drop that answer
            self.log.warning("%s", error)
        raise TaskAwaitingInput(method_name="execute_complete", timeout=self.response_timeout)


class ApplyDecisionOperator(BaseOperator):
    """Records the answer and carries it out, unless the facts have changed since it was asked.

    A question that is answered already, here or on the command line, is not answered twice.

    :param answer: result of ask_a_person (templated)
    """

    template_fields = ("answer",)

    def __init__(self, *, answer: Any, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", type(self).__doc__)
        super().__init__(**kwargs)
        self.answer = answer

    def execute(self, context: Context) -> dict[str, object]:
        """Do so; what is returned is for run_settlement_again."""
        with airflow_errors(context, lambda: _money_of_question(context)):
            partner, digest = _named_in(context)
            with opened_desk(partner, actor_of(context)) as desk:
                answered = self._carry_out(desk, digest)
                now = desk.ledger.now()
        self.log.info("%s, says %s: %s", answered.choice, answered.decided_by, answered.reason)
        return {
            "question": answered.digest[:SHORT],
            "business_date": answered.business_date.isoformat(),
            "run_again": takes_a_run(answered) or _came_too_late(answered, partner, now),
        }

    def _carry_out(self, desk: Desk, digest: str) -> Question:
        with desk.ledger.transaction() as tx:
            asked = load_question(tx, desk.partner.name, digest)
        given = self.answer or {}
        if asked.choice is not None and given.get("choice") in (None, asked.choice.value):
            return asked  # on the command line, or by an earlier try of this task
        if not given:
            raise DecisionError(
                f"nobody has answered question {asked.digest[:SHORT]}.", to_do=ASK_AGAIN
            )
        by_them = replace(desk, actor=replace(desk.actor, who=given["who"]))
        try:
            decided = decide(by_them, asked.digest, Choice(given["choice"]), given["reason"])
        except DecisionError as error:
            raise DecisionError(f"{error.what}.", to_do=ASK_AGAIN) from None
        return decided.question


class RunSettlementAgainOperator(TriggerDagRunOperator):
    """Runs the date again, once for a decision; skipped if a run would change nothing.

    :param applied: result of apply_decision (templated)
    """

    template_fields = (*TriggerDagRunOperator.template_fields, "applied")

    def __init__(self, *, applied: Any, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", type(self).__doc__)
        super().__init__(
            logical_date=None,  # the default is now, and two runs cannot have the same
            skip_when_already_exists=True,
            openlineage_inject_parent_info=False,
            **kwargs,
        )
        self.applied = applied

    def execute(self, context: Context) -> None:
        """Start the run."""
        if not self.applied["run_again"] or in_this_process(context):
            raise AirflowSkipException("no run is started for this decision")
        day = self.applied["business_date"]
        self.trigger_run_id = f"decided-{day}-{self.applied['question']}"
        self.conf = {"business_date": day}
        super().execute(context)


def _waiting_for_a_person(context: Context) -> tuple[PartnerFile, Question] | None:
    """The question of this run while it is open; None once it has its answer.

    :raises AirflowSkipException: if it is out of date, so that nobody is shown old amounts
    """
    with airflow_errors(context, lambda: _money_of_question(context)):
        partner, digest = _named_in(context)
        with opened_ledger(partner.ledger_conn_id) as ledger, ledger.transaction() as tx:
            asked = load_question(tx, partner.name, digest)
            still_open = open_questions(tx, partner.name, asked.business_date)
    if asked.choice is not None:
        return None
    if asked.digest not in {each.digest for each in still_open}:
        raise AirflowSkipException("the question is out of date: the facts have changed since")
    return partner, asked


def _money_of_question(context: Context) -> list[str]:
    """What is at risk of the date that the question of this run is about."""
    try:
        partner, digest = _named_in(context)
        with opened_ledger(partner.ledger_conn_id) as ledger, ledger.transaction() as tx:
            asked = load_question(tx, partner.name, digest)
    except SettlementError:
        return ["not known here: the question cannot be read; nothing is sent for it"]
    return money_of_date(partner, asked.business_date)


def _named_in(context: Context) -> tuple[PartnerFile, str]:
    """Partner and digest that the run was started with."""
    params = context["params"]
    if not params.get("partner") or not params.get("digest"):
        raise ConfigurationError(
            "a question is named by partner and digest, as `settlement decide <partner>` lists them"
        )
    return load_partner(params["partner"]), params["digest"]


def _came_too_late(answered: Question, partner: PartnerFile, now: datetime) -> bool:
    """Whether the run that asked for the approval has given up waiting."""
    approved = answered.choice is Choice.APPROVE
    return approved and now >= answered.asked_at + partner.approval.wait
