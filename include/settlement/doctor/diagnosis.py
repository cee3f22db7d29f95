"""What a check of the doctor says: fine, worth knowing, or wrong with the next step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from settlement.errors import SettlementError


class Health(StrEnum):
    """How a thing is; only `wrong` keeps dates from being settled."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line: what was checked, how it is, and what to do about it."""

    subject: str
    health: Health
    text: str


def ok(subject: str, text: str) -> Diagnosis:
    """Nothing to do."""
    return Diagnosis(subject, Health.OK, text)


def note(subject: str, text: str) -> Diagnosis:
    """Worth knowing; dates settle nevertheless."""
    return Diagnosis(subject, Health.NOTE, text)


def wrong(subject: str, text: str) -> Diagnosis:
    """Dates will not settle, or not as they should; `text` ends in the next step."""
    return Diagnosis(subject, Health.WRONG, text)


def diagnoses_of(subject: str, check: Callable[[], Iterable[Diagnosis]]) -> Iterator[Diagnosis]:
    """What a check says; an error of the domain ends it and is what is wrong."""
    try:
        yield from check()
    except SettlementError as error:
        yield wrong(subject, error.message)
