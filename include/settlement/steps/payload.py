"""Fetching the signing payload of a body: the partner writes the text, we check and keep it."""

from __future__ import annotations

import hashlib
from http import HTTPStatus

from settlement.config.partner_file import PartnerFile
from settlement.errors import AnswerFacts, OutcomeUnknownError, RefusedError, UntrustedHostError
from settlement.ledger.attempts import About, finish_attempt, start_attempt
from settlement.ledger.bodies import StoredBody, load_current_body
from settlement.ledger.filling import store_payload
from settlement.ledger.folding import apply_evidence
from settlement.ledger.partner_changes import record_partner_changes
from settlement.ledger.people.stop import require_go
from settlement.partner.answers import UnreadableAnswer, parse_signing_payload
from settlement.partner.exchange import Answer, ExchangeKind, TransportError
from settlement.partner.paths import enterprise_path
from settlement.request.instruction import SettlementInstruction, check_payload
from settlement.slot.evidence import Answered, Verdict, classify_payload_answer
from settlement.slot.state import Slot, State
from settlement.steps.desk import Desk
from settlement.steps.look_up import conclude_by_look_up
from settlement.steps.outcome import disputes_hint, raise_unless_done

WRITE_SCOPE_HINT = (
    "Look-ups work, so the token is accepted for reading: check its scope "
    "settlement_network_write and its membership of the enterprise. "
)


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


def fetch_payload(desk: Desk, external_id: str) -> None:
    """Ask for the signing payload of a slot's current body (partner API, section 5).

    Any other answer is evidence like the answer to a submit, and looked up where that would be: a
    409 goes to reconciliation, a no frees the slot once nothing is found under it.

    :raises StoppedError: if the stop flag is up
    :raises PayloadMismatchError: if the payload is not exactly what was asked for
    :raises PartnerAnswerError, DivergedSlotError: for any other answer, by the slot's state then
    :raises UntrustedHostError: if the partner's certificate is not trusted; nothing was asked
    """
    with desk.ledger.transaction() as tx:
        body = load_current_body(tx, external_id)
        require_go(tx, desk.partner.name)
        instruction = instruction_of(desk.partner, body)
        request = instruction.signing_request_bytes()
        about = About(external_id, body.number, request)
        attempt_id = start_attempt(tx, desk.partner.name, ExchangeKind.PAYLOAD, desk.actor, about)
    path = f"{enterprise_path(desk.partner)}/partners/settlements-signing"
    outcome: Answer | TransportError
    try:
        outcome = desk.api.exchange("POST", path, content=request)
    except TransportError as error:
        outcome = error
    except UntrustedHostError as error:
        with desk.ledger.transaction() as tx:
            finish_attempt(tx, attempt_id, error)
        raise
    payload = _payload_in(outcome)
    with desk.ledger.transaction() as tx:
        now = finish_attempt(tx, attempt_id, outcome)
        if payload is None:
            evidence = classify_payload_answer(
                outcome, external_id=external_id, body_number=body.number, now=now
            )
            answer_digest = digest_of(outcome)
            slot = apply_evidence(
                tx, external_id, evidence, desk.actor, answer_digest=answer_digest
            )
    record_partner_changes(
        desk.ledger, desk.partner.name, ExchangeKind.PAYLOAD, outcome, desk.actor
    )
    if payload is None:
        slot = conclude_by_look_up(desk, slot, evidence.verdict)
        _raise_for(desk, slot, evidence)
        return
    check_payload(instruction, payload)
    with desk.ledger.transaction() as tx:
        store_payload(tx, external_id, body.number, payload)


def digest_of(outcome: Answer | TransportError) -> str | None:
    """SHA-256 over an answer's bytes, as events name it."""
    return hashlib.sha256(outcome.content).hexdigest() if isinstance(outcome, Answer) else None


def _payload_in(outcome: Answer | TransportError) -> str | None:
    if isinstance(outcome, TransportError) or outcome.status != HTTPStatus.OK:
        return None
    try:
        return parse_signing_payload(outcome.content)
    except UnreadableAnswer:
        return None


def _raise_for(desk: Desk, slot: Slot, evidence: Answered) -> None:
    """Say why there is no payload; a conflict, and what a look-up has found, go their own ways."""
    if slot.state not in {State.PREPARED, State.UNKNOWN, State.REFUSED}:
        raise_unless_done(desk, slot, evidence)
        return
    answer = AnswerFacts(status=evidence.status, verdict=evidence.verdict)
    said = f"{slot.external_id}: the partner gives no signing payload: {evidence.detail}"
    if slot.state is State.REFUSED:
        unauthorised = evidence.verdict is Verdict.UNAUTHORISED
        hint = WRITE_SCOPE_HINT if unauthorised else disputes_hint(evidence.status)
        raise RefusedError(
            f"{said}. It holds nothing under this id and nothing was sent. {hint}Correct what it "
            "names, then clear compute_net_positions with its downstream tasks",
            external_id=slot.external_id,
            **answer,
        )
    if not slot.in_conflict:
        raise OutcomeUnknownError(
            f"{said}. Nothing was sent; it is asked again",
            evidence.retry_after,
            external_id=slot.external_id,
            **answer,
        )
