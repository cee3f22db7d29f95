"""Step 3: sign the checked payloads of the date's requests that are not concluded, nothing else."""

from __future__ import annotations

from datetime import date

from settlement.ledger.bodies import StoredBody, load_current_body
from settlement.ledger.filling import Signature, store_signature
from settlement.ledger.people.approvals import require_approved
from settlement.ledger.slots import load_slots, require_slot
from settlement.request.instruction import check_payload
from settlement.signing.signer import Signer, key_id_of, signer_of
from settlement.slot.state import OPEN, State
from settlement.steps.desk import Desk
from settlement.steps.payload import instruction_of


def sign_requests(desk: Desk, signer: Signer, business_date: date) -> list[str]:
    """Sign every current body that has a payload and no signature of a good key.

    Bytes that were sent stay as they are; a body that was adopted has none, and gets some.

    Never talks to the partner: it needs the ledger, and the remote signer where that holds the
    key. The exact request bytes are stored with the signature: what is sent later is what is
    stored here. Returns the externalIds to submit, in order of sending.

    :raises ApprovalMissingError: if a person must approve one first and has not; nothing is signed
    :raises PayloadMismatchError: if a stored payload is not what its body asks for
    :raises SigningKeyError, SignerUnavailableError, UntrustedHostError: as the signer does
    """
    with desk.ledger.transaction() as tx:
        slots = load_slots(tx, desk.partner.name, business_date)
        bodies = [
            load_current_body(tx, slot.external_id)
            for slot in slots
            if slot.state in OPEN | {State.PREPARED} and slot.current_body is not None
        ]
        never_sent = [body.external_id for body in bodies if body.sent_at is None]
        require_approved(tx, desk.partner, business_date, never_sent)
    for body in bodies:
        if _needs_signature(body, signer):
            _sign(desk, signer, body)
    return [body.external_id for body in bodies]


def _needs_signature(body: StoredBody, signer: Signer) -> bool:
    if body.payload is None:
        return False
    outdated = body.sent_at is None and body.key_id not in signer.key_ids
    return body.request is None or outdated


def _sign(desk: Desk, signer: Signer, body: StoredBody) -> None:
    payload = body.payload or ""
    instruction = instruction_of(desk.partner, body)
    check_payload(instruction, payload)
    signature = signer.sign(payload)
    key_id = key_id_of(signer_of(payload, signature))
    request = instruction.settlement_request_bytes(payload, signature)
    with desk.ledger.transaction() as tx:
        require_slot(tx, body.external_id, lock=True)  # a send reads its bytes under this lock
        store_signature(tx, body, Signature(signature, key_id, request), desk.actor)
