"""The fold: how evidence changes a slot, as a table, as stories, and as properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.request.instruction import nonce_of
from settlement.request.notes import notes_of
from settlement.slot.evidence import Absent, Answered, Evidence, NotSent, Sent, Shown, Verdict
from settlement.slot.state import FREE, OPEN, Body, Slot, State, fold
from settlement.values import PositionKey, Positions, Window, as_lines

EXTERNAL_ID = "demo-2026-03-03-1"
ID, OTHER_ID = "6a6f2c1e-0000-4000-8000-00000000000a", "6a6f2c1e-0000-4000-8000-00000000000b"
ALICE, BOB = PositionKey("a", "BTC"), PositionKey("b", "BTC")
FIRST: Positions = {ALICE: -(10**30), BOB: 10**30}
SECOND: Positions = {ALICE: -7}
FORGOTTEN: Positions = {BOB: 5}
FOREIGN: Positions = {ALICE: 1}
BODIES = (Body(1, FIRST, sent=True), Body(2, SECOND, sent=True))
NOTES = notes_of(date(2026, 3, 3), nonce_of(EXTERNAL_ID, as_lines(FORGOTTEN)))

SHOWN_STATES = {State.PENDING, State.FAILED, State.COMPLETED, State.REJECTED, State.DIVERGED}


def slot_in(state: State) -> Slot:
    """A slot of two bodies in a state; the second one is current."""
    settlement_id = ID if state in SHOWN_STATES else None
    return Slot(EXTERNAL_ID, state, 2, settlement_id=settlement_id, bodies=BODIES)


def folded(slot: Slot, *evidence: Evidence) -> Slot:
    """The slot after all the evidence, in order."""
    return reduce(fold, evidence, slot)


def answered(verdict: Verdict, body: int = 2) -> Answered:
    """An answer to a submit; with the settlement's id where it shows one."""
    shows = verdict in {Verdict.COMPLETED, Verdict.PENDING, Verdict.FAILED, Verdict.REJECTED}
    return Answered(body, verdict, settlement_id=ID if shows else None, detail=verdict.value)


def shown(
    status: str, positions: Positions = SECOND, settlement_id: str = ID, notes: str | None = None
) -> Shown:
    """What a look-up found; all transfers as complete as the settlement."""
    return Shown(settlement_id, status, positions, status == "completed", notes=notes)


EVIDENCE: dict[str, Evidence] = {
    "sent": Sent(2),
    "answer: completed": answered(Verdict.COMPLETED),
    "answer: pending": answered(Verdict.PENDING),
    "answer: failed": answered(Verdict.FAILED),
    "answer: rejected": answered(Verdict.REJECTED),
    "answer: 409": answered(Verdict.CONFLICT),
    "answer: 401": answered(Verdict.UNAUTHORISED),
    "answer: a no": answered(Verdict.REFUSAL),
    "answer: a fault": answered(Verdict.UNKNOWN),
    "answer: unconfirmed": answered(Verdict.COMPLETED_UNCONFIRMED),
    "look-up: completed": shown("completed"),
    "look-up: pending": shown("pending"),
    "look-up: failed": shown("failed"),
    "look-up: rejected": shown("rejected"),
    "look-up: foreign": shown("completed", FOREIGN),
    "look-up: no transfers": shown("completed", {}),
    "look-up: odd status": shown("reversed"),
    "look-up: nothing": Absent(),
}
TABLE = """
before                | prepared  unknown   pending   failed    completed rejected  refused   withdrawn diverged
sent                  | unknown   .         .         .         .         .         unknown   unknown   .
answer: completed     | completed completed completed completed .         completed completed completed .
answer: pending       | pending   pending   .         pending   .         .         pending   pending   .
answer: failed        | failed    failed    failed    .         .         .         failed    failed    .
answer: rejected      | rejected  rejected  rejected  rejected  .         .         rejected  rejected  .
answer: 409           | unknown   .         .         .         .         .         .         .         .
answer: 401           | .         .         .         .         .         .         .         .         .
answer: a no          | .         .         .         .         .         .         .         .         .
answer: a fault       | .         .         .         .         .         .         .         .         .
answer: unconfirmed   | .         .         .         .         .         .         .         .         .
look-up: completed    | completed completed completed completed .         completed completed completed .
look-up: pending      | pending   pending   .         pending   .         .         pending   pending   .
look-up: failed       | failed    failed    failed    .         .         .         failed    failed    .
look-up: rejected     | rejected  rejected  rejected  rejected  .         .         rejected  rejected  .
look-up: foreign      | diverged  diverged  diverged  diverged  diverged  diverged  diverged  diverged  .
look-up: no transfers | .         .         .         .         .         .         .         .         .
look-up: odd status   | .         .         .         .         .         .         .         .         .
look-up: nothing      | .         .         .         .         .         .         .         .         .
"""  # noqa: E501 (a table)


