"""What a person does from a form in the UI: carried out by a worker, recorded with their name."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context

from settlement.config.partner_file import load_partner
from settlement.errors import ConfigurationError
from settlement.steps.action import action_in, carry_out
from settlement.values import Actor
from settlement_airflow.connections import opened_desk
from settlement_airflow.hooks.pacer import OUTSIDE_THE_POOL
from settlement_airflow.operators.base import actor_of, airflow_errors


class ActOperator(BaseOperator):
    """Does by hand what a form says, about a partner, a client, a settlement or a date.

    Done once for each run: cleared or tried again, it does nothing again. In no pool, so that a
    stop does not wait for what it is to stop.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", type(self).__doc__)
        super().__init__(**kwargs)

    def execute(self, context: Context) -> str:
        """Do what the form says; in one sentence what holds now."""
        with airflow_errors():
            params = context["params"]
            action, actor = action_in(params), _person(context)
            if not params.get("partner"):
                raise ConfigurationError("choose a partner. Nothing was done")
            partner = load_partner(params["partner"])
            with opened_desk(partner, actor, pool_slots=OUTSIDE_THE_POOL) as desk:
                done = carry_out(desk, action)
        self.log.info("%s, says %s: %s", done, actor.who, action.reason)
        return done


def _person(context: Context) -> Actor:
    """Who triggered the run.

    :raises ConfigurationError: if nobody did: an action is never a program's
    """
    run = context["dag_run"]
    if not run.triggering_user_name:
        raise ConfigurationError(
            f"Airflow names nobody who started this run ({run.run_type.value}): an action is a "
            "person's. Trigger settlement_action in the UI, or use the command. Nothing was done"
        )
    return actor_of(context)
