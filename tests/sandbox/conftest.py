"""A partner that rehearses: asks for payloads, signs them, posts, and looks things up."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from partner_sandbox import bip32, signature
from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import (
    DEMO_ENTERPRISE,
    DEMO_TOKEN,
    DEMO_XPRV,
    demo_connections,
    demo_world,
)
from partner_sandbox.faults import FaultRule
from partner_sandbox.messages import Request
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store

PREFIX = f"/api/network/v1/enterprises/{DEMO_ENTERPRISE}/"
PREFIX_2 = f"/api/network/v2/enterprises/{DEMO_ENTERPRISE}/"
CUTOFF = "2026-03-02T16:59:59.500Z"


class Rehearsal:
    """The demo's partner in front of a sandbox whose clock stands still until told."""

    def __init__(self, store=None, settings=None, **changes_to_partner):
        world = demo_world(count=6)
        partner = world.partners[0].changed(**changes_to_partner)
        self.now = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
        self.partner = partner
        self.connections = [connection.id for connection in demo_connections(6)]
        self.sandbox = Sandbox(
            store or Store(),
            lambda: self.now,
            settings or Settings(),
            world.changed(partners=(partner,)),
        )

    def set(self, **changes):
        """Change settings of the sandbox."""
        self.sandbox.settings = self.sandbox.settings.model_copy(update=changes)

    def change_partner(self, **changes):
        """Change the partner's set-up at the custodian."""
        self.partner = self.partner.changed(**changes)
        self.sandbox.world = self.sandbox.world.changed(partners=(self.partner,))

    def fault(self, fault, **measures):
        """Script one fault."""
        self.sandbox.faults.script(FaultRule(fault=fault, **measures))

    def pass_time(self, seconds):
        """Move the sandbox's clock."""
        self.now += timedelta(seconds=seconds)

    def call(self, method, path, query=(), body=None, token=DEMO_TOKEN, prefix=PREFIX):
        """One exchange; returns status and parsed body."""
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        headers = {"Authorization": f"Bearer {token}"}
        response = self.sandbox.handle(Request(method, prefix + path, query, headers, raw))
        return response.status, json.loads(response.body)

    def get(self, path, *query, **options):
        """GET a path with query pairs."""
        return self.call("GET", path, query, **options)

    def content(self, external_id="demo-1", amounts=None, **fields):
        """The signed part of a request; by default the first client wins 100 and loses 7."""
        default = {self.connections[0]: {"BTC": "100", "USD": "-7"}}
        return {
            "externalId": external_id,
            "settlementAmounts": default if amounts is None else amounts,
            "nonce": f"nonce of {external_id}",
            **fields,
        }

    def signed(self, content, payload=None):
        """The body of POST settlements for a content, with payload and signature."""
        if payload is None:
            status, answer = self.call("POST", "partners/settlements-signing", body=content)
            assert status == 200, answer
            payload = answer["payload"]
        return {**content, "payload": payload, "signature": sign(payload)}

    def post(self, body):
        """POST a settlement."""
        return self.call("POST", "partners/settlements", body=body)

    def settle(self, *arguments, **fields):
        """Ask for the payload, sign it and post."""
        return self.post(self.signed(self.content(*arguments, **fields)))

    def post_2(self, body):
        """POST a settlement with version 2."""
        return self.call("POST", "partners/settlements", body=body, prefix=PREFIX_2)

    def stage(self, *arguments, **fields):
        """Ask for the payload, sign it and post it with version 2."""
        fields = {"cutoffAt": CUTOFF, **fields}
        return self.post_2(self.signed(self.content(*arguments, **fields)))

    def shown(self, external_id="demo-1"):
        """One settlement as the API shows it, with transfers and disputes."""
        _, found = self.get("partners/settlements", ("externalIds", external_id))
        status, detail = self.get(f"partners/settlements/{found['settlements'][0]['id']}")
        assert status == 200, detail
        return detail

    def booked(self):
        """What was booked, as (externalId, connection, currency, amount)."""
        return [tuple(booking[:4]) for booking in self.sandbox.bookings()]


def sign(payload, xprv=DEMO_XPRV):
    """Sign a payload as the partner does."""
    signed = bip32.private_key(xprv).sign_recoverable(
        signature.message_digest(payload), hasher=None
    )
    return (bytes([31 + signed[64]]) + signed[:64]).hex()


@pytest.fixture
def rehearsal():
    """The demo's partner and sandbox."""
    return Rehearsal()


@pytest.fixture
def rehearse():
    """A maker of rehearsals with other settings or another partner set-up."""
    return Rehearsal


@pytest.fixture
def disputing():
    """A partner whose clients may dispute for an hour, and who may top up for half an hour more."""
    return Rehearsal(client_dispute_window_minutes=60, top_up_window_minutes=30)


@pytest.fixture
def sign_payload():
    """The demo partner's signature over a payload."""
    return sign
