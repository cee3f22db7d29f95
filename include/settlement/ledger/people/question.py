"""Questions that only a person can answer, as values: what is asked, and what may be answered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from settlement.amounts import displayed, parse_base_units, to_base_units_text
from settlement.errors import DecisionError
from settlement.values import Line, PartnerName

SHORT = 16
"""Digits of a digest that people see; any unique beginning names a question."""

BY_ITSELF = "airflow ("
"""How the name of whoever acts begins where no person has triggered the run."""

SHOWN_LINES = 50
"""Amounts that a question shows; totals are over all of them."""


class Subject(StrEnum):
    """What is asked about: a slot, trades that changed, trades of two dates, or amounts."""

    DIVERGED = "diverged"
    HISTORY = "history"
    OTHER_DATE = "other-date"
    APPROVAL = "approval"


class Choice(StrEnum):
    """What a person may answer."""

    ADOPT = "adopt"
    LEAVE = "leave"
    SETTLE = "settle"
    APPROVE = "approve"
    REJECT = "reject"


CHOICES: Mapping[Subject, tuple[Choice, ...]] = {
    Subject.DIVERGED: (Choice.ADOPT, Choice.LEAVE),
    Subject.HISTORY: (Choice.SETTLE, Choice.LEAVE),
    Subject.OTHER_DATE: (Choice.SETTLE, Choice.LEAVE),
    Subject.APPROVAL: (Choice.APPROVE, Choice.REJECT),
}


@dataclass(frozen=True, slots=True)
class Question:
    """One question, with its answer once there is one.

    `facts` is what a person is shown, amounts as text in base units; the moments are the ledger's.
    """

    partner: PartnerName
    digest: str
    subject: Subject
    business_date: date
    external_id: str | None
    facts: Mapping[str, Any]
    asked_at: datetime
    asked_by: str
    run_id: str | None
    choice: Choice | None
    reason: str | None
    decided_by: str | None
    decided_at: datetime | None


def digest_over(*content: object) -> str:
    """SHA-256 over the facts that make a question the same one or another."""
    return hashlib.sha256(canonical(list(content)).encode()).hexdigest()


def canonical(content: object) -> str:
    """Canonical JSON text; a float is refused, so that no amount can become one."""
    return json.dumps(_without_floats(content), sort_keys=True, separators=(",", ":"))


def lines_in_facts(lines: Iterable[Line]) -> list[dict[str, str]]:
    """Lines as facts hold them, amounts as text in base units."""
    return [
        {
            "connection": each.connection_id,
            "currency": each.currency,
            "amount": to_base_units_text(each.amount),
        }
        for each in lines
    ]


def totals_in_facts(lines: Iterable[Line]) -> list[dict[str, str]]:
    """Per currency, the sum of the amounts and of their absolute values."""
    net: dict[str, int] = {}
    gross: dict[str, int] = {}
    for line in lines:
        net[line.currency] = net.get(line.currency, 0) + line.amount
        gross[line.currency] = gross.get(line.currency, 0) + abs(line.amount)
    return [
        {"currency": currency, "net": str(net[currency]), "gross": str(gross[currency])}
        for currency in sorted(net)
    ]


def totals_text(lines: Iterable[Line], decimals: Mapping[str, int]) -> list[str]:
    """The same for people, a line each in full units.

    Net: what the clients together receive; gross: what moves at all.
    """
    return [
        f"{each['currency']}: gross {displayed(int(each['gross']), each['currency'], decimals)}, "
        f"net {displayed(int(each['net']), each['currency'], decimals)}"
        for each in totals_in_facts(lines)
    ]


def lines_of_facts(facts: Iterable[Mapping[str, str]]) -> list[Line]:
    """Lines out of facts."""
    return [
        Line(each["connection"], each["currency"], parse_base_units(each["amount"]))
        for each in facts
    ]


def digest_of_text(text: str) -> str:
    """SHA-256 of stored facts, as the event of the question names them."""
    return hashlib.sha256(text.encode()).hexdigest()


def require_undecided(asked: Question) -> None:
    """Refuse a second answer.

    :raises DecisionError: naming who answered, and what
    """
    if asked.choice is not None:
        raise DecisionError(
            f"question {asked.digest[:SHORT]} of {asked.partner} {asked.business_date} is answered "
            f"already: {asked.choice.value}, by {asked.decided_by} ({asked.reason}). Nothing "
            f"changes; `settlement decide {asked.partner}` lists what is open",
            partner=asked.partner,
            business_date=asked.business_date,
        )


def require_fitting(asked: Question, choice: Choice) -> None:
    """Refuse an answer to another kind of question.

    :raises DecisionError: naming the answers that there are
    """
    fitting = CHOICES[asked.subject]
    if choice not in fitting:
        raise DecisionError(
            f"{choice.value} is no answer to a question about {asked.subject.value}: answer "
            f"{' or '.join(each.value for each in fitting)}"
        )


def may_not_answer(asked: Question) -> str | None:
    """Who may not answer: the person who started the run that asks for an approval, if one did."""
    if asked.subject is not Subject.APPROVAL or asked.asked_by.startswith(BY_ITSELF):
        return None
    return _person(asked.asked_by)


def require_another_person(asked: Question, who: str) -> None:
    """Refuse an approval by whoever started the run that asks.

    :raises DecisionError: saying so
    """
    if _person(who) == may_not_answer(asked):
        raise DecisionError(
            f"{who} started the run that asks, so somebody else has to answer: these "
            "amounts need two people"
        )


def _person(who: str) -> str:
    """The same person at the command line and in Airflow is one person."""
    return who.removesuffix(" (command line)")


def takes_a_run(answered: Question) -> bool:
    """Whether the answer has an effect only once the date is run again.

    An approval has not: the run that asked is waiting. Nor has a slot that is left as it is.
    """
    return (answered.subject, answered.choice) in {
        (Subject.DIVERGED, Choice.ADOPT),
        (Subject.HISTORY, Choice.SETTLE),
        (Subject.HISTORY, Choice.LEAVE),
        (Subject.OTHER_DATE, Choice.SETTLE),
        (Subject.OTHER_DATE, Choice.LEAVE),
    }


def _without_floats(content: object) -> object:
    if isinstance(content, float):
        raise TypeError("facts hold amounts as text, never as a float")
    if isinstance(content, Mapping):
        return {key: _without_floats(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_without_floats(each) for each in content]
    return content
