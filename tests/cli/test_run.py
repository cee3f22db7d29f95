"""`settlement run`: the real DAG in the process of the command, and its exit code."""

from __future__ import annotations

from datetime import date

import pytest

from settlement.errors import ConfigurationError, NotSettledError, SettlementError
from settlement_airflow.cli import run
from support.airflow_day import AirflowDay
from support.an_error import error_of
from support.day import ALICE, CAROL, demo_partner
from support.settling import settle

from .conftest import Command

DAY = "2026-03-03"


def test_a_date_is_settled_and_the_second_time_there_is_nothing_to_settle(
    day: AirflowDay, command_process: Command
) -> None:
    """Exit code 0 both times; what is owed is booked, once."""
    first = command_process("run", "demo", DAY)
    assert (first.code, first.out) == (0, ""), first.err
    assert first.err.endswith("\ndemo 2026-03-03 is settled: demo-2026-03-03-1\n")  # its last words
    assert day.booked() == day.owed()
    again = command_process("run", "demo", DAY)
    assert again.code == 0
    assert "there was nothing to settle" in again.err
    assert day.booked() == day.owed()


def test_a_lost_answer_is_waited_out(day: AirflowDay, run_here: Command) -> None:
    """The same bytes go out again, and the run ends with 0 although a try failed."""
    day.fault("drop_after", route="submit")
    ended = run_here("demo", DAY)
    assert ended.code == 0, ended.err
    assert "will be tried again" in ended.err
    assert day.booked() == day.owed()


def test_a_pending_settlement_is_waited_for(day: AirflowDay, run_here: Command) -> None:
    """The run looks it up until the partner is done with it."""
    day.fault("pending", route="submit", look_ups=2)
    ended = run_here("demo", DAY)
    assert ended.code == 0, ended.err
    assert day.states() == {"demo-2026-03-03-1": "completed"}


def test_a_date_that_is_not_settled_ends_with_1_and_says_why(
    day: AirflowDay, command_process: Command
) -> None:
    """The words of every task that failed are on stderr; no traceback, no secret."""
    day.fault("rejected", route="submit")
    ended = command_process("run", "demo", DAY)
    assert ended.code == 1
    assert "demo 2026-03-03 is not settled" in ended.err
    assert "submit_requests[0]: demo-2026-03-03-1: the partner rejected" in ended.err
    assert "verify_settled: " in ended.err
    assert "Traceback" not in ended.err + ended.out
    assert "demo-token" not in ended.err + ended.out


def test_a_stopped_partner_is_not_settled(
    day: AirflowDay, command: Command, run_here: Command
) -> None:
    """The stop flag holds for the command as for every other run."""
    command("stop", "demo", "--reason", "amounts look wrong")
    ended = run_here("demo", DAY)
    assert ended.code == 1
    assert "is stopped by" in ended.err
    assert day.booked() == {}


def test_late_trades_of_several_requests_are_settled(day: AirflowDay, run_here: Command) -> None:
    """More requests than one are sent in their order, without a try that fails."""
    day.write_partner("max_connections_per_request = 1")
    day.trade(ALICE, CAROL, 7)
    ended = run_here("demo", DAY)
    assert ended.code == 0, ended.err
    assert "will be tried again" not in ended.err
    assert len(day.states()) > 3
    assert day.booked() == day.owed()


def test_a_date_that_is_not_due_is_refused_rather_than_waited_for(
    day: AirflowDay, run_here: Command
) -> None:
    """Nothing is started."""
    ended = run_here("demo", "2126-03-03")
    assert ended.code == 1
    assert "can be settled from 2126-03-03" in ended.err


def test_a_date_that_is_no_business_date_has_nothing_to_settle(
    day: AirflowDay, command: Command
) -> None:
    """Exit code 0, and where its trades belong."""
    day.write_partner('calendar = "weekdays"')
    ended = command("run", "demo", "2026-03-07")
    assert ended.code == 0
    assert "its trades belong to 2026-03-09" in ended.err


def test_a_wrong_signing_key_is_configuration(
    day: AirflowDay, run_here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 before anything is read or sent; the key is not shown."""
    key = '{"conn_type": "settlement_signing_key", "password": "xprv-but-no-key"}'
    monkeypatch.setenv("AIRFLOW_CONN_SIGNING_KEY", key)
    ended = run_here("demo", DAY)
    assert ended.code == 2
    assert "[runbook: signing-key]" in ended.err
    assert "xprv-but-no-key" not in ended.err
    assert day.states() == {}


def test_another_account_under_the_same_name_is_configuration(
    day: AirflowDay, run_here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a task finds out about the configuration ends with 2 too."""
    settle(day)
    elsewhere = '{"conn_type": "bitgo_network", "host": "http://127.0.0.1:9", "password": "token"}'
    monkeypatch.setenv("AIRFLOW_CONN_PARTNER_API", elsewhere)
    ended = run_here("demo", DAY)
    assert ended.code == 2
    assert "settlement bind demo" in ended.err


def test_a_real_ledger_is_never_upgraded_on_the_way(
    day: AirflowDay,
    command: Command,
    run_here: Command,
    empty_ledger: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is refused with the next step, and upgraded by that step only."""
    monkeypatch.setenv("AIRFLOW_CONN_SETTLEMENT_LEDGER", empty_ledger)
    refused = run_here("demo", DAY)
    assert refused.code == 2
    assert "run `settlement ledger upgrade`" in refused.err
    upgraded = command("ledger", "upgrade")
    assert upgraded.code == 0, upgraded.err
    assert "upgraded from version none to" in upgraded.err
    assert "already" in command("ledger", "upgrade").err


@pytest.mark.parametrize(
    ("behind", "kind"),
    [(error_of(ConfigurationError), ConfigurationError), (None, NotSettledError)],
)
def test_whose_fault_it_is_is_asked_of_the_error(
    behind: SettlementError | None, kind: type[SettlementError]
) -> None:
    """The partner's words may look like the section of an error: they decide nothing."""
    from settlement_airflow.cli.dag_run import Failure  # noqa: PLC0415 - imports Airflow

    said = "the partner says: [runbook: configuration-error]"
    error = run._error(demo_partner(), date(2026, 3, 3), {"build": Failure(said, behind)}, "a log")
    assert type(error) is kind
    assert error.message == (
        f"demo 2026-03-03 is not settled\nbuild: {said}\nWhat the tasks did is in a log"
    )
