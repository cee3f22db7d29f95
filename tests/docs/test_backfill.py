"""The backfill guide: its commands are accepted, its dates are the DAG's, its claims are tested."""

from __future__ import annotations

import ast
import os
import re
import shlex
import tempfile
from argparse import Namespace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
import typer

from partner_sandbox.faults import FaultKind, Route
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import load_partner
from settlement.errors import OutcomeUnknownError
from settlement.ledger.database import Ledger
from settlement.slot.state import State
from settlement_airflow.cli.app import app
from support.day import ALICE, BOB, CAROL, DAVE, World, demo_partner

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow"))

from airflow.cli import cli_parser  # Airflow's settings come first

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "backfill.md").read_text()
COMMANDS = {
    tool: sorted(
        {
            line.split("  #")[0].rstrip()
            for text in (GUIDE, (ROOT / "README.md").read_text())
            for line in re.findall(rf"^\$ ({tool} .+)$", text, flags=re.MULTILINE)
        }
    )
    for tool in ("airflow", "settlement")
}
SHOWN = re.findall(r"^\$ (airflow backfill create .*)\n((?:[^$`].*\n)*)", GUIDE, re.MULTILINE)
"""Each backfill with the output that follows it."""
TESTED = {
    "sends the *difference*": "flow/test_settle_a_day.py::test_late_trades_settle_as_a_difference",
    "is before first_business_date": (
        "airflow/test_settle_a_day.py::test_a_date_before_the_first_is_refused"
    ),
    "was looked up and found booked, 4 and 5 were sent": (
        "docs/test_backfill.py::test_a_half_settled_date_is_finished_and_nothing_is_sent_twice"
    ),
    "green through `nothing_to_settle`": (
        "airflow/test_settle_a_day.py::test_the_same_date_again_sends_nothing"
    ),
    "the run that came second found nothing left": (
        "ledger/test_races.py::test_after_a_race_of_whole_runs_the_ledger_is_whole"
    ),
    "settle late trades": "airflow/test_settle_a_day.py::test_late_trades_are_settled_on_their_own",
    "`history-changed`": "warehouse/test_history.py::test_any_difference_is_found_and_no_other",
    "green with everything skipped": (
        "airflow/test_settle_a_day.py::test_a_date_that_is_no_business_date_is_green_and_skipped"
    ),
    "only the one that applies settles": (
        "airflow/test_run_date.py::test_of_two_cut_offs_each_date_has_one_run"
    ),
    "still within `settle_after`, the run waits": (
        "airflow/test_operators.py::test_a_scheduled_run_waits_for_settle_after"
    ),
    "every run but that date's is refused": (
        "airflow/test_run_date.py::test_a_run_that_names_no_date_or_two_is_refused"
    ),
    "`limit-exceeded`": "ledger/test_limits.py::test_a_backfill_ends_where_the_rolling_day_is_full",
}
"""What the guide says, and the test that shows it."""


def parsed(command: str) -> Namespace:
    """What Airflow's own parser makes of a command line; it exits if it takes exception to it."""
    arguments: Namespace = cli_parser.get_parser().parse_args(shlex.split(command)[1:])
    return arguments


@pytest.fixture(scope="module")
def settle() -> Any:
    """The demo's DAG as the scheduler has it."""
    from airflow.serialization.serialized_objects import DagSerialization  # noqa: PLC0415

    dag = run_path(str(ROOT / "dags" / "partner_settlement.py"))["settle_demo"]
    return DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))


def cut_offs(settle: Any, command: str) -> list[str]:
    """Logical dates of the runs between the dates of a backfill, by the DAG's real timetable."""
    asked = parsed(command)
    infos = settle.iter_dagrun_infos_between(asked.from_date, asked.to_date)
    return [f"{info.logical_date:%Y-%m-%d %H:%M:%S}+00:00" for info in infos]


@pytest.mark.parametrize("command", COMMANDS["airflow"])
def test_airflow_accepts_the_command(command: str) -> None:
    """Its own parser takes every option, date and choice."""
    assert parsed(command).func


@pytest.mark.parametrize("command", COMMANDS["settlement"])
def test_the_command_settlement_accepts_the_command(command: str) -> None:
    """Name, arguments and options; nothing is run."""
    group = typer.main.get_command(app)
    context = group.make_context("settlement", shlex.split(command)[1:])
    name, found, arguments = group.resolve_command(context, shlex.split(command)[1:])
    found.make_context(name, arguments, parent=context)


@pytest.mark.parametrize("command", [command for command, _ in SHOWN])
def test_a_backfill_ends_with_the_date_that_it_names(settle: Any, command: str) -> None:
    """Every date from the first to the last; a bare last date loses itself, as the guide warns."""
    asked = parsed(command)
    last, rest = re.findall(r"--to-date (\S{10})(\S*)", command)[0]
    runs = cut_offs(settle, command)
    days = (date.fromisoformat(last) - asked.from_date.date()).days
    assert len(runs) == (days + 1 if rest else days)
    assert (f"{last} 22:00:00+00:00" in runs) is bool(rest)


def test_the_tables_of_the_dry_runs_are_the_runs_of_the_timetable(settle: Any) -> None:
    """What is shown of them: the first and the last."""
    dry = [(command, output) for command, output in SHOWN if "--dry-run" in command]
    assert len(dry) == 2
    for command, output in dry:
        shown = re.findall(r"^\| (\d\S+ \S+) \|", output, flags=re.MULTILINE)
        runs = cut_offs(settle, command)
        assert shown == [runs[0], runs[-1]]


def test_a_last_date_in_utc_is_one_run_less_than_in_the_zone_of_the_partner(settle: Any) -> None:
    """The trap, and the way around it, over a change of the clocks."""
    first = datetime(2026, 10, 30, tzinfo=UTC)
    trap = settle.iter_dagrun_infos_between(first, datetime(2026, 11, 3, tzinfo=UTC))
    assert len(list(trap)) == 4
    end_of_day = datetime.fromisoformat("2026-11-03T23:59:59-05:00")
    runs = list(settle.iter_dagrun_infos_between(first, end_of_day))
    calendar = BusinessCalendar(load_partner("demo"))
    days = [calendar.date_of_cut_off(info.logical_date) for info in runs]
    assert days == [date(2026, 10, 30) + timedelta(days=n) for n in range(5)]


def test_a_half_settled_date_is_finished_and_nothing_is_sent_twice(ledger: Ledger) -> None:
    """One request booked, one booked whose answer and look-ups were lost, the others never sent."""
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 100)
    ready = world.prepare()
    first, second, third, *_ = ready
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT, external_id=second)
    world.fault(FaultKind.DROP_BEFORE, route=Route.LIST, external_id=second)
    assert world.submit(first).state is State.COMPLETED
    with pytest.raises(OutcomeUnknownError):
        world.submit(second)
    with pytest.raises(OutcomeUnknownError):
        world.submit(third)
    assert list(world.states().values())[:3] == ["completed", "unknown", "prepared"]
    assert [each.external_id for each in world.sandbox.settlements()] == [first, second]
    world.run()
    assert [each.external_id for each in world.sandbox.settlements()] == ready
    assert set(world.states().values()) == {"completed"}


@pytest.mark.parametrize(("claim", "test"), TESTED.items(), ids=TESTED.values())
def test_what_the_guide_claims_is_tested(claim: str, test: str) -> None:
    """The claim is in the guide, and the test that shows it exists."""
    assert claim in " ".join(GUIDE.split())
    path, name = test.split("::")
    tree = ast.parse((ROOT / "tests" / path).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
