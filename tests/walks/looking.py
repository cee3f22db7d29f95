"""Nothing is wrong: several dates are run again, and a newcomer looks around."""

from __future__ import annotations

from partner_sandbox.faults import FaultKind, Route
from settlement.pages.date_state import DateState
from support.patience import once
from walks.person import Person
from walks.scene import FOR_BACKFILL, Scene
from walks.walk import Walk

BACKFILLED = 10


def backfill(scene: Scene, person: Person) -> None:
    """From the oldest date on: never run, one of which the partner takes its time, and settled."""
    days = scene.site.days[:BACKFILLED]
    for day in reversed(days[FOR_BACKFILL:]):
        if day in scene.untouched:
            scene.untouched.remove(day)
            scene.begin_with(day)
            scene.settle(day)
    scene.backfill_from(days[0])
    scene.fault(FaultKind.PENDING, Route.SUBMIT, days[1], look_ups=1000)
    person.begins_at_home()
    person.opens_settlements()
    person.reads_risk()
    person.click(person.pages.get_by_text("Run several dates"))
    form = person.pages.locator("form[data-backfill]")
    form.get_by_label("From").select_option(label=str(days[0]))
    form.get_by_label("To").select_option(label=str(days[-1]))
    person.notes(f"Choose the first and the last of the {len(days)} dates.")
    person.click(form.get_by_role("button", name="Run these dates"))
    form.locator("output", has_text="Started").wait_for()
    once(lambda: scene.rest.runs_named("backfill__"), lambda runs: len(runs) == len(days))
    for run_id in scene.rest.runs_named("backfill__"):
        if not run_id.startswith(f"backfill__{days[1]}"):
            scene.rest.run_ended(run_id)
    once(lambda: scene.date_state(days[1]), DateState.WAITS.__eq__)
    person.notes("A minute or two later:")
    person.click(person.pages.get_by_role("link", name="Settlements", exact=True))
    waits = person.pages.get_by_role("row").filter(has_text="waits for the partner")
    person.sees_end(waits.filter(has_text=str(days[1])))
    person.takes_picture("Each date says what its last run has sent, and where it stands")
    said = [person.row_of(day) for day in days]
    assert sum("sent nothing" in each for each in said) == BACKFILLED - FOR_BACKFILL, said
    assert sum("sent 1 request" in each for each in said) == FOR_BACKFILL, said


def newcomer(scene: Scene, person: Person) -> None:
    """What it says, a date, its request, and what the state of a request means."""
    day = scene.site.days[-1]
    person.begins_at_home()
    person.opens_settlements()
    person.reads_risk()
    person.takes_picture("All partners and their dates", "settlements")
    person.opens_date(day)
    person.takes_picture("A date", "date")
    person.click(person.pages.get_by_role("link", name=f"demo-{day}-1", exact=True).first)
    person.pages.get_by_role("heading", name=f"demo-{day}-1").wait_for()
    person.click(person.pages.get_by_role("link", name="What completed means, and what to do"))
    person.sees_end(person.pages.locator("#completed"))


LOOKING = (
    Walk(
        "backfill",
        "Ten dates are run again at once",
        "Five dates were never run, and five are settled. At one of the new ones the partner takes "
        "its time.",
        backfill,
    ),
    Walk(
        "newcomer",
        "The first day of a newcomer",
        "Somebody has logged in for the first time, and wants to know what *Settlements* says.",
        newcomer,
    ),
)
