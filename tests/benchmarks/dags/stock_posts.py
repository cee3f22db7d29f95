"""What one would write instead: the day's signed requests, one stock HttpOperator each.

No ledger, no order, no evidence: bytes go out, a status below 400 is enough.
"""

from __future__ import annotations

import json
from pathlib import Path

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG, task

from partner_sandbox.demo_world import DEMO_ENTERPRISE, DEMO_TOKEN

BODIES = Path(__file__).with_name("bodies.json")


@task
def signed_requests() -> list[str]:
    """The bytes that the settlement DAG sent."""
    bodies: list[str] = json.loads(BODIES.read_text())
    return bodies


with DAG("stock_posts", schedule=None) as dag:
    HttpOperator.partial(
        task_id="post",
        http_conn_id="sandbox",
        endpoint=f"/api/network/v1/enterprises/{DEMO_ENTERPRISE}/partners/settlements",
        method="POST",
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {DEMO_TOKEN}"},
    ).expand(data=signed_requests())
