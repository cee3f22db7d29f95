"""Answers of the pages: HTML from a template, a table as CSV, a question's text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import jinja2
from fastapi import Response, status
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from settlement.config.partner_file import PartnerFile
from settlement.ledger.people.question import Question
from settlement.steps.question_text import body_of
from settlement_airflow.pages.markdown import question_html
from settlement_airflow.pages.shown import templates


def page_of(
    template: str, values: Mapping[str, object], code: int = status.HTTP_200_OK
) -> HTMLResponse:
    """A page."""
    return HTMLResponse(_templates().get_template(template).render(values), code)


def csv_of(text: str, name: str) -> Response:
    """A table, to be saved under a name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def text_of(asked: Question, partner: PartnerFile) -> Markup:
    """What a person must know to answer."""
    return question_html(body_of(asked, partner.currencies))


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    return templates()
