"""Answers are read strictly where money depends on them, and leniently elsewhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.partner.answers import (
    Settlement,
    UnreadableAnswer,
    parse_connections,
    parse_settlement_detail,
    parse_settlements,
    parse_signing_payload,
)

SETTLEMENT = {
    "id": "AAAAAAAA-0000-4000-8000-000000000001",
    "partnerId": "aaaaaaaa-0000-4000-8000-000000000002",
    "externalId": "demo-2026-03-02-1",
    "status": "completed",
    "settlementType": "offchain",
    "reconciled": False,
    "createdAt": "2026-03-02T22:15:01.250Z",
    "cutoffAt": "2026-03-02T17:15:02-05:00",
    "notes": "Net trading",
    "somethingNew": {"nested": [1.5]},
}
TRANSFER = {
    "id": "bbbbbbbb-0000-4000-8000-000000000001",
    "settlementId": "aaaaaaaa-0000-4000-8000-000000000001",
    "currency": "ETH",
    "quantity": "-1000000000000000000000000000001",
    "status": "completed",
    "txIds": [],
    "destinationNetworkAccountId": "cccccccc-0000-4000-8000-000000000001",
}
CONNECTION = {
    "id": "dddddddd-0000-4000-8000-000000000001",
    "networkAccountId": "cccccccc-0000-4000-8000-000000000001",
    "name": "Client 1",
    "active": True,
}


def body(value: object) -> bytes:
    """UTF-8 JSON of the value."""
    return json.dumps(value).encode()


def detail(settlement=SETTLEMENT, transfer=TRANSFER) -> bytes:
    """Answer of reading one settlement with one transfer."""
    return body({"settlement": settlement, "settlementTransfers": [transfer]})


def read_settlement(settlement) -> Settlement:
    """The settlement of an answer without transfers."""
    answer = body({"settlement": settlement, "settlementTransfers": []})
    return parse_settlement_detail(answer).settlement


def test_a_settlement_is_read_with_instants_and_canonical_ids():
    """Times become instants, ids lower case; fields we do not use are ignored."""
    read = read_settlement(SETTLEMENT)
    assert read.id == "aaaaaaaa-0000-4000-8000-000000000001"
    assert (read.external_id, read.status, read.notes) == (
        "demo-2026-03-02-1",
        "completed",
        "Net trading",
    )
    assert read.reason is None
    assert read.created_at == datetime(2026, 3, 2, 22, 15, 1, 250_000, tzinfo=UTC)
    assert read.cutoff_at == datetime(2026, 3, 2, 22, 15, 2, tzinfo=UTC)
    assert parse_settlements(body({"settlements": [SETTLEMENT, SETTLEMENT]})) == (read, read)
    assert parse_settlements(body({"settlements": []})) == ()


def test_a_status_that_is_not_known_is_pending_and_said_by_name():
    """Never guessed at, however much it looks like another one."""
    read = read_settlement({**SETTLEMENT, "status": "Completed"})
    assert (read.status, read.stated) == ("pending", "'Completed'")
    assert "in status 'Completed', which is not known here" in read.unknown_status
    known = read_settlement(SETTLEMENT)
    assert (known.status, known.stated, known.unknown_status) == ("completed", "completed", None)


def test_a_failed_settlement_keeps_the_reason():
    """What the partner says about a failure reaches the person on call."""
    failed = {**SETTLEMENT, "status": "failed", "reason": "balance too low"}
    assert read_settlement(failed).reason == "balance too low"


def test_a_quantity_is_an_exact_integer():
    """Past 64 bits, with its sign."""
    (transfer,) = parse_settlement_detail(detail()).transfers
    assert transfer.quantity == -(10**30) - 1
    assert transfer.destination_network_account_id == CONNECTION["networkAccountId"]
    assert (transfer.source_network_account_id, transfer.dispute_closure_id) == (None, None)


@given(st.integers(min_value=-(10**35), max_value=10**35))
def test_any_quantity_survives(quantity):
    """No integer is changed by reading it."""
    answer = detail(transfer={**TRANSFER, "quantity": str(quantity)})
    assert parse_settlement_detail(answer).transfers[0].quantity == quantity


def test_quantities_of_full_unit_partners_become_base_units():
    """With the partner's decimals, "1.5" ETH is 15 * 10^17; unknown currencies are unreadable."""
    answer = detail(transfer={**TRANSFER, "quantity": "1.50"})
    assert parse_settlement_detail(answer, {"ETH": 18}).transfers[0].quantity == 15 * 10**17
    with pytest.raises(UnreadableAnswer, match="decimals of 'ETH' are not in the partner file"):
        parse_settlement_detail(answer, {"BTC": 8})
    with pytest.raises(UnreadableAnswer, match="more than 1 decimals"):
        parse_settlement_detail(detail(transfer={**TRANSFER, "quantity": "1.25"}), {"ETH": 1})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", 100),
        ("quantity", "1.5"),
        ("quantity", "1e3"),
        ("quantity", "+1"),
        ("quantity", None),
        ("status", ""),
        ("currency", ""),
        ("settlementId", "x"),
        ("destinationNetworkAccountId", None),
        ("sourceNetworkAccountId", "not-a-uuid"),
    ],
)
def test_a_transfer_that_could_be_misread_is_unreadable(field, value):
    """A wrong type, spelling or status makes the whole answer prove nothing."""
    with pytest.raises(UnreadableAnswer, match=rf"settlementTransfers\[0\]\.{field}"):
        parse_settlement_detail(detail(transfer={**TRANSFER, field: value}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "123"),
        ("id", 5),
        ("externalId", ""),
        ("externalId", None),
        ("status", ""),
        ("status", True),
        ("createdAt", 1772489701),
        ("createdAt", "2026-03-02T22:15:01"),
        ("createdAt", "yesterday"),
        ("notes", 7),
        ("reason", ["x"]),
    ],
)
def test_a_settlement_that_could_be_misread_is_unreadable(field, value):
    """The error names the field."""
    with pytest.raises(UnreadableAnswer, match=rf"settlement\.{field}"):
        read_settlement({**SETTLEMENT, field: value})


