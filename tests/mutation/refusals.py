"""Breaks of what a refusal, a silence or a waiting request leads to."""

from __future__ import annotations

from mutation.definition import Break

SUBMIT = "include/settlement/steps/submit.py"
NARROWING = "include/settlement/request/narrowing.py"
READ = "include/settlement/ledger/refusals.py"

REFUSALS = (
    Break(
        "waiting-is-unknown",
        "What waits for a stopped or diverged request is tried again for hours, and nobody told.",
        SUBMIT,
        "            raise error.told_of(external_id) from None\n",
        "            raise OutcomeUnknownError(error.told_of(external_id).message) from None\n",
    ),
    Break(
        "silence-not-heard",
        "A silent partner costs a whole timeout for each request that waits.",
        "include/settlement/steps/may_send.py",
        "    if silence is not None:\n",
        "    if silence is not None and slot.never_sent:\n",
    ),
    Break(
        "refusal-holds-everybody",
        "One refused client keeps everybody behind it from being settled.",
        NARROWING,
        "    return 0 < len(recent) < MOST_REFUSALS and not known.issuperset(owed)\n",
        "    return False\n",
    ),
    Break(
        "everybody-asked-one-by-one",
        "A partner that refuses everything gets a request for every client.",
        NARROWING,
        "    return 0 < len(recent) < MOST_REFUSALS and not known.issuperset(owed)\n",
        "    return 0 < len(recent) and not known.issuperset(owed)\n",
    ),
    Break(
        "suspect-before-the-others",
        "The refused client's request is not the last: whom the answers have cleared wait for it.",
        NARROWING,
        "            frozenset(touched - told),\n            *(each[-1] for each in halves),\n",
        "            *(each[-1] for each in halves),\n            frozenset(touched - told),\n",
    ),
    Break(
        "setting-narrowed-down",
        "A missing licence is taken for one client's fault, and asked about client by client.",
        READ,
        "        HTTPStatus.BAD_REQUEST,\n",
        "        HTTPStatus.BAD_REQUEST,\n        HTTPStatus.FORBIDDEN,\n",
    ),
)
