"""kill -9 in the middle of a submit: real processes, real sockets, and a normal run afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from sqlalchemy import select

from partner_sandbox.server import running
from settlement.ledger.attempts import attempts_of
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.schema import attempt
from settlement.slot.state import State
from support.bookings import require_booked_once
from support.day import ALICE, BOB, CAROL, DAVE, World
from support.doomed import follow
from support.in_process import net_of
from support.kill import kill
from support.patience import until
from support.plain_http import PlainHttpApi

SLOT = "demo-2026-03-03-1"
MOMENTS = ["attempt written", "half sent", "bytes left", "answer read"]
BOOKED_BY_THEN = {"bytes left", "answer read"}


@pytest.fixture
def world(ledger: Ledger) -> Iterator[World]:
    """Two trades, one of them of 10^30 base units, and a partner behind a real socket."""
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 10**30)
    with running(world.sandbox) as url:
        world.api = PlainHttpApi(url)
        yield world


def submit_until_killed(world: World, moment: str) -> None:
    """Another process submits the slot; it is killed at that moment of its submit."""
    ledger_url = world.ledger.engine.url.render_as_string(hide_password=False)
    process = psutil.Popen(
        [
            *(sys.executable, "-m", "support.doomed_submit"),
            *(ledger_url, world.api.base_url, SLOT, moment),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )

    def kill_it() -> None:
        if moment == "bytes left":
            until(world.booked, "the partner to book what it received")
        kill(process)

    try:
        with process.stdout as lines:
            passed, _ = follow(lines, kill_it)
    finally:
        kill(process)
    assert passed == MOMENTS[: MOMENTS.index(moment) + 1]
    assert process.wait() == -signal.SIGKILL


def settled_once(world: World) -> None:
    """Green, exact, and every line is booked once."""
    world.run()
    require_booked_once(world.sandbox.bookings(), net_of(world.warehouse.trades))
    assert world.booked()[(CAROL, "BTC")] == 10**30
    assert world.states() == {SLOT: "completed"}
    verify_ledger(world.ledger, "demo", world.partner.currencies)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_submit_leaves_its_outcome_unknown_and_the_next_run_ends_it(
    world: World, moment: str
) -> None:
    """The attempt is on record, its end is not; what was booked is found, the rest sent again."""
    world.prepare()
    submit_until_killed(world, moment)
    assert (world.booked() != {}) == (moment in BOOKED_BY_THEN)
    assert world.slot(SLOT).state is State.UNKNOWN
    settled_once(world)
    with world.ledger.transaction() as tx:
        killed, *again = (each for each in attempts_of(tx, SLOT) if each.kind == "submit")
    assert (killed.who, killed.finished_at, killed.status) == ("doomed", None, None)
    assert [each.status for each in again] == ([] if moment in BOOKED_BY_THEN else [200])


def test_a_worker_that_is_killed_again_and_again_sends_the_same_bytes(world: World) -> None:
    """At every moment in turn; then the scheduler's retry of the submit comes to its end."""
    world.prepare()
    for moment in MOMENTS:
        submit_until_killed(world, moment)
        assert world.slot(SLOT).state is State.UNKNOWN
    assert world.submit(SLOT).state is State.COMPLETED
    with world.ledger.transaction() as tx:
        sent = select(attempt.c.request_digest).where(attempt.c.kind == "submit")
        digests = tx.execute(sent).scalars().all()
    assert len(digests) == len(MOMENTS) + 1
    assert len(set(digests)) == 1
    settled_once(world)


def test_late_trades_after_a_kill_go_into_the_next_slot(world: World) -> None:
    """What the killed worker had sent counts as in flight, so only what was added is built."""
    world.prepare()
    submit_until_killed(world, "bytes left")
    world.trade(ALICE, BOB, 7)
    world.run()
    assert list(world.states().values()) == ["completed", "completed"]
    assert world.booked() == net_of(world.warehouse.trades)
