"""`show`, `explain` and `preview`: what a person and a program read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from settlement.config.partner_file import load_partner
from settlement.errors import LimitExceededError
from settlement.steps.compute import compute_net_positions
from settlement.values import PositionKey
from settlement_airflow.cli.workplace import warehouse_of
from settlement_airflow.connections import open_partner_api
from support.airflow_day import AirflowDay
from support.day import ALICE, BOB, CAROL, DAY, desk_of
from support.settling import settle

from .conftest import Command

SLOT = "demo-2026-03-03-1"


def amounts(lines: list[dict[str, str]]) -> dict[PositionKey, int]:
    """Lines of a JSON answer."""
    assert all(isinstance(each["amount"], str) for each in lines)
    return {
        PositionKey(each["connection"], each["currency"]): int(each["amount"]) for each in lines
    }


def test_show_for_programs_holds_everything_about_a_settled_date(
    day: AirflowDay, command: Command
) -> None:
    """The documented keys, exact amounts as strings, no difference left."""
    settle(day)
    shown = json.loads(command("show", "demo", "2026-03-03", "--json").out)
    assert shown["business_date"] == "2026-03-03"
    assert shown["window"] == {
        "start": "2026-03-02T22:00:00+00:00",
        "end": "2026-03-03T22:00:00+00:00",
    }
    assert amounts(shown["net_positions"]) == day.owed()
    assert shown["difference"] == []
    (slot,) = shown["slots"]
    assert (slot["external_id"], slot["state"], slot["reason"]) == (SLOT, "completed", None)
    assert slot["settlement_id"]
    assert amounts(slot["lines"]) == day.owed()
    (body,) = slot["bodies"]
    assert (body["number"], body["origin"], body["payload_present"]) == (1, "built", True)
    assert len(body["digest"]) == len(body["nonce"]) == 64
    assert len(body["key_id"]) == 16
    assert body["sent_at"] is not None
    assert [each["kind"] for each in slot["attempts"]] == ["payload", "submit"]
    assert [each["status"] for each in slot["attempts"]] == [200, 200]


def test_show_names_the_difference_of_a_date_that_is_not_settled(
    day: AirflowDay, command: Command
) -> None:
    """Late trades that were read and not sent are what is left."""
    settle(day)
    day.trade(ALICE, CAROL, 7)
    partner = load_partner("demo")
    api = open_partner_api(partner.api_conn_id)
    compute_net_positions(desk_of(day.ledger, api, partner), warehouse_of(partner), DAY)
    shown = json.loads(command("show", "demo", "2026-03-03", "--json").out)
    assert amounts(shown["difference"])[PositionKey(ALICE, "BTC")] == 7
    read = command("show", "demo", "2026-03-03").out
    assert "NOT SETTLED" in read
    assert "difference: still to be settled" in read
    assert "0.00000007" in read


def test_show_for_people_writes_amounts_with_their_decimals(
    day: AirflowDay, command: Command
) -> None:
    """What 10^30 base units of BTC are is written out, exactly."""
    settle(day)
    read = command("show", "demo", "2026-03-03").out
    assert "demo 2026-03-03  settled" in read
    assert "10,000,000,000,000,000,000,000.00000000" in read
    assert SLOT in read
    assert "completed" in read


def test_show_of_a_date_that_was_never_computed(day: AirflowDay, command: Command) -> None:
    """Nothing is known, and that is no error."""
    ended = command("show", "demo", "2026-03-09")
    assert ended.code == 0
    assert "never computed" in ended.out
    shown = json.loads(command("show", "demo", "2026-03-09", "--json").out)
    assert (shown["window"], shown["slots"], shown["difference"]) == (None, [], [])


def test_explain_leads_from_an_amount_to_its_trades(day: AirflowDay, command: Command) -> None:
    """The trades add up to the amount; a later one is shown as such and does not count."""
    settle(day)
    day.trade(ALICE, CAROL, 7)
    explained = json.loads(command("explain", SLOT, ALICE, "BTC", "--json").out)
    position = explained["position"]
    assert position["amount"] == position["sum_of_trades"] == "100"
    assert [(each["trade_id"], each["in_snapshot"]) for each in position["trades"]] == [
        ("t000001", True),
        ("t000003", False),
    ]
    assert "buyer_connection_id" in explained["snapshot"]["query"]
    read = command("explain", SLOT, ALICE.upper(), "BTC").out
    assert "t000001" in read
    assert "0.00000007 (later)" in read


def test_explain_holds_the_exact_bytes_and_every_answer(day: AirflowDay, command: Command) -> None:
    """Body, payload, signature, key id, and what the partner said to each attempt."""
    settle(day)
    explained = json.loads(command("explain", SLOT, "--json").out)
    body = explained["body"]
    request = json.loads(body["request"])
    assert request["externalId"] == SLOT
    assert (request["payload"], request["signature"]) == (body["payload"], body["signature"])
    assert json.loads(explained["attempts"][-1]["answer"])["settlement"]["status"] == "completed"
    read = command("explain", SLOT).out
    assert f"key {body['key_id']}" in read


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo-2026-03-03-9"], "the ledger has no slot demo-2026-03-03-9"),
        ([SLOT, ALICE], "which currency"),
        ([SLOT, BOB, "ETH"], "has no position"),
        ([SLOT, "bob", "ETH"], "is not a connection id"),
    ],
)
def test_explain_says_what_it_cannot_find(
    day: AirflowDay, command: Command, arguments: list[str], said: str
) -> None:
    """Exit code 2, and the next step."""
    settle(day)
    ended = command("explain", *arguments)
    assert ended.code == 2
    assert said in " ".join(ended.err.split())


def test_a_preview_shows_the_requests_and_keeps_nothing(day: AirflowDay, command: Command) -> None:
    """The amounts that a run would send; the ledger stays as it was."""
    read = command("preview", "demo", "2026-03-03")
    assert read.code == 0
    assert SLOT in read.out
    assert "10,000,000,000,000,000,000,000.00000000" in read.out
    previewed = json.loads(command("preview", "demo", "2026-03-03", "--json").out)
    assert json.loads(previewed["requests"][0]["body"])["externalId"] == SLOT
    assert day.states() == {}
    settle(day)
    assert "nothing would be sent" in command("preview", "demo", "2026-03-03").out


def test_a_preview_ends_as_the_limits_would_end_the_run(day: AirflowDay, command: Command) -> None:
    """Exit code 1 and the limit, below the amounts that somebody has to look at."""
    day.write_partner("[limits]\ngross_per_date = { BTC = 199 }")
    read = command("preview", "demo", "2026-03-03")
    asked = command("preview", "demo", "2026-03-03", "--json")
    assert read.code == asked.code == 1
    assert "10,000,000,000,000,000,000,000.00000000" in read.out
    assert "limits.gross_per_date.BTC allows 0.00000199 BTC" in " ".join(read.err.split())
    assert "limits.gross_per_date.BTC" in json.loads(asked.out)["refused"]
    with pytest.raises(LimitExceededError) as caught:
        settle(day)
    assert caught.value.message == json.loads(asked.out)["refused"]
    assert day.states() == {}


def test_a_preview_in_full_units_shows_the_same_amounts(day: AirflowDay, command: Command) -> None:
    """The unit on the wire does not change what a person reads."""
    in_base_units = command("preview", "demo", "2026-03-03").out
    day.write_partner('amounts = "full_units"')
    assert _amounts(command("preview", "demo", "2026-03-03").out) == _amounts(in_base_units)


def _amounts(read: str) -> list[str]:
    return [line for line in read.splitlines() if line.startswith("│")]


def test_a_warehouse_without_its_file_is_said(day: AirflowDay, command: Command) -> None:
    """Exit code 1 and the file's name."""
    Path(day.warehouse).unlink()
    ended = command("preview", "demo", "2026-03-03")
    assert ended.code == 1
    assert "warehouse.duckdb" in ended.err
