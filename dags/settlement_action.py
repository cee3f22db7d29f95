"""The Airflow DAG settlement_action: what a person does by hand, from a form."""

from __future__ import annotations

from airflow.sdk import DAG

from settlement.config.partner_file import PartnerFile, load_partners
from settlement_airflow import dag_parts
from settlement_airflow.operators.act import ActOperator

names = [name for name, each in load_partners().items() if isinstance(each, PartnerFile)]

with DAG(
    "settlement_action",
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,  # without a schedule it does nothing until somebody asks it to
    default_args=dag_parts.RETRYING,
    params=dag_parts.action_form(names),
    tags=dag_parts.TAGS,
    description="Stops a partner or a client, or places a foreign settlement: by a form",
    doc_md=dag_parts.runbook("settlement_action"),
):
    ActOperator(task_id="act")
