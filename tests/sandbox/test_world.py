"""The world file is read strictly, and the demo's world is the same everywhere."""

from __future__ import annotations

import uuid

import pytest

from partner_sandbox import bip32
from partner_sandbox.demo_world import (
    DEMO_PUBLIC_KEY,
    DEMO_TOKEN,
    DEMO_XPRV,
    demo_broker_world,
    demo_connections,
    demo_full_units_world,
    demo_world,
    demo_world_with_disputes,
)
from partner_sandbox.settings import Settings
from partner_sandbox.world import World
from partner_sandbox.worlds import world_called

WORLD = """
[[partners]]
name = "acme"
enterprise_id = "ent-1"
public_key = "{key}"
tokens = [{{ value = "t-1", scopes = ["settlement_network_read"] }}]
currencies = {{ BTC = 8 }}
balances = {{ BTC = "1000000000000000000000000000001" }}
default_balance = 5

[[partners.connections]]
id = "09684b38-49ed-4cf6-a28e-c3a459494c69"
name = "Client"
balances = {{ BTC = 7 }}
"""


def test_world_from_a_file(tmp_path):
    """A TOML file names partners, tokens, connections and exact balances."""
    file = tmp_path / "world.toml"
    file.write_text(WORLD.format(key=DEMO_PUBLIC_KEY))
    partner = world_called(str(file)).partner("acme")
    assert partner.initial_balance(partner.id, "BTC") == 10**30 + 1
    assert partner.initial_balance(partner.connections[0].id, "BTC") == 7
    assert partner.initial_balance(partner.connections[0].id, "ETH") == 5


def test_world_file_says_windows_broker_and_units(tmp_path):
    """Every set-up of a partner may be written into the file."""
    file = tmp_path / "world.toml"
    set_up = """default_balance = 5
unit = "full_units"
broker = true
client_dispute_window_minutes = 60
top_up_window_minutes = 30
"""
    world = WORLD.format(key=DEMO_PUBLIC_KEY).replace("default_balance = 5\n", set_up)
    file.write_text(world)
    partner = world_called(str(file)).partner("acme")
    assert (partner.unit, partner.broker) == ("full_units", True)
    assert (partner.client_dispute_window_minutes, partner.top_up_window_minutes) == (60, 30)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("default_balance = 5", "default_balance = 5.0", "base units"),
        ("default_balance = 5", "defualt_balance = 5", "defualt_balance"),
        ("default_balance = 5", "top_up_window_minutes = 5", "follows a dispute window"),
        ("default_balance = 5", "client_dispute_window_minutes = -1", "greater than or equal"),
        ("09684b38", "09684B38", "lower case"),
        (DEMO_PUBLIC_KEY, "04" + DEMO_PUBLIC_KEY, "public_key"),
        ("settlement_network_read", "read", "settlement_network_read"),
    ],
)
def test_mistakes_in_a_world_are_named(tmp_path, old, new, word):
    """A float, an unknown key, a malformed id or key is an error that names it."""
    file = tmp_path / "world.toml"
    file.write_text(WORLD.format(key=DEMO_PUBLIC_KEY).replace(old, new))
    with pytest.raises(ValueError, match=word):
        world_called(str(file))


def test_ids_and_tokens_are_named_once():
    """Two partners cannot share an enterprise, a connection or a token."""
    partner = demo_world(1).partners[0]
    with pytest.raises(ValueError, match="demo-enterprise is named twice"):
        World(partners=(partner, partner))
    with pytest.raises(ValueError, match=r"connection .* is named twice"):
        World(partners=(partner, partner.changed(enterprise_id="other")))
    with pytest.raises(ValueError, match="token is named twice"):
        World(partners=(partner, partner.changed(enterprise_id="other", connections=())))


def test_demo_world_is_the_same_everywhere():
    """Connections, key and token of the demo never change: data and docs name them."""
    connections = demo_connections()
    assert len({connection.id for connection in connections}) == 100
    assert connections[:5] == demo_connections(5)
    assert connections[0].id == "73630157-3931-5905-85e4-886b0e78c162"
    assert all(str(uuid.UUID(connection.id)) == connection.id for connection in connections)
    assert bip32.private_key(DEMO_XPRV).public_key.format().hex() == DEMO_PUBLIC_KEY
    assert DEMO_PUBLIC_KEY == "02da4895fdb917f4f4e75ffe1ced1ecb32fd4ad79538f26701ff699a58edcbc36f"


def test_demo_worlds_differ_in_the_partners_set_up_only():
    """Key, token, clients and currencies are the demo's in all of them."""
    plain = demo_world(3).partner()
    disputes = demo_world_with_disputes(3, 10, 5).partner()
    assert (disputes.client_dispute_window_minutes, disputes.top_up_window_minutes) == (10, 5)
    broker, full = demo_broker_world(3).partner(), demo_full_units_world(3).partner()
    assert (broker.broker, full.unit) == (True, "full_units")
    for other in (
        disputes.changed(client_dispute_window_minutes=None, top_up_window_minutes=None),
        broker.changed(broker=False),
        full.changed(unit="base_units"),
    ):
        assert other == plain


def test_demo_token_is_sent_as_a_plain_bearer_token():
    """The demo's token does not look like one that clients sign requests with."""
    assert not DEMO_TOKEN.startswith("v2x")
    assert len(DEMO_TOKEN) != 67


def test_partner_is_found_by_name():
    """Without a name the only partner is meant; an unknown one is an error with the names."""
    world = demo_world(1)
    assert world.partner().name == "demo"
    with pytest.raises(LookupError, match="it has: demo"):
        world.partner("acme")


def test_secrets_do_not_show():
    """Printing a world shows no token."""
    assert DEMO_TOKEN not in repr(demo_world(1))


def test_settings_that_contradict_each_other_are_refused():
    """A default page larger than the largest page is an error that says so."""
    with pytest.raises(ValueError, match="exceeds max_page_size"):
        Settings(default_page_size=10, max_page_size=5)
