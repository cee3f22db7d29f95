"""`settlement watch`: the same findings as the DAG's, from the command line."""

from __future__ import annotations

import json
import re

from support.airflow_day import AirflowDay
from support.settling import settle

from .conftest import Command


def first_date_is(day: AirflowDay, text: str) -> None:
    """Edit the partner file's first date."""
    path = day.folder / "partners" / "demo.toml"
    path.write_text(re.sub(r"(first_business_date = ).*", rf"\g<1>{text}", path.read_text()))


def test_dates_that_nobody_settled_end_with_1(day: AirflowDay, command: Command) -> None:
    """One finding for all dates in a row, with its section of the runbook."""
    day.write_partner('settled_within = "1s"')  # today's date too, whatever the time of day
    ended = command("watch", "demo", "--json")
    assert ended.code == 1
    findings = json.loads(ended.out)
    (finding,) = findings
    assert (finding["kind"], finding["partner"]) == ("never-touched", "demo")
    assert finding["business_date"] == "2026-03-02"
    assert finding["last_business_date"] > "2026-11-01"
    read = command("watch").out
    assert "2026-03-02 to 20" in read
    assert "[runbook: never-touched]" in read


def test_nothing_to_find_ends_with_0(day: AirflowDay, command: Command) -> None:
    """It says at whom it looked."""
    settle(day)
    first_date_is(day, "2099-01-01")
    ended = command("watch")
    assert (ended.code, ended.out) == (0, "nothing found: demo\n")
    assert json.loads(command("watch", "demo", "--json").out) == []


def test_who_is_only_in_the_ledger_is_watched_too(day: AirflowDay, command: Command) -> None:
    """The file was renamed: the old name is found, whether it is named or not."""
    settle(day)
    first_date_is(day, "2099-01-01")
    partners = day.folder / "partners"
    (partners / "demo.toml").rename(partners / "renamed.toml")
    for ended in (command("watch"), command("watch", "demo")):
        assert ended.code == 1
        assert "[runbook: no-partner-file]" in ended.out


def test_a_partner_that_is_known_nowhere_is_a_mistake(day: AirflowDay, command: Command) -> None:
    """Not a quiet partner."""
    ended = command("watch", "dmeo")
    assert ended.code == 2
    assert "did you mean 'demo'" in ended.err
