"""Standing in for a partner whose file is wrong."""

from __future__ import annotations

from typing import Any, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from settlement.error_text import error_text
from settlement.errors import ConfigurationError

NOTHING_IS_SENT = "nothing is sent while the file is wrong; what was sent: `settlement show`"


class BrokenPartnerFileOperator(BaseOperator):
    """Fails with what is wrong with the partner file; the other partners go on.

    :param problem: what is wrong with it
    """

    def __init__(self, *, problem: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.problem = problem

    def execute(self, context: Context) -> NoReturn:  # noqa: ARG002
        """Fail."""
        error = ConfigurationError(self.problem)
        raise AirflowFailException(error_text(error, [NOTHING_IS_SENT], error.to_do))
