"""Waiting without a worker: for the trades before a run, for the partner at its end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException
from sqlalchemy import func, select

from settlement.config.calendar import BusinessCalendar
from settlement.errors import (
    LedgerUnavailableError,
    NotSettledError,
    OutcomeUnknownError,
    SettlementError,
    WarehouseNotLoadedError,
)
from settlement.ledger.database import Ledger
from settlement.ledger.schema import body
from settlement.ledger.slots import load_slots
from settlement.slot.state import Slot, State
from settlement.steps.reconcile import Waiting, look_up_pending, waiting_for
from settlement.warehouse.reader import CLOCKS_DIFFER
from settlement_airflow.connections import open_warehouse, opened_desk, opened_ledger
from settlement_airflow.operators.airflow_runs import ENDED
from settlement_airflow.operators.base import (
    SettlementOperator,
    Work,
    in_this_process,
    task_states,
)
from settlement_airflow.retry import FIRST_DELAY
from settlement_airflow.run_date import STARTED_FOR_A_DATE

WATERMARK_POLL = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=10)
MAP_INDEX = re.compile(r"_\d+$")
"""What Airflow adds to the id of a mapped task in its list of states."""
WAITS = "waits"
"""XCom of a task that waits for the partner: until when, and why."""
AFTER_A_FAILED_LOOK = 4 * FIRST_DELAY


class AfterAllOthersOperator(SettlementOperator):
    """Base of the last tasks of a run: begins once every other task of it has ended.

    The graph orders them only through the ways of the branch. After a clear whose list left some
    tasks out, those are over already while an earlier one has still to run; so what is shown of the
    other tasks is looked at, and in between no worker is occupied.
    """

    def execute(self, context: Context) -> Any:
        """Do the step; later, if a task before this one is still to end."""
        if not in_this_process(context):
            self._wait_for_others(context)
        return super().execute(context)

    def resume(self, context: Context, event: object = None) -> Any:  # noqa: ARG002
        """Look again."""
        return self.execute(context)

    def _wait_for_others(self, context: Context) -> None:
        after = self.get_flat_relative_ids(upstream=False) | {self.task_id}
        others = {
            task: state
            for task, state in task_states(context).items()
            if MAP_INDEX.sub("", task) not in after and state not in ENDED
        }
        if others:
            now, began = datetime.now(UTC), context["ti"].start_date
            pause = min(max(now - began, FIRST_DELAY), LONGEST_PAUSE)
            self.log.info("Waits for %s", ", ".join(sorted(others)))
            self.defer(trigger=DateTimeTrigger(moment=now + pause), method_name="resume")


class WaitForTradesOperator(SettlementOperator):
    """Waits until the date is due and, if the partner file says so, the trades are loaded.

    A run of the schedule waits for `settle_after` past the cut-off; a manual run for a date that is
    not due is refused.
    """

    def step(self, work: Work, context: Context) -> None:
        """Return once the trades can be read; until then no worker is occupied."""
        calendar = BusinessCalendar(work.partner)
        due = calendar.due_at(work.business_date)
        with opened_ledger(work.partner.ledger_conn_id) as ledger:
            now = ledger.now()
        for_a_date = context["dag_run"].run_type.value in STARTED_FOR_A_DATE
        if for_a_date or work.business_date < work.partner.first_business_date or now >= due:
            calendar.require_due(work.business_date, now)
        else:
            self._wait_until(due)
        if work.partner.watermark_wait:
            self._require_loaded(work, now)

    def resume(self, context: Context, event: object = None) -> Any:  # noqa: ARG002
        """Look again."""
        return self.execute(context)

    def _require_loaded(self, work: Work, now: datetime) -> None:
        calendar, partner = BusinessCalendar(work.partner), work.partner
        cut_off = calendar.cut_off(work.business_date)
        warehouse = open_warehouse(partner.warehouse_conn_id)
        loaded = warehouse.loaded_until(partner, now + CLOCKS_DIFFER)
        if loaded is not None and loaded >= cut_off:
            return
        deadline = calendar.due_at(work.business_date) + partner.watermark_wait
        if now < deadline:
            self.log.info("Trades are loaded until %s, the cut-off is %s", loaded, cut_off)
            self._wait_until(min(deadline, now + WATERMARK_POLL))
        raise WarehouseNotLoadedError(
            partner.name, work.business_date, loaded=loaded, cut_off=cut_off
        )

    def _wait_until(self, moment: datetime) -> NoReturn:
        self.log.info("Waiting until %s", moment.isoformat())
        self.defer(trigger=DateTimeTrigger(moment=moment), method_name="resume")


class AwaitSettlementOperator(SettlementOperator):
    """Looks pending settlements up until none is left; in between no worker is occupied.

    Where clients may dispute, that takes as long as the partner's dispute and top-up windows; XCom
    `waits` says until when, and why. Two hours after it should be over the task gives up.
    """

    def step(self, work: Work, context: Context) -> None:
        """Look up once; pause if something is still pending."""
        try:
            waiting, now = self._look_up(work)
        except (OutcomeUnknownError, LedgerUnavailableError) as error:
            self._look_again_after(error, context)
            raise
        if waiting is None:
            return
        if now >= waiting.gives_up:
            raise NotSettledError(
                f"{', '.join(waiting.external_ids)}: still pending at the partner, which should "
                f"have been done by {waiting.until.isoformat()} ({waiting.why}).",
                to_do="ask the partner, then clear this task (runbook section pending)",
                partner=work.partner.name,
                business_date=work.business_date,
            )
        told = {"until": waiting.until.isoformat(), "why": waiting.why}
        context["ti"].xcom_push(key=WAITS, value=told)
        self.log.info("%s; looking again at %s", waiting.why, waiting.next_look.isoformat())
        self.defer(trigger=DateTimeTrigger(moment=waiting.next_look), method_name="resume")

    def _look_again_after(self, error: SettlementError, context: Context) -> None:
        """Pause once more if the task was waiting and the dispute and top-up windows are not over.

        A wait of a day makes many looks in one try: those that fail must not use up its retries.
        """
        told = context["ti"].xcom_pull(task_ids=self.task_id, key=WAITS)
        now = datetime.now(UTC)  # the ledger's clock may be what cannot be read
        if told is None or now >= datetime.fromisoformat(told["until"]):
            return
        self.log.warning("This look failed, there will be another: %s", error)
        self.defer(trigger=DateTimeTrigger(moment=now + AFTER_A_FAILED_LOOK), method_name="resume")

    def _look_up(self, work: Work) -> tuple[Waiting | None, datetime]:
        """What is still waited for, and the ledger's time."""
        with opened_desk(work.partner, work.actor) as desk:
            ledger = desk.ledger
            if not _pending(ledger, work):
                raise AirflowSkipException("nothing is pending")
            pending = look_up_pending(desk, work.business_date)
            now = ledger.now()
            if not pending:
                return None, now
            sent_at = _sent_first(ledger, pending) or now
            dispute_windows = desk.reader.dispute_windows()
            waiting = waiting_for(pending, sent_at, dispute_windows, now, FIRST_DELAY)
            reasons = [f"{each.external_id}: {each.reason}" for each in _pending(ledger, work)
                       if each.reason]  # fmt: skip
            return replace(waiting, why="; ".join([waiting.why, *reasons])), now

    def resume(self, context: Context, event: object = None) -> Any:  # noqa: ARG002
        """Look again."""
        return self.execute(context)


def _pending(ledger: Ledger, work: Work) -> list[Slot]:
    with ledger.transaction() as tx:
        slots = load_slots(tx, work.partner.name, work.business_date)
    return [slot for slot in slots if slot.state is State.PENDING]


def _sent_first(ledger: Ledger, external_ids: Sequence[str]) -> datetime | None:
    """When the first of the requests was sent, by the ledger."""
    query = select(func.min(body.c.sent_at)).where(body.c.external_id.in_(external_ids))
    with ledger.transaction() as tx:
        return tx.execute(query).scalar_one_or_none()
