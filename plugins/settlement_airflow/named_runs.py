"""A run that a person starts is named after its business date.

Airflow makes the id of a manual run from the moment of the click, which says nothing in a list of
runs. Its API takes an id, so one is given where the person gave none:
`manual__2026-03-02__2026-03-05T08:15:00.123456+00:00`.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Any

from settlement_airflow.request_bodies import RewrittenBodies

TRIGGER = re.compile(r".*/api/v2/dags/settle_([^/]+)/dagRuns", re.ASCII)


class NamedRuns(RewrittenBodies):
    """Middleware of the api-server: the id of a manual run of settle_* tells its business date."""

    def concerns(self, method: str, path: str) -> bool:
        """Only the start of a run."""
        return method == "POST" and TRIGGER.fullmatch(path) is not None

    def rewritten(self, path: str, body: bytes) -> bytes:
        """With an id, unless there is one, or no date can be told."""
        try:
            content = json.loads(body)
        except ValueError:
            return body
        found = TRIGGER.fullmatch(path)
        if found is None or not isinstance(content, dict) or content.get("dag_run_id"):
            return body
        day = date_of_run(found[1], content)
        if day is None:
            return body
        run_id = f"manual__{day}__{datetime.now(UTC).isoformat()}"
        return json.dumps({**content, "dag_run_id": run_id}).encode()


def date_of_run(partner_name: str, content: dict[str, Any]) -> date | None:
    """The date that the run will settle, by its form or its logical date; None if it has none.

    What is wrong with either is not said here: the run says it.
    """
    from settlement.errors import ConfigurationError  # noqa: PLC0415 - not in every component
    from settlement.partner_file import load_partner  # noqa: PLC0415
    from settlement_airflow.run_date import (  # noqa: PLC0415
        MANUAL,
        NoBusinessDate,
        business_date_of,
        parse_date,
    )

    conf = content.get("conf")
    chosen = conf.get("business_date") if isinstance(conf, dict) else None
    try:
        if chosen is not None:
            return parse_date(str(chosen))
        logical_date = datetime.fromisoformat(str(content.get("logical_date")))
        partner = load_partner(partner_name)
        return business_date_of(partner, run_type=MANUAL, logical_date=logical_date, chosen=None)
    except (ConfigurationError, NoBusinessDate, ValueError, TypeError):
        return None
