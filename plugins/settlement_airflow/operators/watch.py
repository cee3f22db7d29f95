"""The watch: one task per partner, what it starts by itself, and a sign of life."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any, Literal

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from settlement.config.partner_file import load_partners
from settlement.errors import SettlementError
from settlement.ledger.checks.ledger import partners_in_ledger
from settlement.ledger.people.question import Question
from settlement.watch.finding import Finding, SettleAgain
from settlement.watch.partners import Openers, ledgers_of, watch_partner, watched
from settlement_airflow.connections import open_partner_api, open_warehouse, opened_ledger
from settlement_airflow.dag_parts import dag_id_of
from settlement_airflow.hooks.pacer import OUTSIDE_THE_POOL
from settlement_airflow.operators.airflow_runs import RunsOfPartner
from settlement_airflow.operators.asking import conf_of, run_id_of
from settlement_airflow.operators.base import airflow_errors

WATCHED = "watched"
"""XCom of a partner that was checked to the end: findings, for notifiers too, and what to start."""
LONGEST_WATCH = timedelta(minutes=30)
BY_SCHEDULE = "scheduled"
OPENERS = Openers(
    ledger=opened_ledger,
    warehouse=lambda partner: open_warehouse(partner.warehouse_conn_id),
    api=lambda partner: open_partner_api(partner.api_conn_id, pool_slots=OUTSIDE_THE_POOL),
)
Starts = Literal["late_trades", "questions"]


class ListPartnersOperator(BaseOperator):
    """Lists whom to watch: every partner with a file, broken or not, and every one in a ledger."""

    def execute(self, context: Context) -> list[dict[str, str]]:  # noqa: ARG002
        """Arguments of each watch_partner."""
        with airflow_errors():
            files = load_partners()
        in_ledgers = {conn_id: self._names_in(conn_id) for conn_id in ledgers_of(files)}
        return [
            {"partner": name, "ledger_conn_id": conn_id}
            for name, conn_id in watched(files, in_ledgers).items()
        ]

    def _names_in(self, conn_id: str) -> list[str]:
        try:
            with opened_ledger(conn_id) as ledger:
                return partners_in_ledger(ledger)
        except SettlementError as error:  # the checks of its partners find it
            self.log.warning("%s", error)
            return []


class WatchPartnerOperator(BaseOperator):
    """Checks one partner and is red if something needs a person; every finding is in the log.

    It changes nothing. Findings name their section of the runbook of settlement_watch.

    :param partner: name of the partner
    :param ledger_conn_id: Airflow connection of its ledger
    """

    def __init__(self, *, partner: str, ledger_conn_id: str, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", type(self).__doc__)
        kwargs.setdefault("execution_timeout", LONGEST_WATCH)
        super().__init__(**kwargs)
        self.partner = partner
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> None:
        """Check; what is to be started is handed on before the verdict."""
        with airflow_errors():
            file = load_partners().get(self.partner)
        findings = watch_partner(
            self.partner,
            file,
            self.ledger_conn_id,
            OPENERS,
            runs=RunsOfPartner(context["ti"], self.partner),
            daily=_first_of_the_day(context),
        )
        self.log.info("%s", as_table(self.partner, findings))
        context["ti"].xcom_push(key=WATCHED, value=as_xcom(findings))
        for_a_person = [each for each in findings if each.needs_a_person]
        if for_a_person:
            listed = "\n".join(str(each) for each in for_a_person)
            # A loader's lock or a lost answer wakes nobody: the scheduler lets it check again.
            may_pass = all(each.may_pass for each in for_a_person)
            raise AirflowException(listed) if may_pass else AirflowFailException(listed)


class RunsToStartOperator(BaseOperator):
    """Gathers what the watch wants started, one mapped task each.

    :param what: which of it
    :param partners: whom watch_partner was mapped over (templated)
    :param watch: task id of watch_partner
    """

    template_fields = ("partners",)

    def __init__(self, *, what: Starts, partners: Any, watch: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.what = what
        self.partners = partners
        self.watch = watch

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Arguments of the task that starts them."""
        results = watch_results(context, self.watch, self.partners)
        return [each for result in results if result is not None for each in result[self.what]]


class SettleLateTradesOperator(TriggerDagRunOperator):
    """Starts a run of a date for trades that came late, once for the same trades.

    If that run ends red, no other one is started: it is red by itself, and the watch is too.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", type(self).__doc__)
        super().__init__(
            logical_date=None,  # the default is now, and two runs cannot have the same
            skip_when_already_exists=True,
            openlineage_inject_parent_info=False,
            **kwargs,
        )


def watch_results(
    context: Context, watch: str, partners: Sequence[object] | None
) -> list[dict[str, Any] | None]:
    """What each watch_partner handed on; None for one that did not come to its end."""
    indexes = list(range(len(partners or ())))
    if not indexes:
        return []
    return list(context["ti"].xcom_pull(task_ids=watch, key=WATCHED, map_indexes=indexes))


def as_table(partner: str, findings: Sequence[Finding]) -> str:
    """Findings for the log, those that need a person marked."""
    rows = [f"{partner}: {len(findings)} finding(s)"]
    rows += [
        f"{'!' if each.needs_a_person else ' '} {each.kind:<20} {each.about:<26} {each.text}"
        for each in findings
    ]
    return "\n".join(rows)


def as_xcom(findings: Sequence[Finding]) -> dict[str, list[Any]]:
    """Findings, and the arguments of the tasks that start what follows from them.

    `findings` are texts, for notifiers; `shown` is the same for the settlement pages.
    """
    return {
        "findings": [str(each) for each in findings],
        "shown": [_shown(each) for each in findings],
        "late_trades": [
            _late_run(each.partner, each.start)
            for each in findings
            if isinstance(each.start, SettleAgain)
        ],
        "questions": [
            {"trigger_run_id": run_id_of(each.start), "conf": conf_of(each.start)}
            for each in findings
            if isinstance(each.start, Question)
        ],
    }


def _shown(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind.value,
        "about": finding.about,
        "business_date": finding.business_date.isoformat() if finding.business_date else None,
        "external_id": finding.external_id,
        "text": finding.text,
        "needs_a_person": finding.needs_a_person,
    }


def _late_run(partner: str, start: SettleAgain) -> dict[str, Any]:
    until = start.recorded_until.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return {
        "trigger_dag_id": dag_id_of(partner),
        "trigger_run_id": f"late_trades-{start.business_date}-{until}-{start.digest[:8]}",
        "conf": {"business_date": start.business_date.isoformat()},
    }


def _first_of_the_day(context: Context) -> bool:
    """Whether the run is the first one of its day by the schedule, or was started by hand."""
    run = context["dag_run"]
    if run.run_type.value != BY_SCHEDULE or run.logical_date is None:
        return True
    before = context["ti"].get_previous_dagrun()
    if before is None or before.logical_date is None:
        return True
    return bool(
        before.logical_date.astimezone(UTC).date() < run.logical_date.astimezone(UTC).date()
    )
