"""What no run saw: late trades, and a run that somebody has marked as success."""

from __future__ import annotations

from urllib.parse import quote

from partner_sandbox.faults import FaultKind, Route
from settlement.slot.state import State
from support.rest import DAG
from walks.person import Person
from walks.scene import Scene
from walks.walk import Walk


def late_trades(scene: Scene, person: Person) -> None:
    """The watch has found them; their date is run once more."""
    day = scene.settled_date()
    scene.late_trades(day, 3)
    scene.watch()
    person.begins_at_home()
    person.opens_settlements()
    person.reads_risk()
    person.takes_picture("The watch has found late trades")
    person.opens_date(day)
    person.runs_date()
    person.sees_settled()
    assert scene.states(day) == [State.COMPLETED, State.COMPLETED]


def marked(scene: Scene, person: Person) -> None:
    """Airflow shows green; the pages do not."""
    day = scene.new_date()
    scene.fault(FaultKind.DROP_BEFORE, Route.SUBMIT, day)
    run_id = scene.red_run(day)
    scene.no_more_faults()
    mark = f"dags/{DAG}/dagRuns/{quote(run_id)}"
    assert scene.rest.call("PATCH", mark, {"state": "success"})["state"] == "success"
    scene.watch()
    person.begins_at_dags()
    person.opens_settlements()
    person.reads_risk()
    person.opens_date(day)
    person.reads("Green proves nothing here")
    person.takes_picture("A run that was marked as success, on the page of its date")
    person.runs_date()
    person.sees_settled()
    scene.site.require_settled_once(day)


WATCHED = (
    Walk(
        "late-trades",
        "Trades arrive after their date was settled",
        "The warehouse has got three more trades of a settled date. The watch, which looks every "
        "hour, has found them.",
        late_trades,
    ),
    Walk(
        "marked-success",
        "Somebody has marked a red run as success",
        "A run was red, since its request got no answer. Somebody has marked it as success, so "
        "Airflow shows it green. The ledger has no proof, and the watch has found that.",
        marked,
    ),
)
