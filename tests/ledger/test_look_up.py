"""A look-up that fails is no evidence: it changes nothing but the record that it was tried."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import func, select

from partner_sandbox.faults import FaultKind, Route
from settlement.errors import CredentialsError, OutcomeUnknownError
from settlement.ledger.attempts import attempts_of
from settlement.ledger.database import Ledger
from settlement.ledger.schema import event, slot
from settlement.partner.exchange import Answer
from settlement.slot.state import State
from settlement.steps.look_up import look_up
from support.day import ALICE, BOB, World
from support.in_process import SandboxApi

SLOT = "demo-2026-03-03-1"


@pytest.fixture
def world(ledger: Ledger) -> World:
    """A request that was booked, its answer lost."""
    world = World(ledger)
    world.trade(ALICE, BOB, 10**30)
    world.prepare()
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.submit(SLOT)
    return world


def look_it_up(world: World, external_id: str = SLOT) -> State:
    """One look-up of a slot."""
    return look_up(world.desk, external_id).state


def recorded(world: World) -> tuple[Any, ...]:
    """The slot's row, and how many events there are."""
    with world.ledger.transaction() as tx:
        row = tuple(tx.execute(select(slot).where(slot.c.external_id == SLOT)).one())
        return (*row, tx.execute(select(func.count()).select_from(event)).scalar_one())


@pytest.mark.parametrize("route", [Route.LIST, Route.GET, Route.CONNECTIONS])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (FaultKind.DROP_BEFORE, OutcomeUnknownError),
        (FaultKind.ERROR_BEFORE, OutcomeUnknownError),
        (FaultKind.BAD_GATEWAY, OutcomeUnknownError),
        (FaultKind.REDIRECT, OutcomeUnknownError),
        (FaultKind.RATE_LIMITED, OutcomeUnknownError),
        (FaultKind.HTML, OutcomeUnknownError),
        (FaultKind.TRUNCATED, OutcomeUnknownError),
        (FaultKind.EMPTY, OutcomeUnknownError),
        (FaultKind.BAD_REQUEST, OutcomeUnknownError),
        (FaultKind.BAD_TOKEN, CredentialsError),
        (FaultKind.FORBIDDEN, CredentialsError),
    ],
)
def test_a_look_up_that_fails_changes_nothing(
    world: World, route: Route, fault: FaultKind, error: type[Exception]
) -> None:
    """Whichever of its requests fails, and however; the next one that works finds it."""
    before = recorded(world)
    world.fault(fault, route=route)
    with pytest.raises(error):
        look_it_up(world)
    assert recorded(world) == before
    assert look_it_up(world) is State.COMPLETED
    with world.ledger.transaction() as tx:
        assert all(each.finished_at for each in attempts_of(tx, SLOT))


def test_a_look_up_reads_all_pages_of_a_server_that_caps_them(world: World) -> None:
    """Half of the transfers would look like another settlement."""
    world.fault(FaultKind.CAPPED_PAGES, page_size=1, times=None)
    assert look_it_up(world) is State.COMPLETED


class CountsInAskedPages(SandboxApi):
    """Pages of two entries at most; where a page begins still follows from the size asked for."""

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> Answer:
        """Cut the page out of the whole list."""
        asked = dict(query)
        whole = [*asked.items(), ("pageNumber", "0"), ("pageSize", "100")]
        answer = super().exchange(method, path, query=list(dict(whole).items()), content=content)
        size = int(asked["pageSize"])
        start = size * int(asked["pageNumber"])
        content = {
            name: value[start : start + min(size, 2)] if isinstance(value, list) else value
            for name, value in json.loads(answer.content).items()
        }
        return Answer(answer.status, json.dumps(content).encode(), answer.headers)


def test_a_look_up_reads_all_pages_of_a_server_that_counts_otherwise(world: World) -> None:
    """The API says neither how many there are nor how a capped page is counted."""
    world.api = CountsInAskedPages(world.sandbox)
    assert look_it_up(world) is State.COMPLETED


def test_finding_nothing_after_a_time_out_leaves_it_unknown(world: World) -> None:
    """However often: the request may still arrive."""
    world.trade(ALICE, BOB, 5)
    (second,) = world.prepare()
    world.fault(FaultKind.DROP_BEFORE, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.submit(second)
    for _ in range(3):
        assert look_it_up(world, second) is State.UNKNOWN
