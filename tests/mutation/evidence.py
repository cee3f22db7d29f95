"""Breaks of what is believed about a request that was sent."""

from __future__ import annotations

from mutation.definition import Break

FOLD = "include/settlement/slot/state.py"
CLASSIFY = "include/settlement/slot/evidence.py"
READS = "include/settlement/partner/reads.py"
LISTING = "include/settlement/steps/listing.py"
VERIFY = "include/settlement/steps/verify.py"

EVIDENCE = (
    Break(
        "unknown-is-refused",
        "A request with an unknown outcome counts as refused, and its amounts as still owed.",
        FOLD,
        "    return replace(slot, reason=evidence.detail, last_verdict=evidence.verdict,"
        " absences=0)\n",
        "    state = State.REFUSED if evidence.verdict is Verdict.UNKNOWN else slot.state\n"
        "    return replace(slot, reason=evidence.detail, last_verdict=evidence.verdict,"
        " absences=0, state=state)\n",
    ),
    Break(
        "timeout-is-a-no",
        "A timeout counts as a no: an empty look-up frees a slot whose request is on its way.",
        CLASSIFY,
        "        return Answered(body_number, Verdict.UNKNOWN, detail=one_line(str(outcome)))\n",
        "        return Answered(body_number, Verdict.REFUSAL, detail=one_line(str(outcome)))\n",
    ),
    Break(
        "refused-without-look-up",
        "A no is believed at once, though the request before it may be booked.",
        FOLD,
        "    return replace(slot, reason=evidence.detail, last_verdict=evidence.verdict,"
        " absences=0)\n",
        "    state = State.REFUSED if evidence.verdict is Verdict.REFUSAL else slot.state\n"
        "    return replace(slot, reason=evidence.detail, last_verdict=evidence.verdict,"
        " absences=0, state=state)\n",
    ),
    Break(
        "empty-look-up-refuses",
        "After a timeout, a look-up that lags behind frees the slot.",
        FOLD,
        "ABSENCES_TO_REFUSE.get(slot.last_verdict) if slot.last_verdict else None\n",
        "ABSENCES_TO_REFUSE.get(slot.last_verdict, 1) if slot.last_verdict else 1\n",
    ),
    Break(
        "conflict-is-completed",
        "A 409 counts as settled, whatever the partner holds under the id.",
        CLASSIFY,
        "    409: Verdict.CONFLICT,\n",
        "    409: Verdict.COMPLETED,\n",
    ),
    Break(
        "no-overrides-completion",
        "A second worker's late no turns a completed request into a refused one: it is owed again.",
        FOLD,
        """\
    if slot.state is not State.UNKNOWN or evidence.body_number != slot.current_body:
        return slot
""",
        """\
    if slot.state is State.COMPLETED and evidence.verdict is Verdict.REFUSAL:
        return replace(slot, state=State.REFUSED)
    if slot.state is not State.UNKNOWN or evidence.body_number != slot.current_body:
        return slot
""",
    ),
    Break(
        "late-answer-dropped",
        "An answer to an older body of the slot is thrown away, though it says what is booked.",
        FOLD,
        """\
    if slot.state is State.DIVERGED:
        return slot
    handlers:""",
        """\
    if slot.state is State.DIVERGED or evidence.body_number != slot.current_body:
        return slot
    handlers:""",
    ),
    Break(
        "any-settlement-believed",
        "An answer about somebody else's settlement completes ours.",
        CLASSIFY,
        '    if settlement.get("externalId") != external_id or shown_id is None:\n',
        "    if shown_id is None:\n",
    ),
    Break(
        "failed-look-up-is-absence",
        "A look-up that fails counts as proof that the partner holds nothing.",
        READS,
        "        if answer.status == HTTPStatus.OK:\n",
        """\
        if answer.status != HTTPStatus.OK and kind == "look-up":
            return Answer(HTTPStatus.OK, b'{"settlements": [], "settlementTransfers": []}')
        if answer.status == HTTPStatus.OK:
""",
    ),
    Break(
        "adopted-whatever-status",
        "A settlement that is only pending is taken as completed as soon as it is found.",
        FOLD,
        "    return _settle_as(slot, evidence, State(evidence.status), matched.number)\n",
        "    return _settle_as(slot, evidence, State.COMPLETED, matched.number)\n",
    ),
    Break(
        "older-bodies-not-compared",
        "What the partner holds is compared with the newest body only, not with older ones.",
        FOLD,
        "    for body in (*current, *slot.bodies):\n",
        "    for body in current:\n",
    ),
    Break(
        "listing-stops-short",
        "Reading ends at the first page that is not full: a server that caps pages hides the rest.",
        READS,
        "            if not page:\n",
        "            if len(page) < PAGE_SIZE:\n",
    ),
    Break(
        "first-page-of-transfers",
        "Only the first page of a settlement's transfers is summed: the rest counts as not booked.",
        READS,
        "            return detail.transfers\n",
        "            return detail.transfers if len(seen) == 1 else ()\n",
    ),
    Break(
        "lost-ledger-not-healed",
        "What the partner shows under our ids is not taken in: a new ledger knows nothing of it.",
        LISTING,
        """\
    if ours:
        _adopt(desk, ours)
""",
        "",
    ),
    Break(
        "proven-windows-ignored",
        "Which trades a forgotten settlement was for is not read in its notes, but guessed.",
        LISTING,
        "        take_proven_windows(tx, desk.partner, desk.actor)\n",
        "        pass\n",
    ),
    Break(
        "contradiction-ignored",
        "An older copy of the ledger, with other windows than what is booked, goes on settling.",
        "include/settlement/ledger/proven_windows.py",
        "    if contradicted:\n",
        "    if False:\n",
    ),
    Break(
        "foreign-ignored",
        "A settlement that somebody made by hand is passed over, and its amounts are sent too.",
        LISTING,
        '    if foreign and desk.partner.foreign_settlements == "stop":\n',
        "    if False:\n",
    ),
    Break(
        "green-with-open-slots",
        "A date is green while the partner has not confirmed its requests.",
        VERIFY,
        "causes = list(_describe_slots(facts.slots, left))",
        "causes = []",
    ),
    Break(
        "green-with-a-difference",
        "A date is green while clients are still owed something.",
        VERIFY,
        "[*causes, *_describe_difference(left, partner.currencies)]",
        "causes.copy()",
    ),
    Break(
        "green-on-an-old-snapshot",
        "A run that never read the trades is green on the reading of yesterday.",
        VERIFY,
        "    if since is not None and snapshot.taken_at < since:\n",
        "    if False:\n",
    ),
)
