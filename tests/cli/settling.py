"""Settling a day by the steps of a run, over the Airflow connections that are given."""

from __future__ import annotations

import json

from settlement.partner_file import load_partner
from settlement.partner_reads import enterprise_path
from settlement.settlement_request import SettlementInstruction
from settlement.steps.build import build_requests
from settlement.steps.compute import compute_net_positions
from settlement.steps.sign import sign_requests
from settlement.steps.submit import submit_request
from settlement.steps.verify import verify_settled
from settlement.values import as_lines
from settlement_airflow.cli.workplace import api_of, warehouse_of
from settlement_airflow.signers import open_signer
from support.airflow_day import AirflowDay
from support.day import ACTOR, DAY


def settle(day: AirflowDay) -> None:
    """Compute, build, sign, submit, verify."""
    partner, ledger = load_partner("demo"), day.ledger
    computed = compute_net_positions(ledger, warehouse_of(partner), partner, DAY, ACTOR)
    build_requests(ledger, api_of(partner), partner, DAY, computed.generation, ACTOR)
    signer = open_signer(partner.signing_conn_id)
    for external_id in sign_requests(ledger, signer, partner, DAY, ACTOR):
        submit_request(ledger, api_of(partner), partner, external_id, ACTOR)
    verify_settled(ledger, partner, DAY, ACTOR, since=None)


def settle_by_hand(day: AirflowDay, external_id: str) -> None:
    """Somebody settles the whole day under an id of their own, past this project."""
    partner = load_partner("demo")
    api, path = api_of(partner), f"{enterprise_path(partner)}/partners/settlements"
    asked = SettlementInstruction.from_lines(external_id, as_lines(day.owed()), None, "by hand")
    answer = api.exchange("POST", f"{path}-signing", body=asked.signing_request_bytes())
    payload = json.loads(answer.body)["payload"]
    signature = open_signer(partner.signing_conn_id).sign(payload)
    body = asked.settlement_request_bytes(payload, signature)
    assert api.exchange("POST", path, body=body).status == 200
