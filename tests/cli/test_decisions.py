"""What people decide: each command's effect, its event, and who is named in it."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

import pytest

from settlement.config.partner_file import load_partner
from settlement.ledger.people.holds import Hold, holds_in_force
from settlement.ledger.people.stop import stop_of
from settlement_airflow.cli.workplace import api_of
from support.airflow_day import AirflowDay
from support.day import ALICE
from support.settling import settle, settle_by_hand

from .conftest import Command, events

WHO = f"{getpass.getuser()} (command line)"


def holds(day: AirflowDay) -> list[Hold]:
    """Holds that apply now."""
    with day.ledger.transaction() as tx:
        return holds_in_force(tx, "demo")


def test_stop_and_go(day: AirflowDay, command: Command) -> None:
    """The flag goes up and down; both are in the chain, with who and why."""
    assert command("stop", "demo", "--reason", "amounts look wrong").code == 0
    with day.ledger.transaction() as tx:
        stop = stop_of(tx, "demo")
    assert stop is not None
    assert (stop.reason, stop.who) == ("amounts look wrong", WHO)
    assert "STOPPED" in command("show", "demo", "2026-03-03").out
    assert command("go", "demo", "--reason", "corrected").code == 0
    with day.ledger.transaction() as tx:
        assert stop_of(tx, "demo") is None
    (stopped,), (resumed,) = events(day.ledger, "stopped"), events(day.ledger, "resumed")
    assert stopped.details["reason"] == "amounts look wrong"
    assert resumed.details["who"] == WHO


def test_go_without_a_stop_is_said(day: AirflowDay, command: Command) -> None:
    """Exit code 2: nothing to do is not what was meant."""
    ended = command("go", "demo", "--reason", "corrected")
    assert ended.code == 2
    assert "is not stopped" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["stop", "demo"],
        ["stop", "demo", "--reason", "  "],
        ["go", "demo"],
        ["bind", "demo"],
        ["record", "demo", "x", "--date", "2026-03-03"],
        ["ignore", "demo", "x"],
        ["hold", ALICE],
    ],
)
def test_every_decision_needs_a_reason(
    day: AirflowDay, command: Command, arguments: list[str]
) -> None:
    """Exit code 2, and nothing is written."""
    assert command(*arguments).code == 2
    assert holds(day) == []
    assert events(day.ledger, "stopped") == []


def test_a_hold_is_kept_until_its_time(day: AirflowDay, command: Command) -> None:
    """A date without zone is the partner's; the connection comes in any case."""
    until = ("--until", "2126-03-09")
    assert command("hold", ALICE.upper(), "--reason", "disputed", *until).code == 0
    (hold,) = holds(day)
    assert (hold.connection_id, hold.reason, hold.who) == (ALICE, "disputed", WHO)
    assert hold.until == datetime(2126, 3, 9, 5, tzinfo=UTC)  # midnight in New York
    (held,) = events(day.ledger, "held")
    assert held.details["until"] == "2126-03-09T05:00:00+00:00"


def test_a_held_connection_is_left_out_and_the_date_is_settled_but_for_it(
    day: AirflowDay, command: Command
) -> None:
    """The others settle; what is held stays in the difference and is shown as such."""
    command("hold", ALICE, "--reason", "disputed")
    assert (
        ALICE
        not in command("preview", "demo", "2026-03-03")
        .out.split("trades", 1)[1]
        .split("connection", 1)[1]
    )
    settle(day)
    shown = command("show", "demo", "2026-03-03").out
    assert "settled, apart from what is on hold" in shown
    assert all(key.connection_id != ALICE for key in day.booked())


