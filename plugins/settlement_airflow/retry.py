"""When the scheduler tries again: the one retry mechanism of this project."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import Context
from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy

from settlement.errors import OutcomeUnknownError, SettlementError
from settlement_airflow.named_retry import keep_name_in_retry

RETRIES = 6
FIRST_DELAY = timedelta(seconds=float(os.environ.get("SETTLEMENT_RETRY_DELAY_S", "15")))
LONGEST_DELAY = timedelta(minutes=10)
LONGEST_RETRY_AFTER = timedelta(minutes=15)
BACKOFF = 2.0


class PartnerRetryPolicy(RetryPolicy):
    """Terminal errors fail at once; a partner's Retry-After is obeyed, up to 15 minutes.

    Otherwise delays double from the first, and begin anew when somebody clears the task. Airflow's
    own would go on growing over all tries that the task has ever had: who has just cleared a task
    at night would wait ten minutes for each of its retries.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """What happens after an error; anything unexpected is tried again as well."""
        if isinstance(exception, SettlementError) and not exception.retryable:
            return RetryDecision.fail(reason=type(exception).__name__)
        if context is not None:
            keep_name_in_retry(context)
        if isinstance(exception, OutcomeUnknownError) and exception.retry_after is not None:
            asked = timedelta(seconds=exception.retry_after)
            return RetryDecision.retry(min(asked, LONGEST_RETRY_AFTER), reason="Retry-After")
        return RetryDecision.retry(_delay(RETRIES - (max_tries - try_number)))


def _delay(retry: int) -> timedelta:
    """Pause before a retry; the first since the task was cleared has number 1.

    A clear gives the task as many retries as it had at first, whatever number the try has.
    """
    return min(FIRST_DELAY * BACKOFF ** max(0, retry - 1), LONGEST_DELAY)
