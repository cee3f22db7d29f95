"""Two signing keys side by side, and what each of them has signed."""

from __future__ import annotations

import pytest
from coincurve import PrivateKey

from partner_sandbox.faults import FaultKind
from settlement.errors import OutcomeUnknownError
from settlement.ledger.bodies import StoredBody, load_current_body
from settlement.ledger.database import Ledger
from settlement.signing.signer import LocalSigner
from settlement.steps.sign import sign_requests
from support.day import ALICE, BOB, DAY, World

SLOT = "demo-2026-03-03-1"
NEW_KEY = PrivateKey.from_int(4711)


@pytest.fixture
def world(ledger: Ledger) -> World:
    """A day whose request the old key has signed."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    assert world.prepare() == [SLOT]
    return world


def stored(world: World) -> StoredBody:
    """The request as it would be sent."""
    with world.ledger.transaction() as tx:
        return load_current_body(tx, SLOT)


def sign_with(world: World, signer: LocalSigner) -> StoredBody:
    """Clear sign_requests; the request as it would be sent then."""
    sign_requests(world.desk, signer, DAY)
    return stored(world)


def test_what_the_old_key_signed_stays_while_both_are_good(world: World) -> None:
    """Nothing is signed without need, and the ledger says by which key."""
    before = stored(world)
    both = LocalSigner(NEW_KEY, also_good=[world.signer.key_id])
    assert before.key_id == world.signer.key_id
    assert sign_with(world, both) == before


def test_what_was_never_sent_is_signed_anew_once_the_old_key_is_out(world: World) -> None:
    """Same payload, other signature, other key."""
    before, new = stored(world), LocalSigner(NEW_KEY)
    after = sign_with(world, new)
    assert after.key_id == new.key_id
    assert after.payload == before.payload
    assert after.signature == new.sign(before.payload or "")
    assert after.request != before.request


def test_what_was_sent_keeps_its_bytes(world: World) -> None:
    """A replay under another signature would be another request."""
    world.fault(FaultKind.DROP_AFTER, route="submit")
    with pytest.raises(OutcomeUnknownError):
        world.submit(SLOT)
    before = stored(world)
    assert sign_with(world, LocalSigner(NEW_KEY)) == before
    assert world.submit(SLOT).state.value == "completed"
