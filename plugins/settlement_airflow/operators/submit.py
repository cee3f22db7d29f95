"""Sending: one mapped task a slice of requests, the exact stored bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from settlement.errors import (
    CredentialsError,
    DivergedSlotError,
    OutcomeUnknownError,
    RefusedError,
    RejectedError,
    SettlementError,
)
from settlement.steps.submit import SHOWN_ALL_THE_SAME, submit_request
from settlement_airflow.connections import opened_desk
from settlement_airflow.operators.base import GatedOperator, Work

WORST_FIRST = (DivergedSlotError, RejectedError, RefusedError, CredentialsError)


class SubmitRequestsOperator(GatedOperator):
    """Sends the stored bytes of each request of its slice, in order.

    It ends at the first one under which the partner shows nothing: the others wait for it. Failed
    and rejected ones are shown, so it goes on after them, and fails at its end: with a retryable
    error while there is one, so that the scheduler tries again, else with the worst.

    :param external_ids: the slice (templated)
    """

    template_fields = ("external_ids",)

    def __init__(self, *, external_ids: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.external_ids = external_ids

    @property
    def slice_name(self) -> str:
        """What the grid shows instead of a map index: the externalId, or the first and the last."""
        return " to ".join(dict.fromkeys([self.external_ids[0], self.external_ids[-1]]))

    def step(self, work: Work, context: Context) -> dict[str, str]:  # noqa: ARG002
        """Send; the state of each request afterwards, for the reader only."""
        states: dict[str, str] = {}
        errors: list[SettlementError] = []
        with opened_desk(work.partner, work.actor, pool_slots=self.pool_slots) as desk:
            for external_id in self.external_ids:
                try:
                    done = submit_request(desk, external_id)
                except SHOWN_ALL_THE_SAME as error:
                    errors.append(error)
                except SettlementError as error:
                    errors.append(error)
                    break
                else:
                    states[external_id] = "conflict" if done.conflict else done.state.value
                    self.log.info("%s is %s", external_id, states[external_id])
        if errors:
            raised = error_to_raise(errors)
            for each in errors:
                if each is not raised:  # whose text is the task's own
                    self.log.warning("%s", each)
            raise raised
        return states


def error_to_raise(errors: Sequence[SettlementError]) -> SettlementError:
    """A retryable one while there is any (of those, the longest Retry-After), else the worst."""
    retryable = [each for each in errors if each.retryable]
    if retryable:
        return max(retryable, key=_asked_to_wait)
    return min(errors, key=_badness)


def _asked_to_wait(error: SettlementError) -> int:
    return (error.retry_after or 0) if isinstance(error, OutcomeUnknownError) else 0


def _badness(error: SettlementError) -> int:
    return next(
        (place for place, kind in enumerate(WORST_FIRST) if isinstance(error, kind)),
        len(WORST_FIRST),
    )
