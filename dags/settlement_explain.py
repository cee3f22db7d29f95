"""The Airflow DAG settlement_explain: the trades behind one amount of a request."""

from __future__ import annotations

from airflow.sdk import DAG

from settlement.config.partner_file import PartnerFile, load_partners
from settlement_airflow import dag_parts
from settlement_airflow.operators.explain import ExplainOperator

names = [name for name, each in load_partners().items() if isinstance(each, PartnerFile)]

with DAG(
    "settlement_explain",
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,  # without a schedule it does nothing until it is asked
    params=dag_parts.explain_form(names),
    tags=dag_parts.TAGS,
    description="Reads the trades behind one amount of a request; changes nothing",
    doc_md=dag_parts.runbook("settlement_explain"),
):
    ExplainOperator(task_id="explain")
