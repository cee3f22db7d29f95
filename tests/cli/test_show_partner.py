"""`settlement show <partner>`: the money at risk, the dates that are not settled, the last ten."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import load_partner
from settlement.steps.compute import compute_net_positions
from settlement.watch.finding import spans_of
from settlement_airflow.cli.workplace import warehouse_of
from settlement_airflow.connections import open_partner_api
from support.airflow_day import AirflowDay
from support.day import ALICE, CAROL, DAY, demo_partner, desk_of
from support.settling import settle

from .conftest import Command


def test_a_partner_that_has_just_begun_is_one_span_of_dates(
    day: AirflowDay, command: Command
) -> None:
    """Dates that no run has read are a line, not a page; their amounts are not known."""
    shown = command("show", "demo")
    assert shown.code == 0
    assert "should be settled and are not" in shown.out
    assert "2026-03-02 to 20" in shown.out
    assert "its amounts are not known" in shown.out
    assert len(shown.out.splitlines()) < 12


def test_money_at_risk_comes_first_and_every_date_with_its_own(
    day: AirflowDay, command: Command
) -> None:
    """Late trades of a date that was settled: gross, in display units and in base units."""
    settle(day)
    day.trade(ALICE, CAROL, 7)
    partner = load_partner("demo")
    api = open_partner_api(partner.api_conn_id)
    compute_net_positions(desk_of(day.ledger, api, partner), warehouse_of(partner), DAY)
    read = command("show", "demo").out
    assert read.index("money at risk") < read.index("dates that are not settled")
    assert "0.00000014" in read
    assert "0.44 USD not sent" in read
    assert "1 completed" in read
    told = json.loads(command("show", "demo", "--json").out)
    assert told["at_risk"] == {"BTC": {"not sent": "14"}, "USD": {"not sent": "44"}}
    (owing,) = [each for each in told["not_settled"] if each["read"]]
    assert (owing["business_date"], owing["overdue"]) == ("2026-03-03", True)
    assert owing["requests"] == {"completed": 1}
    assert owing["at_risk"] == told["at_risk"]
    assert "position(s) still differ" in owing["left"]
    assert told["settled"] == []


def test_the_last_ten_settled_dates_are_listed_newest_first(
    day: AirflowDay, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no money is at risk; the oldest of eleven is left out."""
    days = [date(2026, 3, 3) + timedelta(days=n) for n in range(11)]
    for each in days[1:]:
        day.trade(ALICE, CAROL, 7, day=each)
    for each in days:
        settle(day, each)
    told = json.loads(command("show", "demo", "--json").out)
    assert [each["business_date"] for each in told["settled"]] == [
        each.isoformat() for each in days[:0:-1]
    ]
    assert told["at_risk"] == {}
    newest = [each["business_date"] for each in told["not_settled"]]
    assert newest == sorted(newest, reverse=True)
    assert not set(newest) & {each.isoformat() for each in days}
    assert "money at risk" not in command("show", "demo").out


def test_the_stop_flag_and_holds_are_told(day: AirflowDay, command: Command) -> None:
    """What keeps money back by a person's will is part of where a partner stands."""
    command("stop", "demo", "--reason", "amounts look wrong")
    command("hold", ALICE, "--reason", "disputed")
    read = command("show", "demo").out
    assert "STOPPED by" in read
    assert f"on hold   {ALICE} until it is ended: disputed" in read
    told = json.loads(command("show", "demo", "--json").out)
    assert (told["stopped"], told["held"]) == ("amounts look wrong", [ALICE])


def test_a_date_as_it_is_typed_is_still_a_date(day: AirflowDay, command: Command) -> None:
    """Anything else is usage."""
    assert command("show", "demo", "2026-03").code == 2


def test_spans_follow_the_calendar() -> None:
    """A weekend parts no span, a missing date does; the newest comes first."""
    calendar = BusinessCalendar(
        demo_partner(cut_offs=({"at": "17:00", "calendar": "weekdays"},))  # a Friday to a Tuesday
    )
    days = [date(2026, 3, 6), date(2026, 3, 9), date(2026, 3, 10), date(2026, 3, 12)]
    assert [str(each) for each in spans_of(days, calendar)] == [
        "2026-03-12",
        "2026-03-06 to 2026-03-10 (3 dates)",
    ]