def test_a_hold_ends_early(day: AirflowDay, command: Command) -> None:
    """And the chain says so."""
    command("hold", ALICE, "--reason", "disputed")
    assert command("hold", ALICE, "--end", "--reason", "closed").code == 0
    assert holds(day) == []
    (released,) = events(day.ledger, "released")
    assert released.details["reason"] == "closed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--reason", "x", "--until", "2020-01-01"], "is past"),
        (["--reason", "x", "--until", "soon"], "write it like 2026-03-09"),
        (["--end", "--until", "2126-01-01"], "leave --until away"),
        (["--end"], "is not on hold"),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused(
    day: AirflowDay, command: Command, arguments: list[str], said: str
) -> None:
    """Exit code 2 and what to type instead."""
    ended = command("hold", ALICE, *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert holds(day) == []


def test_a_hold_names_its_partner_where_there_are_several(
    day: AirflowDay, command: Command
) -> None:
    """It is never guessed whose client is meant."""
    day.write_partner(name="other")
    ended = command("hold", ALICE, "--reason", "disputed")
    assert ended.code == 2
    assert "--partner: demo, other" in ended.err
    assert command("hold", ALICE, "--reason", "disputed", "--partner", "demo").code == 0
    assert len(holds(day)) == 1


def test_a_foreign_settlement_is_recorded_for_a_date(day: AirflowDay, command: Command) -> None:
    """It counts for the date from then on: nothing is sent for it again."""
    settle_by_hand(day, "by-hand-17")
    arguments = ("demo", "by-hand-17", "--date", "2026-03-03", "--reason", "outage")
    ended = command("record", *arguments)
    assert ended.code == 0, ended.err
    assert day.states() == {"by-hand-17": "completed"}
    (recorded,) = events(day.ledger, "recorded")
    assert (recorded.details["why"], recorded.details["who"]) == ("outage", WHO)
    assert "nothing would be sent" in command("preview", "demo", "2026-03-03").out
    assert command("explain", "by-hand-17", "--partner", "demo").code == 0


def test_a_foreign_settlement_is_put_aside(day: AirflowDay, command: Command) -> None:
    """It counts for no date; the day is settled in full."""
    settle_by_hand(day, "onboarding-test")
    ended = command("ignore", "demo", "onboarding-test", "--reason", "a test")
    assert ended.code == 0, ended.err
    (ignored,) = events(day.ledger, "settlement ignored")
    assert ignored.external_id == "onboarding-test"
    settle(day)
    assert day.states() == {"demo-2026-03-03-1": "completed"}


def test_what_the_partner_does_not_show_cannot_be_recorded(
    day: AirflowDay, command: Command
) -> None:
    """Exit code 2, naming what to check."""
    arguments = ("demo", "nothing", "--date", "2026-03-03", "--reason", "outage")
    ended = command("record", *arguments)
    assert ended.code == 2
    assert "the partner shows 0 settlements under nothing" in ended.err


def test_a_name_is_bound_to_another_account_on_purpose(
    day: AirflowDay, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The URL of the Airflow connection as it is now, in the chain with the reason."""
    settle(day)
    elsewhere = '{"conn_type": "bitgo_network", "host": "http://127.0.0.1:9", "password": "token"}'
    monkeypatch.setenv("AIRFLOW_CONN_PARTNER_API", elsewhere)
    ended = command("bind", "demo", "--reason", "moved")
    assert ended.code == 0, ended.err
    (rebound,) = events(day.ledger, "rebound")
    assert rebound.details["bound_to"]["api_base_url"] == api_of(load_partner("demo")).base_url
    assert rebound.details["reason"] == "moved"


def edit_btc(day: AirflowDay, line: str) -> None:
    """Another line in the partner file instead of that of BTC."""
    file = day.folder / "partners" / "demo.toml"
    file.write_text(file.read_text().replace("BTC = 8", line))


@pytest.mark.parametrize(
    ("line", "now", "says"),
    [
        ("BTC = 10", 10, "BTC has 10 decimals; it had 8"),
        ("", None, "BTC is not bound any more; it had 8"),
    ],
)
def test_decimals_are_changed_on_purpose(
    day: AirflowDay, command: Command, line: str, now: int | None, says: str
) -> None:
    """Until then they are refused; the event names the old and the new ones."""
    settle(day)
    edit_btc(day, line)
    refused = command("preview", "demo", "2026-03-03")
    assert refused.code == 2
    assert "[runbook: binding-conflict]" in refused.err
    ended = command("bind", "demo", "--reason", "the exchange counts otherwise now")
    assert ended.code == 0, ended.err
    assert says in ended.err
    (rebound,) = events(day.ledger, "rebound")
    assert rebound.details["decimals"] == {"BTC": {"was": 8, "is": now}}
