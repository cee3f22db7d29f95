"""The Airflow DAG settlement_preview: shows what a run would send now, and sends nothing."""

from __future__ import annotations

from airflow.sdk import DAG

from settlement.config.partner_file import PartnerFile, load_partners
from settlement_airflow import dag_parts
from settlement_airflow.operators.preview import PreviewOperator

names = [name for name, each in load_partners().items() if isinstance(each, PartnerFile)]

with DAG(
    "settlement_preview",
    schedule=None,
    catchup=False,
    params=dag_parts.preview_form(names),
    tags=dag_parts.TAGS,
    description="Shows the requests that a run would send now for a partner and a business date",
    doc_md=dag_parts.runbook("settlement_preview"),
):
    PreviewOperator(task_id="preview_requests")
