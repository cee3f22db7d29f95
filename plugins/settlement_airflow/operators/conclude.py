"""After the answers: which way to go, conflicts, and the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from airflow.sdk import Asset, BaseBranchOperator, Context
from sqlalchemy import func, select

from settlement.config.calendar import BusinessCalendar
from settlement.errors import NotSettledError, OutcomeUnknownError, SettlementError
from settlement.ledger.database import Ledger
from settlement.ledger.schema import snapshot
from settlement.steps.branch import NextStep, next_steps, run_to_narrow
from settlement.steps.desk import Desk
from settlement.steps.reconcile import look_up_pending, reconcile_conflicts
from settlement.steps.verify import Settled, verify_settled
from settlement.wording import first_few
from settlement_airflow.connections import opened_desk
from settlement_airflow.dag_parts import dag_id_of
from settlement_airflow.operators.airflow_runs import WAIT
from settlement_airflow.operators.base import (
    SettlementOperator,
    Work,
    errors_of_run,
    in_this_process,
    task_states,
    work_of,
)
from settlement_airflow.operators.wait import AfterAllOthersOperator
from settlement_airflow.starting import start_run

NOT_DONE = ("failed", "upstream_failed")
WHY_NARROWED = "Finds out which client a refused request is about; everybody else settles"


class BranchOnResponseOperator(BaseBranchOperator):
    """Follows what the slots of the date call for, as the ledger shows them; several at once.

    :param partner: name of the partner file
    :param handed_over: slices that sign_requests handed to submit_requests (templated)
    :param sign_task_id: the task they come from; if it did not succeed, nothing is said about them
    """

    template_fields = ("handed_over",)

    def __init__(self, *, partner: str, handed_over: Any, sign_task_id: str, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", type(self).__doc__)
        super().__init__(**kwargs)
        self.partner = partner
        self.handed_over = handed_over
        self.sign_task_id = sign_task_id

    def choose_branch(self, context: Context) -> list[str]:
        """Ids of the tasks to follow; none after a failure that left nothing to do."""
        with errors_of_run(self.partner, context):
            work = work_of(self.partner, context)
            slices: Sequence[Sequence[str]] = self.handed_over or []
            submitted = {external_id for each in slices for external_id in each}
            with opened_desk(work.partner, work.actor) as desk:
                steps = next_steps(desk.ledger, work.partner, work.business_date, submitted)
                _narrow(desk, work, context)
        if task_states(context).get(self.sign_task_id) != "success":
            steps -= {NextStep.SETTLED, NextStep.NOTHING_TO_SETTLE}
        return sorted(step.value for step in steps)


class ReconcileConflictsOperator(SettlementOperator):
    """Finds out what the partner holds where it answered 409, and compares with all our bodies."""

    def step(self, work: Work, context: Context) -> dict[str, str]:  # noqa: ARG002
        """Look up every slot in conflict; the states that were found, for the reader only."""
        with opened_desk(work.partner, work.actor) as desk:
            slots = reconcile_conflicts(desk, work.business_date)
        return {slot.external_id: slot.state.value for slot in slots}


class VerifySettledOperator(AfterAllOthersOperator):
    """The gate: green only if the ledger proves every position of the date settled or held.

    What a partly cleared run left open (a conflict, a pending settlement) is looked up once more
    before the verdict. A task of this run that failed keeps the run red as well.

    :param asset: gets an event when the date is settled
    """

    def __init__(self, *, asset: Asset, **kwargs: Any) -> None:
        super().__init__(outlets=[asset], **kwargs)
        self.asset = asset

    def step(self, work: Work, context: Context) -> dict[str, object]:
        """Prove it, or fail naming each difference and open slot."""
        partner = work.partner
        states = task_states(context)
        with opened_desk(partner, work.actor) as desk:
            # Before there is a date to settle, the gate says what the first task has said.
            BusinessCalendar(partner).require_due(work.business_date, desk.ledger.now())
            self._look_up_open_ones(desk, work.business_date)
            since = _read_by_this_run(desk.ledger, work) or desk.ledger.now()
            try:
                settled = verify_settled(desk, work.business_date, since=since)
            except NotSettledError as error:
                narrowing = _narrow(desk, work, context)
                if narrowing is not None:
                    raise _while_narrowing(error, narrowing) from None
                raise _with_first_task(_with_red_tasks(error, states), states) from None
        failed = sorted(task for task, state in states.items() if state in NOT_DONE)
        if failed:
            raise NotSettledError.of_date(
                partner.name,
                work.business_date,
                f"every position is settled, but tasks of this run failed: {', '.join(failed)}.",
                to_do="look at them, then clear them with their downstream tasks",
            )
        return self._announce(work, settled, context)

    def _look_up_open_ones(self, desk: Desk, business_date: date) -> None:
        for look_up in (reconcile_conflicts, look_up_pending):
            try:
                look_up(desk, business_date)
            except OutcomeUnknownError as error:
                self.log.warning("%s", error)
                return  # the partner does not answer: one exchange is enough
            except SettlementError as error:
                self.log.warning("%s", error)  # the slot stays open, and the verdict names it

    def _announce(self, work: Work, settled: Settled, context: Context) -> dict[str, object]:
        summary: dict[str, Any] = {
            "business_date": work.business_date.isoformat(),
            "requests": settled.completed,
            "positions": settled.positions,
            "held": settled.held,
        }
        context["outlet_events"][self.asset].extra = summary
        self.log.info("%s %s is settled", work.partner.name, work.business_date)
        return summary


def _narrow(desk: Desk, work: Work, context: Context) -> str | None:
    """Start the run that narrows a refusal down, if there is one to narrow; its id."""
    run_id = run_to_narrow(desk, work.business_date)
    if run_id is not None and not in_this_process(context):
        conf = {"business_date": work.business_date.isoformat()}
        start_run(dag_id_of(work.partner.name), run_id, conf, note=WHY_NARROWED)
    return run_id


def _while_narrowing(error: NotSettledError, run_id: str) -> NotSettledError:
    """The same, with what goes on by itself."""
    return error.with_also(
        f"run {run_id} finds out which client a refusal is about, and settles everybody else.",
        to_do="wait for that run and those that follow it: the last one names the client",
    )


def _with_red_tasks(error: NotSettledError, states: Mapping[str, str]) -> NotSettledError:
    """The same, with the tasks that were red first: their own texts say why and what to do."""
    red = sorted(task for task, state in states.items() if state == "failed")
    if not red:
        return error
    listed = first_few(red)
    return error.with_also(
        f"red in this run: {listed}; the text of each says why.",
        to_do=f"do what the text of {red[0] if len(red) == 1 else 'each of them'} says",
    )


def _with_first_task(error: NotSettledError, states: Mapping[str, str]) -> NotSettledError:
    """The same, with what to clear where the first task was skipped, as marking a run does.

    Airflow then skips whatever is cleared behind it.
    """
    if states.get(WAIT) != "skipped":
        return error
    return error.with_also(
        f"{WAIT} of this run was skipped, so Airflow skips what is cleared behind it.",
        to_do=f"clear {WAIT} with its downstream tasks",
    )


def _read_by_this_run(ledger: Ledger, work: Work) -> datetime | None:
    """When this run last froze a reading of the date's trades, by the ledger."""
    query = select(func.max(snapshot.c.taken_at)).where(
        snapshot.c.partner == work.partner.name,
        snapshot.c.business_date == work.business_date,
        snapshot.c.run_id == work.actor.run_id,
    )
    with ledger.transaction() as tx:
        return tx.execute(query).scalar_one_or_none()