def transitions() -> list[tuple[str, State, State]]:
    """(evidence, state before, state after) for every cell; a dot: the state stays."""
    header, *rows = (line.split("|") for line in TABLE.strip().splitlines())
    states = [State(each) for each in header[1].split()]
    return [
        (name.strip(), before, before if after == "." else State(after))
        for name, cells in rows
        for before, after in zip(states, cells.split(), strict=True)
    ]


def test_the_table_is_whole() -> None:
    """Every state and every kind of evidence has its cell."""
    cells = {(name, before) for name, before, _ in transitions()}
    assert cells == {(name, state) for name in EVIDENCE for state in State}


@pytest.mark.parametrize(("name", "before", "after"), transitions())
def test_evidence_changes_a_slot_as_the_table_says(name: str, before: State, after: State) -> None:
    """One cell of the table."""
    assert fold(slot_in(before), EVIDENCE[name]).state is after


# stories


def test_a_no_frees_the_slot_once_a_look_up_finds_nothing() -> None:
    """The no alone proves nothing: an earlier try may have been booked."""
    slot = folded(slot_in(State.PREPARED), Sent(2), answered(Verdict.REFUSAL))
    assert slot.state is State.UNKNOWN
    slot = fold(slot, Absent())
    assert slot.state is State.REFUSED
    assert slot.reason == "refusal"


def test_a_401_needs_two_look_ups_that_find_nothing() -> None:
    """One status for a bad token, a bad signature and an unfinished settlement: look twice."""
    slot = folded(slot_in(State.PREPARED), Sent(2), answered(Verdict.UNAUTHORISED), Absent())
    assert slot.state is State.UNKNOWN
    assert fold(slot, Absent()).state is State.REFUSED


def test_sending_again_forgets_the_earlier_no() -> None:
    """What was found missing before the new attempt says nothing about the new attempt."""
    slot = folded(slot_in(State.UNKNOWN), answered(Verdict.UNAUTHORISED), Absent(), Sent(2))
    assert folded(slot, Absent(), Absent(), Absent()).state is State.UNKNOWN


def test_look_ups_before_the_no_do_not_count() -> None:
    """They ran before the request that was refused arrived."""
    slot = folded(slot_in(State.UNKNOWN), Absent(), answered(Verdict.UNAUTHORISED), Absent())
    assert slot.state is State.UNKNOWN


def test_a_no_to_an_older_body_does_not_free_the_slot() -> None:
    """The current body may be booked all the same."""
    slot = folded(slot_in(State.UNKNOWN), answered(Verdict.REFUSAL, body=1), Absent())
    assert slot.state is State.UNKNOWN


def test_a_late_answer_makes_the_older_body_the_current_one() -> None:
    """The slot was refused and filled again; then the answer to its first body arrives."""
    refilled = slot_in(State.PREPARED)
    for verdict, state in [
        (Verdict.COMPLETED, State.COMPLETED),
        (Verdict.PENDING, State.PENDING),
        (Verdict.FAILED, State.FAILED),
    ]:
        slot = fold(refilled, answered(verdict, body=1))
        assert (slot.state, slot.current_body, slot.settlement_id) == (state, 1, ID)


