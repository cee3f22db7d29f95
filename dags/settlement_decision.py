"""The Airflow DAG settlement_decision: a person decides one question, and it is carried out."""

from __future__ import annotations

from airflow.sdk import DAG

from settlement.config.partner_file import PartnerFile, load_partners
from settlement_airflow import dag_parts
from settlement_airflow.operators.asking import DECISION_DAG
from settlement_airflow.operators.decide import (
    ApplyDecisionOperator,
    AskAPersonOperator,
    RunSettlementAgainOperator,
)

names = [name for name, each in load_partners().items() if isinstance(each, PartnerFile)]

with DAG(
    DECISION_DAG,
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,  # without a schedule it does nothing until it is asked
    max_active_runs=dag_parts.QUESTIONS_AT_A_TIME,
    default_args=dag_parts.RETRYING,
    params=dag_parts.question_form(names),
    tags=dag_parts.TAGS,
    description="Asks a person what only a person can decide, and carries the answer out",
    doc_md=dag_parts.runbook("settlement_decision"),
):
    ask = AskAPersonOperator(task_id="ask_a_person")
    applied = ApplyDecisionOperator(
        task_id="apply_decision", answer=ask.output, pool=dag_parts.POOL
    )
    RunSettlementAgainOperator(
        task_id="run_settlement_again",
        trigger_dag_id="settle_{{ params.partner }}",
        applied=applied.output,
    )
