"""The partner refuses, or the run does: one client's amount, and a connection nobody knows."""

from __future__ import annotations

from datetime import date

from support.bookings import of_date, sums_of
from support.patience import once
from support.rest import DAG
from walks.person import Person
from walks.scene import Scene, red_task
from walks.walk import Walk

STRANGER = "00000000-0000-4000-8000-000000000001"
"""A connection that the partner does not show."""
RENAME_A_BUYER = """
UPDATE trades SET buyer_connection_id = ? WHERE trade_id = (
    SELECT min(trade_id) FROM trades
    WHERE executed_at >= ? AND executed_at < ? AND buyer_connection_id <> 'house')
"""


def refused_client(scene: Scene, person: Person) -> None:
    """Runs that start by themselves leave the one client over; the page names it."""
    day = scene.new_date()
    client = min(key.connection_id for key in scene.site.owed(day))
    scene.refuse_client(client)
    run = scene.run(day)
    person.begins_at_alert(DAG, run["dag_run_id"], red_task(run))
    person.reads_risk_in_log()
    person.opens_tab()
    person.click(person.pages.get_by_role("link", name=f"demo {day}"))
    person.reads("Airflow works on it")
    person.notes("Wait: the runs follow one another, and the page with them.")
    person.reads(f"The partner does not settle the client {client}")
    once(lambda: left_over(scene, day), {client}.__eq__)
    person.reads("Its newest run: failed")
    person.takes_picture("Everybody is settled but one client, whom the page names")
    person.notes("Have what the partner says of that client corrected.")
    scene.refuse_client(None)
    person.runs_date()
    person.sees_settled()
    scene.site.require_settled_once(day)


def left_over(scene: Scene, day: date) -> set[str]:
    """Clients of a date of whom the partner has not booked what is owed."""
    booked, owed = sums_of(of_date(scene.site.sandbox.bookings(), day)), scene.site.owed(day)
    return {key.connection_id for key in owed if owed[key] != booked.get(key, 0)}


def unknown_connection(scene: Scene, person: Person) -> None:
    """The run refuses; without that client, everybody else settles."""
    day = scene.new_date()
    window = scene.window(day)
    scene.warehouse(RENAME_A_BUYER, STRANGER, window.start, window.end)
    run = scene.run(day)
    person.begins_at_alert(DAG, run["dag_run_id"], red_task(run))
    person.reads_risk_in_log()
    person.opens_tab()
    person.reads("trades name connections that the partner cannot settle")
    person.takes_picture("The date says which connection it is, and offers to hold it")
    person.holds("BitGo does not know it yet")
    person.runs_date()
    person.sees_held()
    assert left_over(scene, day) == {STRANGER}


REFUSED = (
    Walk(
        "refused-client",
        "The partner refuses one client's amount",
        "The partner refuses a request and does not say which of its clients it means. The run "
        "is red. Runs named `narrowing-…` start by themselves, one after the other.",
        refused_client,
    ),
    Walk(
        "unknown-connection",
        "A trade names a connection that the partner does not show",
        "A new client has traded before its connection was set up at the partner. The run refuses "
        "the date, before anything is built.",
        unknown_connection,
    ),
)