def test_a_look_up_that_shows_an_older_body_makes_it_current() -> None:
    """The 409 to the newer body was true: the older one was booked after all."""
    slot = folded(slot_in(State.UNKNOWN), answered(Verdict.CONFLICT))
    assert slot.in_conflict
    slot = fold(slot, shown("completed", FIRST))
    assert (slot.state, slot.current_body) == (State.COMPLETED, 1)
    assert not slot.in_conflict


def test_a_completed_body_shown_again_with_other_amounts_is_a_contradiction() -> None:
    """Both are ours, but only one can be booked under one externalId."""
    slot = fold(slot_in(State.COMPLETED), shown("completed", FIRST))
    assert slot.state is State.DIVERGED
    assert slot.reason is not None
    assert "another body than the completed one" in slot.reason
    slot = fold(slot_in(State.COMPLETED), answered(Verdict.COMPLETED, body=1))
    assert slot.state is State.DIVERGED


def test_equal_bodies_do_not_contradict_each_other() -> None:
    """A slot refilled with the amounts it had before: whichever answer comes, it is the same."""
    twins = (Body(1, SECOND, sent=True), Body(2, SECOND, sent=True))
    slot = replace(slot_in(State.COMPLETED), bodies=twins)
    assert fold(slot, answered(Verdict.COMPLETED, body=1)) == slot
    assert fold(slot, shown("completed", SECOND)) == slot


def test_completed_with_unfinished_transfers_is_a_contradiction() -> None:
    """The partner says completed and shows transfers that are not."""
    slot = fold(slot_in(State.UNKNOWN), Shown(ID, "completed", SECOND, transfers_completed=False))
    assert slot.state is State.DIVERGED


def test_a_second_settlement_under_our_id_is_a_contradiction() -> None:
    """The partner's fence allows one; a second one is for a person, even with our amounts."""
    for state in (State.PENDING, State.FAILED, State.COMPLETED, State.REJECTED):
        slot = fold(slot_in(state), shown("completed", settlement_id=OTHER_ID))
        assert slot.state is State.DIVERGED
        assert slot.reason is not None
        assert ID in slot.reason
        assert OTHER_ID in slot.reason


def test_a_forgotten_body_is_recognised_by_its_notes() -> None:
    """An old copy of the ledger: the notes prove that we made what it does not know."""
    slot = fold(slot_in(State.PREPARED), shown("completed", FORGOTTEN, notes=NOTES))
    assert (slot.state, slot.current_body) == (State.COMPLETED, 3)
    assert slot.current == Body(3, FORGOTTEN, sent=True)


def test_a_forgotten_body_brings_its_window() -> None:
    """The same amounts, settled for the trades of another window, are another body."""
    window = Window(datetime(2026, 3, 2, 22, tzinfo=UTC), datetime(2026, 3, 3, 22, tzinfo=UTC))
    other = replace(window, end=window.end + timedelta(hours=1))
    known = replace(slot_in(State.UNKNOWN), bodies=(Body(1, FORGOTTEN, True, window=other),))
    nonce = nonce_of(EXTERNAL_ID, as_lines(FORGOTTEN), None, window)
    notes = notes_of(date(2026, 3, 3), nonce, window)
    slot = fold(known, shown("completed", FORGOTTEN, notes=notes))
    assert slot.current == Body(2, FORGOTTEN, sent=True, window=window)
    again = fold(replace(slot, state=State.PENDING), shown("completed", FORGOTTEN, notes=notes))
    assert (again.current_body, len(again.bodies)) == (2, 2)


@pytest.mark.parametrize(
    ("positions", "notes"),
    [(FOREIGN, NOTES), (FORGOTTEN, None), (FORGOTTEN, ""), (FORGOTTEN, "Net trading of today")],
)
def test_without_proof_it_is_not_ours(positions: Positions, notes: str | None) -> None:
    """Our notes over other amounts, or no proof in the notes: a person decides."""
    slot = fold(slot_in(State.UNKNOWN), shown("completed", positions, notes=notes))
    assert slot.state is State.DIVERGED
    assert len(slot.bodies) == 2


