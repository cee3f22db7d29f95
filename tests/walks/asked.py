"""A person is asked: about a diverged request, a date above the limits, a trade of two dates."""

from __future__ import annotations

from datetime import timedelta

from partner_sandbox.faults import FaultKind, Route
from settlement.slot.state import State
from support.rest import DAG
from walks.person import Person
from walks.scene import Scene, red_task
from walks.walk import Walk

APPROVAL = "[approval]\ngross = { USD = 100, USDC = 100, USDT = 100, EUR = 100 }\n\n[currencies]"
A_TRADE = """
SELECT trade_id FROM trades WHERE executed_at >= ? AND executed_at < ?
ORDER BY executed_at LIMIT 1 OFFSET 5
"""
MOVE = "UPDATE trades SET executed_at = executed_at + to_hours(?) WHERE trade_id = ?"
A_DAY_BACK, A_DAY_ON = -24, 24


def diverged(scene: Scene, person: Person) -> None:
    """The question is answered on the date's page; its run starts by itself."""
    day = scene.new_date()
    scene.fault(FaultKind.FOREIGN, Route.SUBMIT, day, times=1)
    scene.red_run(day)
    assert scene.states(day) == [State.DIVERGED]
    scene.rest.required_action()
    person.begins_at_home()
    person.opens_settlements()
    person.reads_risk()
    person.opens_date(day)
    person.reads("is what the partner shows under")
    person.takes_picture("A date about which a person is asked")
    person.answers("adopt", "BitGo has explained it")
    person.sees_settled()
    scene.require_settled(day)


def approval(scene: Scene, person: Person) -> None:
    """Whoever has started the run is told that somebody else answers, and somebody else does."""
    day = scene.new_date()
    with scene.site.partner_says("[currencies]", APPROVAL):
        run_id = scene.rest.start_run(day)
        scene.rest.required_action()
        person.begins_at_home()
        person.opens_settlements()
        person.reads_risk()
        person.opens_date(day)
        person.click(person.pages.get_by_text("Read and answer it"))
        person.reads("You have started the run that asks")
        person.takes_picture("Whoever has started the run is told that somebody else answers")
        assert person.pages.get_by_role("button", name="approve").count() == 0
        colleague = person.calls_colleague()
        colleague.opens_settlements()
        colleague.opens_date(day)
        colleague.answers("approve", "a busy day, as expected")
        colleague.sees_settled()
        person.end, person.ended_after_s = colleague.end, colleague.ended_after_s
        assert scene.rest.run_ended(run_id)["state"] == "success"
    scene.site.require_settled_once(day)


def moved_trade(scene: Scene, person: Person) -> None:
    """The other date's run asks, and the trade stays where it is booked."""
    left = scene.settled_date()
    entered = scene.settled_date()
    assert entered == left - timedelta(days=1)
    window = scene.window(left)
    ((trade,),) = scene.warehouse(A_TRADE, window.start, window.end)
    scene.warehouse(MOVE, A_DAY_BACK, trade)
    run = scene.run(entered)
    scene.rest.required_action()
    person.begins_at_alert(DAG, run["dag_run_id"], red_task(run))
    person.reads_risk_in_log()
    person.opens_tab()
    person.reads("trades of another date")
    person.takes_picture("A date that is asked about a trade of another date")
    person.answers("leave", "the venue has corrected its time")
    person.sees_settled()
    scene.warehouse(MOVE, A_DAY_ON, trade)
    person.notes("The date that the trade has left asks as well, when it is run: answer **leave**.")


ASKED = (
    Walk(
        "diverged",
        "The partner holds something else under our externalId",
        "Somebody at the partner has booked another settlement under the id of our request. The "
        "run is red, and a question is open.",
        diverged,
    ),
    Walk(
        "approval",
        "A date is above the approval limits",
        "A date moves more than `[approval]` of the partner file lets through. The run waits for "
        "a person, and whoever has started it tries first.",
        approval,
    ),
    Walk(
        "moved-trade",
        "A trade has moved between two dates",
        "The venue has corrected the time of a trade that is settled already. Now it lies in the "
        "window of the date before, whose run is red and asks.",
        moved_trade,
    ),
)