@pytest.mark.parametrize("field", ["id", "externalId", "status", "createdAt"])
def test_a_settlement_that_lacks_a_field_is_unreadable(field):
    """Every field that is used must be there."""
    short = {key: value for key, value in SETTLEMENT.items() if key != field}
    with pytest.raises(UnreadableAnswer, match=rf"settlement\.{field}"):
        read_settlement(short)


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"null", b"[]", b"{}", b'{"settlement":null}', b'{"settlement":[]}',
     b"\xff\xfe", b'{"settlement":NaN}', b"[" * 100_000, b'{"error":"no"}',
     b'{"settlement":{},"settlement":{}}'],
)  # fmt: skip
def test_anything_else_is_unreadable(answer):
    """Pages of proxies, cut bodies, other objects: never a crash, never a guess."""
    for parse in (parse_settlements, parse_settlement_detail, parse_connections):
        with pytest.raises(UnreadableAnswer):
            parse(answer)


@given(st.binary(max_size=200))
def test_no_bytes_crash_a_reader(answer):
    """Random bytes end in the one error that callers expect."""
    for parse in (parse_settlement_detail, parse_connections, parse_signing_payload):
        with pytest.raises(UnreadableAnswer):
            parse(answer)


def test_connections_give_the_network_account():
    """The map from transfers back to connections; a text is not a boolean."""
    (connection,) = parse_connections(body({"connections": [CONNECTION]}))
    assert connection.network_account_id == TRANSFER["destinationNetworkAccountId"]
    assert (connection.active, connection.name) == (True, "Client 1")
    with pytest.raises(UnreadableAnswer, match=r"connections\[1\]\.active"):
        parse_connections(body({"connections": [CONNECTION, {**CONNECTION, "active": "true"}]}))


def test_a_payload_is_a_text():
    """The payload comes back untouched; an empty or missing one is unreadable."""
    assert parse_signing_payload(body({"payload": ' {"a":"\u00e9"} '})) == ' {"a":"\u00e9"} '
    for answer in ({"payload": ""}, {"payload": {"a": 1}}, {"error": None}, {}):
        with pytest.raises(UnreadableAnswer):
            parse_signing_payload(body(answer))