def test_a_slot_without_any_body_takes_what_it_is_shown() -> None:
    """A lost ledger, and a partner that leaves the notes out."""
    empty = Slot(EXTERNAL_ID, State.WITHDRAWN)
    slot = fold(empty, shown("pending", FORGOTTEN))
    assert (slot.state, slot.current_body, slot.settlement_id) == (State.PENDING, 1, ID)
    lie = notes_of(date(2026, 3, 3), nonce_of("demo-2026-03-03-2", as_lines(FORGOTTEN)))
    assert fold(empty, shown("pending", FORGOTTEN, notes=lie)).state is State.DIVERGED


# properties

bodies = st.sampled_from([1, 2])
looked_up = st.builds(
    Shown,
    settlement_id=st.sampled_from([ID, ID, ID, OTHER_ID]),
    status=st.sampled_from(["completed", "pending", "failed", "rejected", "odd"]),
    positions=st.sampled_from([FIRST, SECOND, FORGOTTEN, FOREIGN, {}]),
    transfers_completed=st.booleans(),
    notes=st.sampled_from([None, NOTES, "words"]),
)
any_evidence = st.one_of(
    st.builds(Sent, bodies),
    st.builds(answered, st.sampled_from(Verdict), bodies),
    looked_up,
    st.just(Absent()),
)
histories = st.lists(any_evidence, max_size=12)
starts = st.sampled_from(sorted(State)).map(slot_in)


@given(starts, histories)
def test_completion_is_never_undone(slot: Slot, history: list[Evidence]) -> None:
    """But by a contradiction of the partner's own, which only a person can resolve."""
    for evidence in history:
        after = fold(slot, evidence)
        if slot.state is State.COMPLETED:
            assert after.state in {State.COMPLETED, State.DIVERGED}
            assert after.current == slot.current
            assert after.settlement_id == slot.settlement_id
        if slot.state is State.DIVERGED:
            assert after.state is State.DIVERGED
        slot = after


@given(starts, histories)
def test_only_proof_completes(slot: Slot, history: list[Evidence]) -> None:
    """A 200 that shows it, or a look-up whose transfers are all complete and equal our body."""
    for evidence in history:
        before, slot = slot, fold(slot, evidence)
        if slot.state is State.COMPLETED and before.state is not State.COMPLETED:
            match evidence:
                case Answered():
                    assert evidence.verdict is Verdict.COMPLETED
                    assert slot.current_body == evidence.body_number
                case Shown():
                    assert (evidence.status, evidence.transfers_completed) == ("completed", True)
                    assert slot.current is not None
                    assert slot.current.positions == evidence.positions
                case _:
                    pytest.fail(f"{evidence} completed the slot")


def is_refusal(body: int | None, history: list[Evidence]) -> bool:
    """A no to the body, nothing sent since, and enough look-ups that found nothing."""
    absences = 0
    for evidence in reversed(history):
        match evidence:
            case Absent():
                absences += 1
            case Sent():
                return False
            case Answered(body_number=to, verdict=Verdict.REFUSAL) if to == body:
                return absences >= 1
            case Answered(body_number=to, verdict=Verdict.UNAUTHORISED) if to == body:
                return absences >= 2
            case Answered(body_number=to) if to == body:
                return False
    return False


@given(st.sampled_from([State.PREPARED, State.UNKNOWN, State.PENDING]).map(slot_in), histories)
def test_refused_needs_a_no_and_look_ups_that_find_nothing(
    slot: Slot, history: list[Evidence]
) -> None:
    """Said once more from the history alone."""
    for count, evidence in enumerate(history, start=1):
        before, slot = slot, fold(slot, evidence)
        if slot.state is State.REFUSED and before.state is not State.REFUSED:
            assert before.state is State.UNKNOWN
            assert is_refusal(slot.current_body, history[:count])


