"""`settlement verify`: what it says of a sound ledger, and of one that was tampered with."""

from __future__ import annotations

import json

from sqlalchemy import text

from support.airflow_day import AirflowDay
from support.settling import settle

from .conftest import Command


def test_a_sound_ledger_is_counted(day: AirflowDay, command: Command) -> None:
    """Every kind of thing that was looked at, for every partner of the ledger."""
    settle(day)
    ended = command("verify")
    assert ended.code == 0
    assert "demo: unbroken (" in ended.out
    assert "1 slots, 1 bodies" in ended.out
    counts = json.loads(command("verify", "demo", "--json").out)["demo"]
    assert counts["events"] > 0
    assert (counts["slots"], counts["bodies"]) == (1, 1)


def test_a_tampered_ledger_ends_with_1_and_names_the_thing(
    day: AirflowDay, command: Command
) -> None:
    """An amount that was changed by hand after it was sent."""
    settle(day)
    with day.ledger.transaction() as tx:
        tx.execute(text("ALTER TABLE line DISABLE TRIGGER append_only"))
        tx.execute(text("UPDATE line SET amount = amount + 1 WHERE amount = 100"))
    ended = command("verify", "demo")
    assert ended.code == 1
    assert "the lines of body 1 of demo-2026-03-03-1" in ended.err
    assert "[runbook: chain-broken]" in ended.err


def test_an_empty_ledger_has_nothing_to_verify(day: AirflowDay, command: Command) -> None:
    """That is said, not hidden."""
    assert "there is nothing to verify" in command("verify").out


def test_a_partner_whose_file_is_broken_is_verified_without_it(
    day: AirflowDay, command: Command
) -> None:
    """A broken file of one partner does not keep the ledger from being verified."""
    settle(day)
    day.write_partner(name="other")
    path = day.folder / "partners" / "demo.toml"
    path.write_text(path.read_text().replace("timezone", "timezoen"))
    ended = command("verify")
    assert ended.code == 0
    assert "did you mean" in ended.err
    assert "demo: unbroken" in ended.out
