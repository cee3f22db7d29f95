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
from settlement.steps.reconcile import reconcile_conflicts
from settlement.steps.sign import sign_requests
from settlement.steps.submit import submit_request
from settlement.steps.verify import verify_settled
from settlement.values import as_lines
from settlement_airflow.connections import open_partner_api, open_warehouse
from settlement_airflow.signers import open_signer
from support.airflow_day import AirflowDay
from support.day import ACTOR, DAY


def settle(day: AirflowDay, business_date: date = DAY) -> None:
    """Compute, build, sign, submit, verify."""
    _send(day, business_date)
    verify_settled(day.ledger, load_partner("demo"), business_date, ACTOR, since=None)


def diverge(day: AirflowDay) -> None:
    """Somebody else books under our externalId, just before we send."""
    day.fault("foreign", route="submit")
    _send(day, DAY)
    partner = load_partner("demo")
    api = open_partner_api(partner.api_conn_id)
    with pytest.raises(DivergedSlotError):
        reconcile_conflicts(day.ledger, api, partner, DAY, ACTOR)


def _send(day: AirflowDay, business_date: date) -> None:
    partner, ledger = load_partner("demo"), day.ledger
    api, warehouse = (
        open_partner_api(partner.api_conn_id),
        open_warehouse(partner.warehouse_conn_id),
    )
    computed = compute_net_positions(ledger, api, warehouse, partner, business_date, ACTOR)
    build_requests(ledger, api, partner, business_date, computed.generation, ACTOR)
    signer = open_signer(partner.signing_conn_id)
    for external_id in sign_requests(ledger, signer, partner, business_date, ACTOR):
        submit_request(ledger, api, partner, external_id, ACTOR)


def settle_by_hand(day: AirflowDay, external_id: str) -> None:
    """Somebody settles the whole day under an id of their own, past this project."""
    partner = load_partner("demo")
    api, path = (
        open_partner_api(partner.api_conn_id),
        f"{enterprise_path(partner)}/partners/settlements",
    )
    asked = SettlementInstruction.from_lines(external_id, as_lines(day.owed()), None, "by hand")
    answer = api.exchange("POST", f"{path}-signing", body=asked.signing_request_bytes())
    payload = json.loads(answer.body)["payload"]
    signature = open_signer(partner.signing_conn_id).sign(payload)
    body = asked.settlement_request_bytes(payload, signature)
    assert api.exchange("POST", path, body=body).status == 200