@given(
    st.sampled_from([None, Verdict.UNKNOWN, Verdict.CONFLICT, Verdict.COMPLETED_UNCONFIRMED]),
    st.integers(1, 20),
)
def test_unknown_is_never_refused_by_absence_alone(last: Verdict | None, times: int) -> None:
    """A request that timed out may still arrive."""
    slot = folded(slot_in(State.UNKNOWN), Sent(2))
    if last is not None:
        slot = fold(slot, answered(last))
    assert folded(slot, *[Absent()] * times).state is State.UNKNOWN


@given(starts, histories)
def test_no_body_is_ever_lost_or_unsent(slot: Slot, history: list[Evidence]) -> None:
    """Bodies are only added, and only with proof that they are ours."""
    for evidence in history:
        before, slot = slot, fold(slot, evidence)
        assert [body.number for body in slot.bodies[: len(before.bodies)]] == [
            body.number for body in before.bodies
        ]
        assert all(body.sent for body in slot.bodies if replace(body, sent=True) in before.bodies)
        for adopted in slot.bodies[len(before.bodies) :]:
            assert isinstance(evidence, Shown)
            assert evidence.notes == NOTES
            assert adopted.positions == FORGOTTEN


@given(starts, histories)
def test_an_open_slot_holds_what_the_partner_shows(slot: Slot, history: list[Evidence]) -> None:
    """After a look-up that was believed, the current body is the one that was shown."""
    for evidence in history:
        before, slot = slot, fold(slot, evidence)
        if isinstance(evidence, Shown) and slot != before and slot.state in OPEN:
            assert slot.current is not None
            assert slot.current.positions == evidence.positions
            assert slot.settlement_id == evidence.settlement_id


def late_evidence_of(body: int, end: State) -> list[Evidence]:
    """Everything that may be heard of one settlement, of body `body`, that ends as `end`."""
    other = 3 - body
    positions = BODIES[body - 1].positions
    return [
        Sent(other),
        Sent(body),
        answered(Verdict.UNKNOWN, body),
        answered(Verdict.REFUSAL, other),
        answered(Verdict.CONFLICT, other),
        answered(Verdict.PENDING, body),
        answered(Verdict.FAILED, body),
        Absent(),
        Absent(),
        shown("pending", positions),
        shown("failed", positions),
        answered(Verdict(end.value), body),
        shown(end.value, positions),
    ]


@given(
    st.sampled_from([State.PREPARED, State.UNKNOWN, State.REFUSED, State.WITHDRAWN]).map(slot_in),
    bodies,
    st.sampled_from([State.COMPLETED, State.REJECTED]),
    st.data(),
)
def test_however_late_the_evidence_the_end_is_the_same(
    slot: Slot, body: int, end: State, data: st.DataObject
) -> None:
    """Two workers, lagging look-ups, answers out of order: the settlement's end prevails."""
    history = data.draw(st.permutations(late_evidence_of(body, end)))
    slot = folded(slot, *history)
    assert slot.state is end
    assert slot.settlement_id == ID
    if end is State.COMPLETED:
        assert slot.current_body == body


@given(starts, histories)
def test_a_free_slot_shows_nothing_at_the_partner(slot: Slot, history: list[Evidence]) -> None:
    """Once evidence showed a settlement under the slot, it is never free again."""
    seen = slot.state in SHOWN_STATES
    for evidence in history:
        slot = fold(slot, evidence)
        seen = seen or slot.state in SHOWN_STATES
        assert not (seen and slot.state in FREE)


def test_of_two_bodies_with_the_same_amounts_the_cut_off_tells_which_is_booked() -> None:
    """Else a replay after a failure would send the other one, and meet a 409 for ever."""
    early, late = datetime(2026, 3, 3, 20, tzinfo=UTC), datetime(2026, 3, 3, 21, tzinfo=UTC)
    bodies = (Body(1, SECOND, sent=True, cutoff_at=early), Body(2, SECOND, True, cutoff_at=late))
    slot = replace(slot_in(State.UNKNOWN), bodies=bodies)
    shown = Shown(ID, "failed", SECOND, transfers_completed=False)
    assert fold(slot, replace(shown, cutoff_at=early)).current_body == 1
    assert fold(slot, replace(shown, cutoff_at=late)).current_body == 2
    assert fold(slot, shown).current_body == 2
    foreign = replace(shown, cutoff_at=late.replace(hour=22), notes="by hand")
    assert fold(slot, foreign).state is State.DIVERGED


