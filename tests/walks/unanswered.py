"""The partner does not answer: lost answers, and ten minutes of nothing but 503."""

from __future__ import annotations

from partner_sandbox.faults import FaultKind, Route
from settlement.slot.state import State
from support.rest import DAG
from walks.person import Person
from walks.scene import Scene
from walks.walk import Walk


def lost_answers(scene: Scene, person: Person) -> None:
    """The alert, the request, and its date again."""
    day = scene.new_date()
    scene.fault(FaultKind.DROP_AFTER, Route.SUBMIT, day)
    run_id = scene.red_run(day)
    assert scene.states(day) == [State.UNKNOWN]
    scene.no_more_faults()
    person.begins_at_alert(DAG, run_id, "submit_requests/mapped/0")
    person.reads_risk_in_log()
    person.opens_tab()
    person.takes_picture("The request, behind the tab of its task")
    person.runs_date()
    person.sees_settled()
    scene.site.require_settled_once(day)


def partner_down(scene: Scene, person: Person) -> None:
    """Nothing to do but to look: the run goes on by itself."""
    day = scene.new_date()
    for route in (Route.SUBMIT, Route.LIST):
        scene.fault(FaultKind.UNAVAILABLE, route, day)
    run_id = scene.rest.start_run(day)
    scene.wait_for_state(day, State.UNKNOWN)
    person.begins_at_home()
    person.opens_settlements()
    person.reads_risk()
    person.opens_date(day)
    person.reads("Airflow works on it")
    person.takes_picture("A date whose run goes on by itself")
    scene.no_more_faults()
    person.sees_settled()
    assert scene.rest.run_ended(run_id)["state"] == "success"
    scene.site.require_settled_once(day)


UNANSWERED = (
    Walk(
        "lost-answers",
        "All answers to a request were lost",
        "The partner has booked a request, but its answer never arrived, in none of the seven "
        "tries. The run is red.",
        lost_answers,
    ),
    Walk(
        "partner-down",
        "The partner is down for ten minutes",
        "The partner answers every call with 503 while a request is on its way. Between its seven "
        "tries Airflow waits 15, 30, 60, 120, 240 and 480 seconds, so ten minutes are outlived. "
        "The walk shortens these pauses, and the outage with them.",
        partner_down,
    ),
)
