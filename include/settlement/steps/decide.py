"""A person's decision: the answer and what follows from it, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from settlement.ledger.database import Ledger
from settlement.ledger.questions import (
    Choice,
    Question,
    Subject,
    load_question,
    record_choice,
)
from settlement.partner_api import PartnerApi
from settlement.partner_file import PartnerFile
from settlement.values import Actor


@dataclass(frozen=True, slots=True)
class Decided:
    """The question with its answer; `run_again`: the date has to be run for it to take effect."""

    question: Question
    run_again: bool


def decide(
    ledger: Ledger,
    api: PartnerApi,
    partner: PartnerFile,
    digest: str,
    choice: Choice,
    reason: str,
    actor: Actor,
) -> Decided:
    """Answer a question.

    :param digest: of the question; a beginning that no other question shares is enough
    :raises DecisionError: if it is answered already, is out of date, if the answer does not fit,
        or if this person may not answer
    :raises ConfigurationError: if there is no such question
    """
    with ledger.transaction() as tx:
        asked = load_question(tx, partner.name, digest)
    with ledger.transaction() as tx:
        answered = record_choice(tx, partner.name, asked.digest, choice, reason, actor)
    return Decided(answered, run_again=asked.subject is not Subject.APPROVAL)


def title_of(question: Question) -> str:
    """One line that says what is asked."""
    return f"{question.subject.value}: {question.external_id or question.business_date}"


def body_of(question: Question, currencies: Mapping[str, int]) -> str:
    """What a person must know to answer, in Markdown: amounts in full units, what each answer does.

    :param currencies: decimals of each currency that the partner file knows
    """
    return f"{question.facts} {sorted(currencies)}"
