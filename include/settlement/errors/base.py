"""What all errors share: facts, the text that is made from them, the section of the runbook."""

from __future__ import annotations

from collections.abc import Collection
from copy import copy
from datetime import date
from typing import Any, ClassVar, Self, TypedDict, Unpack

NEXT_STEP = "Next step: "
CLEAR_COMPUTE = "clear compute_net_positions with its downstream tasks"


class AnswerFacts(TypedDict, total=False):
    """The partner's answer: its HTTP status, and what it proves."""

    status: int | None
    verdict: str | None


class Facts(AnswerFacts, total=False):
    """What an error may know besides its words; each is an attribute, None where it is not known.

    `external_ids`: of the requests, where it is about several. `connection_ids` are clients',
    `conn_id` names an Airflow connection.
    """

    partner: str
    business_date: date
    external_id: str
    external_ids: Collection[str]
    connection_ids: Collection[str]
    currency: str
    conn_id: str


class SettlementError(Exception):
    """Base of all errors of the domain; `runbook` is the anchor of its runbook section.

    :param what: what happened, in words that hold no secret
    :param to_do: what a person does next, where that differs from `next_step` of the class
    """

    runbook: ClassVar[str] = "settlement-error"
    next_step: ClassVar[str] = "do as the text says, then clear this task with its downstream tasks"
    retryable: ClassVar[bool] = False
    before_next_step: ClassVar[str] = " "
    """What stands between the last word of what happened and the next step."""

    partner: str | None = None
    business_date: date | None = None
    external_id: str | None = None
    external_ids: Collection[str] = ()
    connection_ids: Collection[str] = ()
    currency: str | None = None
    status: int | None = None
    verdict: str | None = None
    conn_id: str | None = None

    def __init__(self, what: str, *, to_do: str | None = None, **facts: Unpack[Facts]) -> None:
        super().__init__(what)
        self.what = what
        self.to_do = to_do or self.next_step
        self.says_to_do = bool(to_do)
        self.told: str | None = None
        vars(self).update(facts)

    @property
    def message(self) -> str:
        """What happened, and what a person does where the class does not say it."""
        return self.with_next_step(self.what)

    def with_next_step(self, what: str) -> str:
        """What happened in these words, and what a person does."""
        if not self.says_to_do:
            return what
        return f"{what}{self.before_next_step}{NEXT_STEP}{self.to_do}"

    def tell(self, text: str) -> None:
        """Say this from now on instead of the message: the same, with the money at risk."""
        self.told = text

    def __str__(self) -> str:
        return self.told or f"{self.message} [runbook: {self.runbook}]"

    def told_of(self, external_id: str) -> Self:
        """The same outcome, for a request that waits for the one it is about."""
        same = copy(self)
        same.what = f"{external_id} is not sent yet: it waits. {self.what}"
        return same

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, (type(self), self.args, vars(self))


def _made_again(
    kind: type[SettlementError], args: tuple[Any, ...], facts: dict[str, Any]
) -> SettlementError:
    """A copy, or what was pickled: with all facts, whatever the class wants to know at first."""
    error = kind.__new__(kind, *args)
    vars(error).update(facts)
    return error
