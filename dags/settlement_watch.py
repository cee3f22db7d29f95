"""The Airflow DAG settlement_watch: every hour, what no run saw. Unpaused from the start.

Wiring only. What is checked is in settlement.watch.checks.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronTriggerTimetable, TriggerRule

from settlement_airflow import dag_parts
from settlement_airflow.operators.ask import AskPeopleOperator
from settlement_airflow.operators.heartbeat import HeartbeatOperator
from settlement_airflow.operators.watch import (
    ListPartnersOperator,
    RunsToStartOperator,
    SettleLateTradesOperator,
    WatchPartnerOperator,
)

WATCH = "watch_partner"
PARTNERS_AT_A_TIME = 2  # each may take a gigabyte to compare trades
HOURLY = "40 * * * *"  # away from the full hours, at which cut-offs lie and loads begin

with DAG(
    "settlement_watch",
    schedule=CronTriggerTimetable(HOURLY, timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args=dag_parts.RETRYING,
    tags=dag_parts.TAGS,
    description="Finds what no run saw: dates not settled, late trades, states set by hand",
    doc_md=dag_parts.runbook("settlement_watch"),
):
    partners = ListPartnersOperator(task_id="list_partners")
    watch = WatchPartnerOperator.partial(
        task_id=WATCH,
        max_active_tis_per_dagrun=PARTNERS_AT_A_TIME,  # and no pool: it is watched itself
        map_index_template="{{ task.partner }}",
        doc_md=WatchPartnerOperator.__doc__,
    ).expand_kwargs(partners.output)
    late_trades = RunsToStartOperator(
        task_id="find_late_trades",
        what="late_trades",
        partners=partners.output,
        watch=WATCH,
        trigger_rule=TriggerRule.ALL_DONE,
    )
    questions = RunsToStartOperator(
        task_id="find_questions",
        what="questions",
        partners=partners.output,
        watch=WATCH,
        trigger_rule=TriggerRule.ALL_DONE,
    )
    settle_late_trades = SettleLateTradesOperator.partial(
        task_id="settle_late_trades",
        map_index_template="{{ task.trigger_run_id }}",
        doc_md=SettleLateTradesOperator.__doc__,
    ).expand_kwargs(late_trades.output)
    ask_people = AskPeopleOperator.partial(
        task_id="ask_people", map_index_template="{{ task.trigger_run_id }}"
    ).expand_kwargs(questions.output)
    heartbeat = HeartbeatOperator(
        task_id="heartbeat",
        partners=partners.output,
        watch=WATCH,
        retries=0,
        trigger_rule=TriggerRule.ALL_DONE,
    )
    # A run is as green as its leaves: a leaf that follows only if no partner's watch is red.
    nothing_found = EmptyOperator(task_id="nothing_found")

    watch >> [nothing_found, late_trades, questions, heartbeat]
