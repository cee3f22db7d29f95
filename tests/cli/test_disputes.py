"""`settlement disputes`, and the transfers that `settlement explain` shows: both sides."""

from __future__ import annotations

import json

import pytest

from partner_sandbox.demo_world import demo_world_with_disputes
from settlement.config.partner_file import load_partner
from settlement.errors import HistoryChangedError, NotSettledError
from settlement.steps.reconcile import look_up_pending
from settlement_airflow.cli.workplace import api_of
from support.airflow_day import AirflowDay
from support.day import BOB, DAY, desk_of
from support.settling import settle

from .conftest import Command

SLOT = f"demo-{DAY}-1"


@pytest.fixture
def disputed(day: AirflowDay) -> AirflowDay:
    """A date is staged at the partner, and Bob says that 20 of his 100 are wrong."""
    day.sandbox.world = demo_world_with_disputes(count=6)
    day.write_partner('api_version = "v2"')
    with pytest.raises(NotSettledError, match="pending"):
        settle(day)
    day.sandbox.raise_dispute(SLOT, BOB, {"BTC": -80}, "20 too many")
    return day


def windows_end(day: AirflowDay) -> None:
    """The partner finalises, and the date is looked up."""
    day.clock.windows_end()
    partner = load_partner("demo")
    look_up_pending(desk_of(day.ledger, api_of(partner), partner), DAY)


def test_a_dispute_stands_beside_our_lines_and_the_trades_behind_them(
    disputed: AirflowDay, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For people and for programs; amounts of programs are base units."""
    monkeypatch.setenv("COLUMNS", "200")
    ended = command("disputes", "demo", "--json")
    assert ended.code == 0, ended.err
    (dispute,) = json.loads(ended.out)
    assert (dispute["external_id"], dispute["status"]) == (SLOT, "open")
    assert (dispute["connection"], dispute["reason"]) == (BOB, "20 too many")
    assert dispute["expected"] == {"BTC": "-80"}
    assert dispute["instructed"]["BTC"] == "-100"
    (position,) = (each for each in dispute["positions"] if each["currency"] == "BTC")
    assert [each["trade_id"] for each in position["trades"]] == ["t000001"]
    shown = command("disputes", "demo", "--date", str(DAY)).out
    for text in (SLOT, BOB, "20 too many", "-0.00000100", "-0.00000080", "t000001"):
        assert text in shown
    assert "nothing is disputed" in command("disputes", "demo", "--date", "2026-03-04").out


def test_what_was_agreed_is_shown_once_the_dispute_is_closed(
    disputed: AirflowDay, command: Command
) -> None:
    """Closed by the custodian; a later settlement of the partner carries it."""
    (raised,) = disputed.sandbox.disputes()
    windows_end(disputed)
    disputed.sandbox.close_dispute(raised.id, {"BTC": -80}, "admin")
    (dispute,) = json.loads(command("disputes", "demo", "--json").out)
    assert dispute["status"] == "closed, approved"
    assert dispute["adjusted"] == {"BTC": "-80"}


def test_a_closure_is_shown_with_what_its_review_has_come_to(
    disputed: AirflowDay, command: Command
) -> None:
    """Somebody at the custodian still has to agree, and may not."""
    (raised,) = disputed.sandbox.disputes()
    windows_end(disputed)
    disputed.sandbox.close_dispute(raised.id, {"BTC": -80}, reviewed=True)
    assert f"{SLOT}  closed, pending_review" in command("disputes", "demo").out
    disputed.sandbox.review_closure(raised.id, approved=False)
    assert f"{SLOT}  closed, rejected" in command("disputes", "demo").out


def test_a_dispute_about_trades_that_went_has_no_trades_behind_it(
    disputed: AirflowDay, command: Command
) -> None:
    """It is about the request that took back what was settled for them."""
    windows_end(disputed)
    disputed.write_partner('api_version = "v2"\nallow_empty_days = true')
    for trade in disputed.trades:
        disputed.forget_trade(trade.trade_id)
    with pytest.raises(HistoryChangedError):
        settle(disputed)
    (question,) = json.loads(command("decide", "demo", "--json").out)
    command("decide", "demo", question["digest"], "settle", "--reason", "they are really gone")
    with pytest.raises(NotSettledError, match="pending"):
        settle(disputed)
    disputed.sandbox.raise_dispute(f"demo-{DAY}-2", BOB, {"BTC": 80})
    ended = command("disputes", "demo", "--json")
    assert ended.code == 0, ended.err
    (dispute,) = (each for each in json.loads(ended.out) if each["external_id"].endswith("-2"))
    assert (dispute["instructed"]["BTC"], dispute["positions"]) == ("100", [])


def test_explain_tells_transfers_apart(
    disputed: AirflowDay, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bob's did not run, everybody else's did."""
    monkeypatch.setenv("COLUMNS", "200")
    windows_end(disputed)
    transfers = json.loads(command("explain", SLOT, "--json").out)["transfers"]
    statuses = {(each["connection"] == BOB, each["status"]) for each in transfers}
    assert statuses == {(True, "disputed"), (False, "completed")}
    assert {each["kind"] for each in transfers} == {"trading"}
    assert "disputed" in command("explain", SLOT).out


def test_a_partner_without_disputes_keeps_no_transfers(day: AirflowDay, command: Command) -> None:
    """What it books is what was asked for."""
    settle(day)
    assert json.loads(command("explain", SLOT, "--json").out)["transfers"] == []
    assert "nothing is disputed at demo" in command("disputes", "demo").out
