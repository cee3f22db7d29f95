"""Questions as people read them at the command line, and as programs do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from settlement.config.partner_file import load_partner
from settlement.errors import ConfigurationError
from settlement.ledger.people.question import CHOICES, SHORT, Question
from settlement.steps.question_text import title_of
from settlement_airflow.cli.amounts_shown import at, at_or_none


def question_json(question: Question) -> dict[str, Any]:
    """A question for programs; amounts in its facts are strings in base units."""
    return {
        "partner": question.partner,
        "digest": question.digest,
        "subject": question.subject.value,
        "business_date": question.business_date.isoformat(),
        "external_id": question.external_id,
        "title": _title(question),
        "choices": [each.value for each in CHOICES[question.subject]],
        "facts": dict(question.facts),
        "asked_at": question.asked_at.isoformat(),
        "asked_by": question.asked_by,
        "run_id": question.run_id,
        "choice": question.choice.value if question.choice else None,
        "reason": question.reason,
        "decided_by": question.decided_by,
        "decided_at": at_or_none(question.decided_at),
    }


def questions_table(questions: Iterable[Question]) -> Table:
    """Open questions: what to type to look at one, and what may be answered."""
    table = Table(title="questions", title_justify="left", title_style="bold", header_style="")
    for column in ("question", "about", "answers", "asked", "by"):
        table.add_column(column, overflow="fold")
    for each in questions:
        table.add_row(
            each.digest[:SHORT],
            _title(each),
            " | ".join(choice.value for choice in CHOICES[each.subject]),
            at(each.asked_at),
            each.asked_by,
        )
    return table


def _title(question: Question) -> str:
    """With amounts in full units, while there is a partner file to tell the decimals."""
    try:
        currencies = load_partner(question.partner).currencies
    except ConfigurationError:
        currencies = {}
    return title_of(question, currencies)
