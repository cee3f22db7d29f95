"""The signing payload, and settlement requests that carry it (partner API, sections 5 to 7)."""

from __future__ import annotations

import hashlib

from partner_sandbox import signature
from partner_sandbox.exchange import Exchange
from partner_sandbox.faults import FaultKind
from partner_sandbox.messages import Refusal, Request, Response, json_response
from partner_sandbox.records import Settlement
from partner_sandbox.settlement_body import (
    SIGNATURE_FIELDS,
    SettlementBody,
    json_object,
    payload_text,
    read_body,
    require_same_content,
    require_usable_connections,
    required_text,
)
from partner_sandbox.world import Partner


def issue_payload(exchange: Exchange, request: Request) -> Response:
    """Answer of the signing route: the text to sign for this body."""
    content = json_object(request.body, "request body")
    body = read_body(content, exchange.partner, exchange.settings)
    if exchange.settings.signing_answers_conflict:
        existing_settlement(exchange, body)
    require_usable_connections(body, exchange.partner)
    if exchange.meets(FaultKind.WRONG_PAYLOAD):
        content = {**content, "nonce": f"not {body.nonce}"}
    payload = payload_text(content, exchange.settings)
    exchange.store.remember_payload(_digest(exchange.partner, payload))
    return json_response(200, {"payload": payload})


def read_signed(exchange: Exchange, request: Request) -> SettlementBody:
    """Return what a settlement request asks for, once its payload and signature are checked."""
    content = json_object(request.body, "request body")
    body = read_body(content, exchange.partner, exchange.settings, SIGNATURE_FIELDS)
    _require_signature(exchange, body, content)
    return body


def existing_settlement(exchange: Exchange, body: SettlementBody) -> Settlement | None:
    """Return the settlement under the body's externalId; 409 if it has other properties."""
    settlement = exchange.store.settlement_under(exchange.partner.id, body.external_id)
    if settlement is None:
        return None
    same_nonce = settlement.nonce == body.nonce or not exchange.settings.nonce_is_compared
    if settlement.properties != body.properties() or not same_nonce:
        raise Refusal(
            409, f"settlement {body.external_id} already exists with different properties"
        )
    return settlement


def posted_settlement(exchange: Exchange, body: SettlementBody) -> Settlement | None:
    """Return the settlement that this request repeats, if there is one.

    Raises:
        Refusal: 409 if its externalId has other properties, or was posted with another version;
            400 if the request is new and its nonce is not, where that is refused.

    """
    settlement = existing_settlement(exchange, body)
    if settlement is None:
        _require_fresh_nonce(exchange, body)
    elif settlement.version != exchange.version:
        raise Refusal(
            409,
            f"settlement {body.external_id} already exists, "
            f"posted with version {settlement.version}",
        )
    return settlement


def _require_signature(
    exchange: Exchange, body: SettlementBody, content: dict[str, object]
) -> None:
    settings = exchange.settings
    payload, signed = required_text(content, "payload"), required_text(content, "signature")
    if not signature.is_well_formed(signed):
        raise Refusal(settings.malformed_signature_status, "signature is not 130 hex characters")
    if not signature.verifies(payload, signed, exchange.partner.signing_key):
        raise Refusal(settings.bad_signature_status, "signature check failed")
    require_same_content(payload, body, exchange.partner, settings)
    if settings.only_issued_payloads and not exchange.store.has_issued(
        _digest(exchange.partner, payload)
    ):
        raise Refusal(400, "payload was not issued by the settlements-signing route")


def _require_fresh_nonce(exchange: Exchange, body: SettlementBody) -> None:
    if exchange.settings.nonce_reuse == "accept":
        return
    other = exchange.store.settlement_with_nonce(exchange.partner.id, body.nonce)
    if other is not None:
        raise Refusal(400, f"nonce was already used by settlement {other.external_id}")


def _digest(partner: Partner, payload: str) -> str:
    return hashlib.sha256(f"{partner.id}\n{payload}".encode()).hexdigest()
