"""Fetching the signing payload of a body: the partner writes the text, we check and keep it."""

from __future__ import annotations

import hashlib
from http import HTTPStatus

from settlement.errors import CredentialsError, OutcomeUnknownError, RefusedError
from settlement.evidence import Answered, Verdict, classify
from settlement.ledger.attempts import finish_attempt, start_attempt
from settlement.ledger.bodies import StoredBody, load_current_body
from settlement.ledger.database import Ledger
from settlement.ledger.filling import store_payload
from settlement.ledger.folding import apply_evidence
from settlement.ledger.people import require_go
from settlement.partner_answers import UnreadableAnswer, parse_signing_payload
from settlement.partner_api import Answer, PartnerApi, TransportError
from settlement.partner_file import PartnerFile
from settlement.partner_reads import enterprise_path
from settlement.settlement_request import SettlementInstruction, check_payload
from settlement.values import Actor


def instruction_of(partner: PartnerFile, body: StoredBody) -> SettlementInstruction:
    """What a body asks for, in the partner's unit of amounts."""
    return SettlementInstruction.from_lines(
        body.external_id,
        body.lines,
        body.notes,
        body.nonce,
        body.cutoff_at,
        decimals=partner.currencies if partner.amounts == "full_units" else None,
        between_clients=partner.broker,
    )


def fetch_payload(
    ledger: Ledger, api: PartnerApi, partner: PartnerFile, external_id: str, actor: Actor
) -> None:
    """Ask for the signing payload of a slot's current body (partner API, section 5).

    A 409 here is evidence like any other: the slot goes to reconciliation.

    :raises PayloadMismatchError: if the payload is not exactly what was asked for
    :raises CredentialsError, RefusedError, OutcomeUnknownError: for any other answer
    """
    with ledger.transaction() as tx:
        body = load_current_body(tx, external_id)
        require_go(tx, partner.name)
        instruction = instruction_of(partner, body)
        request = instruction.signing_request_bytes()
        attempt_id = start_attempt(
            tx,
            partner.name,
            "payload",
            actor,
            external_id=external_id,
            body=body.number,
            request=request,
        )
    path = f"{enterprise_path(partner)}/partners/settlements-signing"
    outcome: Answer | TransportError
    try:
        outcome = api.exchange("POST", path, body=request)
    except TransportError as error:
        outcome = error
    payload = _payload_in(outcome)
    with ledger.transaction() as tx:
        now = finish_attempt(tx, attempt_id, outcome)
        if payload is None:
            evidence = classify(
                outcome, external_id=external_id, body=body.number, settlement_id=None, now=now
            )
            apply_evidence(tx, external_id, evidence, actor, answer_digest=digest_of(outcome))
    if payload is None:
        _raise_for(partner, external_id, evidence)
        return
    check_payload(instruction, payload)
    with ledger.transaction() as tx:
        store_payload(tx, external_id, body.number, payload)


def digest_of(outcome: Answer | TransportError) -> str | None:
    """SHA-256 over an answer's bytes, as events name it."""
    return hashlib.sha256(outcome.body).hexdigest() if isinstance(outcome, Answer) else None


def _payload_in(outcome: Answer | TransportError) -> str | None:
    if isinstance(outcome, TransportError) or outcome.status != HTTPStatus.OK:
        return None
    try:
        return parse_signing_payload(outcome.body)
    except UnreadableAnswer:
        return None


def _raise_for(partner: PartnerFile, external_id: str, evidence: Answered) -> None:
    said = f"{external_id}: the partner gives no signing payload: {evidence.detail}"
    match evidence.verdict:
        case Verdict.CONFLICT:
            return
        case Verdict.UNAUTHORISED:
            raise CredentialsError(
                f"{said}. Nothing was sent. Check the access token of Airflow connection "
                f"{partner.api_conn_id} and its read and write scopes"
            )
        case Verdict.REFUSAL:
            raise RefusedError(
                f"{said}. Nothing was sent. Correct what it names, then clear "
                "compute_net_positions with its downstream tasks"
            )
        case _:
            raise OutcomeUnknownError(
                f"{said}. Nothing was sent; it is asked again", evidence.retry_after
            )
