"""`settlement decide`: the questions that wait for a person, and their answers."""

from __future__ import annotations

from typing import Annotated

import typer

from settlement.config.partner_file import PartnerFile, load_partner
from settlement.errors import ConfigurationError
from settlement.ledger.database import Ledger
from settlement.ledger.people.question import CHOICES, SHORT, Choice, Question
from settlement.ledger.people.questions import load_question, open_questions
from settlement.steps import decide as steps
from settlement.values import PartnerName
from settlement_airflow.cli.arguments import AsJson, Partner, given
from settlement_airflow.cli.console import print_json, results, say
from settlement_airflow.cli.questions_shown import question_json, questions_table
from settlement_airflow.cli.workplace import desk_for, ledger_behind


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(decide)


def decide(
    partner: Partner,
    question: Annotated[
        str | None,
        typer.Argument(metavar="[QUESTION]", help="The beginning of its digest, as it is listed."),
    ] = None,
    answer: Annotated[
        Choice | None, typer.Argument(metavar="[ANSWER]", help="One of those that it lists.")
    ] = None,
    *,
    reason: Annotated[
        str | None,
        typer.Option(metavar="TEXT", parser=given, help="Why; kept in the ledger for good."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Answer what only a person can: a diverged request, changed or moved trades, an approval.

    With the partner alone it lists what is open; with a question it shows what is asked and what
    each answer does to the money; with an answer and a reason it decides. An answer to facts that
    have changed is refused, and so is an approval by whoever started the run.

    **Example**

        settlement decide demo
        settlement decide demo 3f1a77c2
        settlement decide demo 3f1a77c2 settle --reason "the correction is right, ticket 812"
    """
    file = load_partner(partner)
    if answer is None and reason is not None:
        raise ConfigurationError("--reason goes with an answer: name the question and the answer")
    if question is None:
        _list(file, as_json=as_json)
    elif answer is None:
        _show(file, question, as_json=as_json)
    elif reason is None:
        raise ConfigurationError("say why with --reason: it is kept in the ledger for good")
    else:
        _answer(file, question, answer, reason, as_json=as_json)


def _list(file: PartnerFile, *, as_json: bool) -> None:
    with ledger_behind(file.ledger_conn_id) as ledger, ledger.transaction() as tx:
        waiting = open_questions(tx, file.name)
    if as_json:
        print_json([question_json(each) for each in waiting])
    elif waiting:
        results().print(questions_table(waiting))
    else:
        say(f"no question of {file.name} waits for a person")


def _show(file: PartnerFile, digest: str, *, as_json: bool) -> None:
    with ledger_behind(file.ledger_conn_id) as ledger:
        question = _load(ledger, file.name, digest)
    if as_json:
        print_json(question_json(question))
        return
    from rich.markdown import Markdown  # noqa: PLC0415 - for every command, a tenth of a second

    results().print(Markdown(f"# {steps.title_of(question, file.currencies)}"))
    results().print(Markdown(steps.body_of(question, file.currencies)))
    if question.choice is not None:
        say(f"answered {question.choice.value} by {question.decided_by}: {question.reason}")
        return
    answers = "|".join(each.value for each in CHOICES[question.subject])
    say(f"settlement decide {file.name} {question.digest[:SHORT]} {answers} --reason …")


def _load(ledger: Ledger, partner: PartnerName, digest: str) -> Question:
    with ledger.transaction() as tx:
        return load_question(tx, partner, digest)


def _answer(file: PartnerFile, digest: str, answer: Choice, reason: str, *, as_json: bool) -> None:
    with desk_for(file) as desk:
        decided = steps.decide(desk, digest, answer, reason)
    question = decided.question
    if as_json:
        print_json(question_json(question))
    title = steps.title_of(question, file.currencies)
    said = f"{title} {answer.value}, by {question.decided_by}"
    if decided.run_again:
        say(f"{said}. Now `settlement run {file.name} {question.business_date}`")
    else:
        say(said)
