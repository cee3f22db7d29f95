"""Parts that the DAG files are wired from. Reads nothing but partner files and runbooks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    CronTriggerTimetable,
    MultipleCronTriggerTimetable,
    Param,
    TaskGroup,
)

import settlement
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import ConfigurationError
from settlement.steps.action import What
from settlement_airflow.hooks.pacer import POOL_SLOTS
from settlement_airflow.operators.broken import BrokenPartnerFileOperator
from settlement_airflow.retry import (
    BACKOFF,
    FIRST_DELAY,
    LONGEST_DELAY,
    RETRIES,
    PartnerRetryPolicy,
)

POOL, WHOLE_POOL = "partner_api", POOL_SLOTS
TAGS = ["settlement"]
MINUTE = timedelta(minutes=1)
RUNS_AT_A_TIME = 16
QUESTIONS_AT_A_TIME = 1000
"""A parked question counts as a run at work: the default of 16 would hide the others."""
RUNBOOKS = Path(settlement.__file__).resolve().parent.parent / "runbooks"
RETRYING: dict[str, Any] = {
    "retries": RETRIES,
    "retry_delay": FIRST_DELAY,
    "retry_exponential_backoff": BACKOFF,
    "max_retry_delay": LONGEST_DELAY,
    "retry_policy": PartnerRetryPolicy(),
}
"""Default arguments of tasks that are tried again: only the scheduler retries."""
SETTLING: dict[str, Any] = {**RETRYING, "execution_timeout": timedelta(hours=2)}
"""Of the tasks that settle: none goes on for ever."""
SENDING: dict[str, Any] = {
    "pool": POOL,
    "pool_slots": WHOLE_POOL,
    "execution_timeout": timedelta(minutes=30),
}
"""A task that sends has the whole rate, since slots are sent in order anyway, and not for ever: the
next try goes on where this one was ended."""


def dag_id_of(partner_name: str) -> str:
    """DAG id of a partner; a file name that is no partner name still gives a valid one."""
    return "settle_" + re.sub(r"[^A-Za-z0-9_.-]", "_", partner_name)


def runbook(name: str) -> str:
    """Text of a runbook, as the UI shows it with the DAG."""
    path = RUNBOOKS / f"{name}.md"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    return f"The runbook {name}.md is not installed with this project."


def group(name: str) -> TaskGroup:
    """Tasks that the graph shows as one box until somebody opens it; their ids stay as they are."""
    return TaskGroup(name, prefix_group_id=False)


def settled_asset(partner_name: str) -> Asset:
    """What downstream DAGs may wait for: an event for each settled date."""
    return Asset(name=f"settled_{partner_name}", uri=f"settlement://{partner_name}/settled")


def at_every_cut_off(partner: PartnerFile) -> CronTriggerTimetable | MultipleCronTriggerTimetable:
    """Every day at the partner's cut-offs in its zone; the operators pick the date's own."""
    crons = sorted({f"{each.at.minute} {each.at.hour} * * *" for each in partner.cut_offs})
    if len(crons) == 1:
        return CronTriggerTimetable(crons[0], timezone=partner.timezone)
    return MultipleCronTriggerTimetable(*crons, timezone=partner.timezone)


def just_before_first_cut_off(partner: PartnerFile) -> datetime:
    """Start date of the DAG: a minute before the cut-off of the first business date.

    From the cut-off itself, Airflow would leave that date out where the clocks change that day: it
    takes another instant for the same local time.
    """
    return BusinessCalendar(partner).cut_off(partner.first_business_date) - MINUTE


def date_form() -> dict[str, Param]:
    """Form of a manual run; runs of the schedule leave it empty."""
    return {
        "business_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Business date",
            description="Manual runs only. Empty only if the logical date is a cut-off.",
        )
    }


def partner_form(partner_names: list[str]) -> dict[str, Param]:
    """Form of what needs a partner and nothing else."""
    return {"partner": _one_of(partner_names)}


def preview_form(partner_names: list[str]) -> dict[str, Param]:
    """Form of the preview."""
    return {
        "partner": _one_of(partner_names),
        "business_date": Param(None, type=["null", "string"], format="date", title="Business date"),
    }


def explain_form(partner_names: list[str]) -> dict[str, Param]:
    """Form of an explanation: one amount of a request, and which page of its trades."""
    optional = ["null", "string"]
    return {
        "partner": _one_of(partner_names),
        "external_id": Param(None, type=optional, title="externalId"),
        "connection_id": Param(None, type=optional, title="Connection"),
        "currency": Param(None, type=optional, title="Currency"),
        "page": Param(0, type="integer", minimum=0, title="Page of its trades"),
    }


def question_form(partner_names: list[str]) -> dict[str, Param]:
    """Which question a run of settlement_decision asks; never amounts."""
    return {
        "partner": _one_of(partner_names),
        "digest": Param(
            None,
            type=["null", "string"],
            title="Question",
            description="Its digest, or how it begins, as `settlement decide <partner>` lists it.",
        ),
    }


def action_form(partner_names: list[str]) -> dict[str, Param]:
    """What a person does: what, on what, why. Which fields an action needs, the action checks."""
    optional = ["null", "string"]
    return {
        "partner": _one_of(partner_names),
        "action": Param(
            None,
            type=optional,
            enum=[None, *(each.value for each in What)],
            title="Action",
            description="stop, go: the whole partner. hold, release: one connection. record: a "
            "settlement counts for a date. ignore: a settlement is put aside. close-date, "
            "reopen-date: one business date.",
        ),
        "reason": Param(
            "", type="string", minLength=1, title="Reason", description="Kept for good."
        ),
        "connection_id": Param(
            None, type=optional, title="Connection", description="hold, release: its id, a UUID."
        ),
        "until": Param(
            None,
            type=optional,
            title="Until",
            description="hold: 2026-03-09 or 2026-03-09T12:00, in the partner's time zone. Empty: "
            "until it is released.",
        ),
        "external_id": Param(
            None,
            type=optional,
            title="externalId",
            description="record, ignore: of the settlement, as the error names it.",
        ),
        "business_date": Param(
            None,
            type=optional,
            format="date",
            title="Business date",
            description="record: the date that the settlement counts for. close-date, reopen-date.",
        ),
    }


def _one_of(partner_names: list[str]) -> Param:
    return Param(
        partner_names[0] if len(partner_names) == 1 else None,
        type=["null", "string"],
        enum=[None, *partner_names],
        title="Partner",
    )


def broken_dag(name: str, problem: ConfigurationError) -> DAG:
    """A DAG that shows what is wrong with a partner file.

    It has no schedule: runs of its own would let the dates in between be skipped once the file is
    right again. The schedule goes on where it stopped.
    """
    with DAG(
        dag_id_of(name),
        schedule=None,
        catchup=False,
        tags=[*TAGS, "broken partner file"],
        description=f"The partner file {name}.toml is wrong",
        doc_md=f"# {name}.toml is wrong\n\n    {problem}\n\n{runbook('partner_settlement')}",
        params=date_form(),
    ) as dag:
        BrokenPartnerFileOperator(task_id="partner_file_is_wrong", problem=problem.message)
    return dag
