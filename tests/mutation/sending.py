"""Breaks of how a request is made and sent."""

from __future__ import annotations

from mutation.definition import Break

SUBMIT = "include/settlement/steps/submit.py"
SENDING_GATE = "include/settlement/steps/attempt.py"
MAY_SEND = "include/settlement/steps/may_send.py"
FORECAST = "include/settlement/steps/forecast.py"
APPROVALS = "include/settlement/ledger/people/approvals.py"

SENDING = (
    Break(
        "no-write-ahead",
        "The attempt's row is committed only after the send: a crash in between forgets it.",
        SUBMIT,
        """\
        attempt = begin_attempt(tx, desk.partner, slot.external_id, desk.actor)
    outcome: Answer | TransportError
    try:
        outcome = desk.api.exchange("POST", path, content=attempt.request)
    except TransportError as error:
        outcome = error
    except UntrustedHostError as error:
        take_back_attempt(desk, slot.external_id, attempt, error)
        raise
""",
        """\
        attempt = begin_attempt(tx, desk.partner, slot.external_id, desk.actor)
        outcome: Answer | TransportError
        try:
            outcome = desk.api.exchange("POST", path, content=attempt.request)
        except TransportError as error:
            outcome = error
        except UntrustedHostError as error:
            take_back_attempt(desk, slot.external_id, attempt, error)
            raise
""",
    ),
    Break(
        "random-nonce",
        "After a lost ledger the same difference becomes another request, not a replay.",
        "include/settlement/ledger/slots.py",
        "    nonce = nonce_of(external_id, lines, cutoff_at, window)\n",
        '    nonce = __import__("secrets").token_hex(32)\n',
    ),
    Break(
        "other-bytes-sent",
        "Not the stored bytes are sent, but the same content written anew.",
        SENDING_GATE,
        "    return BegunAttempt(attempt_id, body.number, request)\n",
        """    return BegunAttempt(attempt_id, body.number, request + b" ")\n""",
    ),
    Break(
        "payload-unchecked",
        "The partner's text is signed whatever it says: other amounts, another client.",
        "include/settlement/request/instruction.py",
        '    difference = _difference("", instruction._fields(), given)\n',
        "    difference = None\n",
    ),
    Break(
        "stop-read-too-early",
        "The stop flag is read while building only: what is built is sent after a person's stop.",
        SENDING_GATE,
        "        stop=stop_of(tx, partner.name),\n",
        "        stop=None,\n",
    ),
    Break(
        "held-client-sent",
        "A request built before a hold still moves the held client's money.",
        MAY_SEND,
        "    if held:\n",
        "    if False:\n",
    ),
    Break(
        "order-gate-dropped",
        "A request goes out while a lower one may be booked: a lost ledger sends an amount twice.",
        SUBMIT,
        """\
        if slot.never_sent:
            _require_slots_before(desk, external_id)
""",
        "",
    ),
    Break(
        "refusal-lets-others-go",
        "After a no the next request goes out, though a forgotten one may be booked below.",
        MAY_SEND,
        "NOT_SHOWN = FREE | {State.UNKNOWN}\n",
        "NOT_SHOWN = {State.UNKNOWN, State.PREPARED}\n",
    ),
    Break(
        "plan-gate-dropped",
        "A request built before another turned out differently takes too much.",
        MAY_SEND,
        "        _require_plan_holds(facts, lines)\n",
        "",
    ),
    Break(
        "age-lock-ignored",
        "An open request of last week is sent again without asking what became of it.",
        MAY_SEND,
        "    return now - first_sent_at >= partner.look_up_first_after\n",
        "    return False\n",
    ),
    Break(
        "resent-before-reconciled",
        "After a 409 the bytes are sent again and again; nobody looks what the partner holds.",
        MAY_SEND,
        "    reconciled = not slot.in_conflict or slot.absences > 0\n",
        "    reconciled = True\n",
    ),
    Break(
        "forecast-of-itself-alone",
        "On-call reads that a clear sends a request, and it sends or looks up another one.",
        FORECAST,
        "        lower = _first_not_shown(facts, of)\n",
        "        lower = None\n",
    ),
    Break(
        "limits-dropped",
        "A broken feed moves any amount, whatever the partner file allows for a day.",
        "include/settlement/ledger/limits.py",
        "    if passed:\n        raise Limit",
        "    if False:\n        raise Limit",
    ),
    Break(
        "approval-dropped",
        "Amounts that two people should look at go out without anybody's.",
        APPROVALS,
        "above, missing) if missing else None\n",
        "above, missing) if False else None\n",
    ),
    Break(
        "approval-of-other-amounts",
        "An approval holds for whatever is built under the id later.",
        APPROVALS,
        "if _named(each) not in approved]",
        "if each.external_id not in {one.external_id for one in approved}]",
    ),
    Break(
        "generation-unchecked",
        "A slow run builds from its old reading after a newer run has settled the date.",
        "include/settlement/ledger/dates.py",
        "    if frozen is None or frozen.generation != generation:\n",
        "    if frozen is None:\n",
    ),
    Break(
        "binding-unchecked",
        "Staging's ledger pays from the production account after one edit of a connection.",
        "include/settlement/ledger/binding.py",
        "    differing = [field for field in BOUND_FIELDS if held[field] != wanted[field]]\n",
        "    differing: list[str] = []\n",
    ),
    Break(
        "losses-last",
        "Clients' gains go out before the losses that fund them: requests fail for want of money.",
        "include/settlement/slot/difference.py",
        "    for line in sorted(lines, key=lambda line: (line.amount > 0, line)):\n",
        "    for line in sorted(lines, key=lambda line: (line.amount < 0, line)):\n",
    ),
)
