"""The world of the demo: one partner, a hundred clients, a published signing key."""

from __future__ import annotations

import hashlib

from partner_sandbox import bip32
from partner_sandbox.ids import made_up_id
from partner_sandbox.world import Connection, Partner, Token, World

DEMO_PARTNER = "demo"
DEMO_ENTERPRISE = "demo-enterprise"
DEMO_TOKEN = "demo-token-read-write"  # noqa: S105 (published: worth nothing anywhere else)
"""Plain bearer token: neither starts with v2x nor has 67 characters (partner API, section 2)."""

DEMO_SEED_LABEL = "partner-settlement demo key"
DEMO_XPRV = bip32.master_xprv(hashlib.sha256(DEMO_SEED_LABEL.encode()).digest())
"""The demo's signing key; anybody can derive it from the label, so it protects nothing."""
DEMO_PUBLIC_KEY = bip32.private_key(DEMO_XPRV).public_key.format().hex()

DEMO_CURRENCIES = {
    "BTC": 8,
    "ETH": 18,
    "USDC": 6,
    "USDT": 6,
    "SOL": 9,
    "MATIC": 18,
    "USD": 2,
    "EUR": 2,
}
"""Decimals per currency."""


def demo_connections(count: int = 100) -> tuple[Connection, ...]:
    """Return the demo's clients, the same ones every time."""
    return tuple(
        Connection(
            id=made_up_id("demo connection", str(number)),
            name=f"Demo client {number}",
            partners_connection_id=f"client-{number:05d}",
        )
        for number in range(1, count + 1)
    )


def demo_world(count: int = 100) -> World:
    """Return the demo's partner with so many clients and balances that no rehearsal exhausts."""
    partner = Partner(
        name=DEMO_PARTNER,
        enterprise_id=DEMO_ENTERPRISE,
        public_key=DEMO_PUBLIC_KEY,
        tokens=(Token(value=DEMO_TOKEN, user_id="demo-user"),),
        currencies=DEMO_CURRENCIES,
        connections=demo_connections(count),
    )
    return World(partners=(partner,))


def demo_world_with_disputes(
    count: int = 100, dispute_window_minutes: int = 60, top_up_window_minutes: int = 30
) -> World:
    """Return the demo's partner, its clients free to dispute: it settles with version 2."""
    return _changed(
        demo_world(count),
        client_dispute_window_minutes=dispute_window_minutes,
        top_up_window_minutes=top_up_window_minutes,
    )


def demo_broker_world(count: int = 100) -> World:
    """Return the demo's partner as a broker: its clients settle with each other."""
    return _changed(demo_world(count), broker=True)


def demo_full_units_world(count: int = 100) -> World:
    """Return the demo's partner with decimals on the wire."""
    return _changed(demo_world(count), unit="full_units")


def _changed(world: World, **changes: object) -> World:
    return world.changed(partners=tuple(each.changed(**changes) for each in world.partners))
