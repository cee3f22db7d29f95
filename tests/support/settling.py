"""Settling a day by the steps of a run, over the Airflow connections that are given.

Where a date was settled before the story begins: a run of the DAG would take ten times as long.
"""

from __future__ import annotations

import json
from datetime import date

import pytest

from settlement.config.partner_file import load_partner
from settlement.errors import DivergedSlotError
from settlement.partner.paths import enterprise_path
from settlement.request.instruction import SettlementInstruction
from settlement.steps.build import build_requests
from settlement.steps.compute import compute_net_positions
from settlement.steps.desk import Desk
from settlement.steps.reconcile import reconcile_conflicts
from settlement.steps.sign import sign_requests
from settlement.steps.submit import submit_request
from settlement.steps.verify import verify_settled
from settlement.values import as_lines
from settlement_airflow.connections import open_partner_api, open_warehouse
from settlement_airflow.signers import open_signer
from support.airflow_day import AirflowDay
from support.day import DAY, desk_of


def settle(day: AirflowDay, business_date: date = DAY) -> None:
    """Compute, build, sign, submit, verify."""
    desk = _send(day, business_date)
    verify_settled(desk, business_date, since=None)


def diverge(day: AirflowDay) -> None:
    """Somebody else books under our externalId, just before we send."""
    day.fault("foreign", route="submit")
    desk = _send(day, DAY)
    with pytest.raises(DivergedSlotError):
        reconcile_conflicts(desk, DAY)


def _send(day: AirflowDay, business_date: date) -> Desk:
    partner = load_partner("demo")
    warehouse = open_warehouse(partner.warehouse_conn_id)
    desk = desk_of(day.ledger, open_partner_api(partner.api_conn_id), partner)
    computed = compute_net_positions(desk, warehouse, business_date)
    build_requests(desk, business_date, computed.generation)
    signer = open_signer(partner.signing_conn_id)
    for external_id in sign_requests(desk, signer, business_date):
        submit_request(desk, external_id)
    return desk


def settle_by_hand(day: AirflowDay, external_id: str) -> None:
    """Somebody settles the whole day under an id of their own, past this project."""
    partner = load_partner("demo")
    api, path = (
        open_partner_api(partner.api_conn_id),
        f"{enterprise_path(partner)}/partners/settlements",
    )
    asked = SettlementInstruction.from_lines(external_id, as_lines(day.owed()), None, "by hand")
    answer = api.exchange("POST", f"{path}-signing", content=asked.signing_request_bytes())
    payload = json.loads(answer.content)["payload"]
    signature = open_signer(partner.signing_conn_id).sign(payload)
    body = asked.settlement_request_bytes(payload, signature)
    assert api.exchange("POST", path, content=body).status == 200
