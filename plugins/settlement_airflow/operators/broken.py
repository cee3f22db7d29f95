"""Standing in for a partner whose file is wrong."""

from __future__ import annotations

from typing import Any, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException


class BrokenPartnerFileOperator(BaseOperator):
    """Fails with what is wrong with the partner file; the other partners go on.

    :param problem: the error's text
    """

    def __init__(self, *, problem: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.problem = problem

    def execute(self, context: Context) -> NoReturn:  # noqa: ARG002
        """Fail."""
        raise AirflowFailException(self.problem)
