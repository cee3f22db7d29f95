"""Waiting without a worker: for the trades before a run, for the partner at its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import Context

from settlement.business_calendar import BusinessCalendar
from settlement.errors import NotSettledError, WarehouseNotLoadedError
from settlement.steps.reconcile import look_up_pending
from settlement_airflow.connections import open_warehouse, opened_ledger
from settlement_airflow.hooks.partner_api import PartnerApiHook
from settlement_airflow.operators.base import SettlementOperator, Work, airflow_errors, work_of
from settlement_airflow.retry import BACKOFF, FIRST_DELAY, LONGEST_DELAY
from settlement_airflow.run_date import MANUAL

WATERMARK_POLL = timedelta(minutes=1)
LONGEST_PENDING = timedelta(hours=2)


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
        started_by_hand = context["dag_run"].run_type == MANUAL
        if started_by_hand or work.business_date < work.partner.first_business_date or now >= due:
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
        loaded = open_warehouse(partner.warehouse_conn_id).loaded_until(partner)
        if loaded is not None and loaded >= cut_off:
            return
        deadline = calendar.due_at(work.business_date) + partner.watermark_wait
        if now < deadline:
            self.log.info("Trades are loaded until %s, the cut-off is %s", loaded, cut_off)
            self._wait_until(min(deadline, now + WATERMARK_POLL))
        raise WarehouseNotLoadedError(
            f"{partner.name} {work.business_date}: the warehouse is loaded until "
            f"{loaded.isoformat() if loaded else 'nothing'}, not past the cut-off "
            f"{cut_off.isoformat()}, and watermark_wait is over: check the load, then clear this "
            "task with its downstream tasks"
        )

    def _wait_until(self, moment: datetime) -> NoReturn:
        self.log.info("Waiting until %s", moment.isoformat())
        self.defer(trigger=DateTimeTrigger(moment=moment), method_name="resume")
        raise RuntimeError("defer returned")


class AwaitSettlementOperator(SettlementOperator):
    """Looks pending settlements up until none is left; in between no worker is occupied.

    The look-ups run in the worker, with growing pauses; after two hours the task gives up.
    """

    def step(self, work: Work, context: Context) -> None:  # noqa: ARG002
        """Look up once; wait if something is still pending."""
        self._look_up(work, datetime.now(UTC), FIRST_DELAY)

    def resume(
        self,
        context: Context,
        event: object = None,  # noqa: ARG002
        since: str = "",
        pause_s: float = 0,
    ) -> None:
        """Look up again after a pause."""
        with airflow_errors():
            self._look_up(
                work_of(self.partner, context),
                datetime.fromisoformat(since),
                timedelta(seconds=pause_s),
            )

    def _look_up(self, work: Work, since: datetime, pause: timedelta) -> None:
        partner = work.partner
        with opened_ledger(partner.ledger_conn_id) as ledger:
            api = PartnerApiHook(partner.api_conn_id)
            pending = look_up_pending(ledger, api, partner, work.business_date, work.actor)
        if not pending:
            return
        listed, now = ", ".join(pending), datetime.now(UTC)
        if now - since >= LONGEST_PENDING:
            raise NotSettledError(
                f"{listed}: still pending at the partner after {LONGEST_PENDING}: ask the partner, "
                "then clear this task (runbook section pending)"
            )
        self.log.info("Still pending: %s; looking again in %s", listed, pause)
        next_pause = min(pause * BACKOFF, LONGEST_DELAY)
        self.defer(
            trigger=DateTimeTrigger(moment=now + pause),
            method_name="resume",
            kwargs={"since": since.isoformat(), "pause_s": next_pause.total_seconds()},
        )
