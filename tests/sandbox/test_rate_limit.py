"""The limit of requests per minute: off unless asked for, and a sliding one."""

from __future__ import annotations

from partner_sandbox.demo_world import DEMO_TOKEN
from partner_sandbox.messages import Request

from .conftest import PREFIX

HEADERS = {"Authorization": f"Bearer {DEMO_TOKEN}"}


def answers(rehearsal, count):
    """Ask for the list so many times; status and Retry-After."""
    request = Request("GET", f"{PREFIX}partners/settlements", headers=HEADERS)
    found = [rehearsal.sandbox.handle(request) for _ in range(count)]
    return [(each.status, each.headers.get("Retry-After")) for each in found]


def test_there_is_no_limit_unless_asked_for(rehearsal):
    """As documented: nothing is published for these routes."""
    assert set(answers(rehearsal, 400)) == {(200, None)}


def test_one_too_many_is_refused_until_the_first_is_a_minute_old(rehearsal):
    """Three a minute, ten seconds after the first: Retry-After is what is left of the minute."""
    rehearsal.set(requests_per_minute=3)
    assert answers(rehearsal, 1) == [(200, None)]
    rehearsal.pass_time(10)
    assert answers(rehearsal, 4) == [(200, None), (200, None), (429, "50"), (429, "50")]
    rehearsal.pass_time(50)
    assert answers(rehearsal, 2) == [(200, None), (429, "10")]
