"""A run that a person starts: named after its business date, and never without its tasks.

Airflow makes the id of a manual run from the moment of the click, which says nothing in a list of
runs. Its API takes an id, so one is given where the person gave none:
`manual__2026-03-02__2026-03-05T08:15:00.123456+00:00`.

And to a run whose logical date is before the start of the DAG Airflow gives no task at all: it is
green at once, whatever date its form names. Without that logical date it has its tasks, which
settle the date of the form, or refuse.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Any

from settlement.strict_json import json_object
from settlement_airflow.request_bodies import RewrittenBodies

TRIGGER = re.compile(r".*/api/v2/dags/settle_([^/]+)/dagRuns", re.ASCII)


class ManualRuns(RewrittenBodies):
    """Middleware of the api-server: manual runs of settle_* as Airflow's API gets them."""

    def concerns(self, method: str, path: str) -> bool:
        """Only the start of a run."""
        return method == "POST" and TRIGGER.fullmatch(path) is not None

    def rewritten(self, path: str, body: bytes) -> bytes:
        """With an id that tells the date, and without a logical date that would void the run."""
        found = TRIGGER.fullmatch(path)
        content = json_object(body)
        if found is None or content is None:
            return body
        changes = changes_of(found[1], content)
        return json.dumps({**content, **changes}).encode() if changes else body


def changes_of(partner_name: str, content: dict[str, Any]) -> dict[str, Any]:
    """What is changed in the start of a run; what is wrong with its date, the run itself says."""
    from settlement.config.calendar import BusinessCalendar  # noqa: PLC0415 - not for all
    from settlement.config.partner_file import load_partner  # noqa: PLC0415
    from settlement.errors import ConfigurationError  # noqa: PLC0415
    from settlement_airflow.run_date import (  # noqa: PLC0415
        MANUAL,
        NoBusinessDate,
        business_date_of,
    )

    changes: dict[str, Any] = {}
    conf = content.get("conf")
    chosen = conf.get("business_date") if isinstance(conf, dict) else None
    day = _date_in(chosen)
    try:
        logical_date = datetime.fromisoformat(str(content.get("logical_date")))
        partner = load_partner(partner_name)
        if logical_date < BusinessCalendar(partner).cut_off(partner.first_business_date):
            changes["logical_date"] = None
        elif chosen is None:
            day = business_date_of(partner, run_type=MANUAL, logical_date=logical_date, chosen=None)
    except (ConfigurationError, NoBusinessDate, ValueError, TypeError):
        pass
    if day is not None and not content.get("dag_run_id"):
        changes["dag_run_id"] = f"manual__{day}__{datetime.now(UTC).isoformat()}"
    return changes


def _date_in(chosen: object) -> date | None:
    try:
        return date.fromisoformat(str(chosen))
    except ValueError:
        return None