def test_a_slot_whose_payload_met_a_409_is_free_once_a_look_up_finds_nothing() -> None:
    """Nothing of it was ever sent; should something be booked there, the next body meets it."""
    never_sent = replace(slot_in(State.PREPARED), bodies=(BODIES[0], Body(2, SECOND)))
    slot = fold(never_sent, answered(Verdict.CONFLICT))
    assert (slot.state, slot.free) == (State.UNKNOWN, False)
    slot = fold(slot, Absent())
    assert (slot.state, slot.free) == (State.UNKNOWN, True)
    assert not folded(slot, Sent(2), Absent()).free


def never_sent_slot() -> Slot:
    """Prepared for the second time: the first body was sent and refused, this one was not sent."""
    return replace(slot_in(State.PREPARED), bodies=(BODIES[0], Body(2, SECOND)))


def no_payload(verdict: Verdict) -> Answered:
    """An answer to the request for the second body's payload."""
    return Answered(2, verdict, detail="HTTP 4xx: no", to_payload=True)


@pytest.mark.parametrize(("verdict", "look_ups"), [(Verdict.REFUSAL, 1), (Verdict.UNAUTHORISED, 2)])
def test_a_refused_payload_frees_the_slot_once_look_ups_find_nothing(
    verdict: Verdict, look_ups: int
) -> None:
    """Never unknown: nothing of the body was sent."""
    slot = fold(never_sent_slot(), no_payload(verdict))
    assert (slot.state, slot.reason) == (State.PREPARED, "HTTP 4xx: no")
    for _ in range(look_ups):
        assert slot.state is State.PREPARED
        slot = fold(slot, Absent())
    assert slot.state is State.REFUSED
    assert fold(never_sent_slot(), no_payload(Verdict.UNKNOWN)) == never_sent_slot()


@pytest.mark.parametrize("verdict", list(Verdict))
def test_no_payload_says_nothing_about_a_body_that_was_sent(verdict: Verdict) -> None:
    """Another worker has sent it while this one still asked."""
    sent = fold(never_sent_slot(), Sent(2))
    assert fold(sent, no_payload(verdict)) == sent
    assert folded(sent, no_payload(verdict), Absent()).state is State.UNKNOWN


def test_an_attempt_of_which_nothing_left_leaves_the_slot_as_it_was() -> None:
    """Prepared again, and as free as before; the next try starts anew."""
    slot = folded(never_sent_slot(), Sent(2), NotSent(2, only_attempt=True, detail="not trusted"))
    assert (slot.state, slot.never_sent, slot.free) == (State.PREPARED, True, True)
    assert slot.reason == "not trusted"
    assert folded(slot, Sent(2), answered(Verdict.COMPLETED)).state is State.COMPLETED


def test_an_attempt_beside_another_one_proves_nothing() -> None:
    """What the other worker has sent may be booked."""
    sent = fold(never_sent_slot(), Sent(2))
    assert fold(sent, NotSent(2, only_attempt=False, detail="not trusted")) == sent


@pytest.mark.parametrize("name", [each for each in EVIDENCE if each != "look-up: nothing"])
def test_what_was_proved_meanwhile_stays(name: str) -> None:
    """Only a slot about which nothing was said since is prepared again."""
    said = folded(never_sent_slot(), Sent(2), EVIDENCE[name])
    after = fold(said, NotSent(2, only_attempt=True, detail="not trusted"))
    expected = State.PREPARED if said == fold(never_sent_slot(), Sent(2)) else said.state
    assert after.state is expected
