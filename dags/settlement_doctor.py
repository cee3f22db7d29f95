"""The Airflow DAG settlement_doctor: is a partner set up, on the workers that will need it."""

from __future__ import annotations

from airflow.sdk import DAG

from settlement.config.partner_file import PartnerFile, load_partners
from settlement_airflow import dag_parts
from settlement_airflow.operators.check import CheckSetUpOperator, CheckSigningKeyOperator

names = [name for name, each in load_partners().items() if isinstance(each, PartnerFile)]

with DAG(
    "settlement_doctor",
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,  # without a schedule it does nothing until it is asked
    params=dag_parts.partner_form(names),
    tags=dag_parts.TAGS,
    description="Checks on the workers that everything is set up; changes nothing",
    doc_md=dag_parts.runbook("settlement_doctor"),
):
    CheckSetUpOperator(task_id="check_set_up")
    CheckSigningKeyOperator(task_id="check_signing_key")
