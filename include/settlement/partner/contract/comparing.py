"""Where an answer of the partner differs from what is published."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from settlement.partner.contract.published import FieldFact, published
from settlement.strict_json import to_json

LONGEST_VALUE = 80
ITEM, MEMBER = "[]", "{}"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_AMOUNT = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)


class What(StrEnum):
    """Kinds of differences."""

    NEW_FIELD = "a field that is not published"
    NEW_VALUE = "a value that is not published"
    FIELD_GONE = "a required field is missing"
    OTHER_TYPE = "another type than published"


@dataclass(frozen=True, slots=True)
class PartnerChange:
    """One difference: at `place` in an answer, with the raw value in short."""

    place: str
    what: What
    value: str

    @property
    def kind(self) -> tuple[str, str, str]:
        """Differences of one kind are recorded once: each new value by itself."""
        return self.place, self.what.value, self.value if self.what is What.NEW_VALUE else ""

    def __str__(self) -> str:
        raw = f": {self.value}" if self.value else ""
        return f"{self.place}: {self.what.value}{raw}"


def changes_in(answer: str, content: object) -> list[PartnerChange]:
    """Differences between an answer's content and the published object `answer`, each kind once."""
    found: dict[tuple[str, str, str], PartnerChange] = {}
    for each in _compare(answer, content, answer.removesuffix("_answer")):
        found.setdefault(each.kind, each)
    return list(found.values())


def is_published(change: PartnerChange) -> bool:
    """Whether the facts know the new field, or the new value, by now."""
    fact = fact_at(change.place)
    if fact is None or change.what is not What.NEW_VALUE:
        return fact is not None and change.what is What.NEW_FIELD
    enum = published().enums.get(fact.type.removeprefix("one of "))
    return enum is not None and change.value in {in_short(each) for each in enum.values}


def fact_at(place: str) -> FieldFact | None:
    """What is published of the field at a place, as a difference names it."""
    answer, *fields = place.replace(ITEM, "").replace(MEMBER, "").split(".")
    within, fact = f"{answer}_answer", None
    for field in fields:
        fact = published().objects.get(within, {}).get(field)
        if fact is None:
            return None
        within = fact.type.rpartition(" of ")[2]
    return fact


def _compare(type_: str, value: Any, place: str) -> Iterator[PartnerChange]:
    shape, _, inner = type_.partition(" of ")
    if shape == "list" and isinstance(value, list):
        for item in value:
            yield from _compare(inner, item, place + ITEM)
    elif shape == "map" and isinstance(value, dict):
        for member in value.values():
            yield from _compare(inner, member, place + MEMBER)
    elif shape == "one" and isinstance(value, str):
        if value not in published().enums[inner].values:
            yield PartnerChange(place, What.NEW_VALUE, in_short(value))
    elif type_ in published().objects and isinstance(value, dict):
        yield from _compare_object(type_, value, place)
    elif type_ not in _IS_A or not _IS_A[type_](value):
        yield PartnerChange(place, What.OTHER_TYPE, in_short(value))


def _compare_object(name: str, value: Mapping[str, Any], place: str) -> Iterator[PartnerChange]:
    facts = published().objects[name]
    for field, fact in facts.items():
        within = f"{place}.{field}"
        if field not in value:
            if fact.required:
                yield PartnerChange(within, What.FIELD_GONE, "")
        elif value[field] is None:
            if not fact.nullable:
                yield PartnerChange(within, What.OTHER_TYPE, "null")
        else:
            yield from _compare(fact.type, value[field], within)
    for field in sorted(value.keys() - facts.keys()):
        named = "<id>" if _UUID.fullmatch(field) else in_short(field, quoted=False)
        yield PartnerChange(f"{place}.{named}", What.NEW_FIELD, in_short(value[field]))


def in_short(value: object, *, quoted: bool = True) -> str:
    """The raw value as JSON, on one line, shortened."""
    text = to_json(_without_decimals(value)).decode() if quoted else str(value)
    printable = " ".join(text.replace("\x00", "").split())
    return printable if len(printable) <= LONGEST_VALUE else printable[:LONGEST_VALUE] + "…"


def _without_decimals(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {key: _without_decimals(member) for key, member in value.items()}
    return [_without_decimals(item) for item in value] if isinstance(value, list) else value


def _is_instant(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


_IS_A: Mapping[str, Callable[[Any], bool]] = {
    "any": lambda _: True,
    "text": lambda value: isinstance(value, str) and value != "",
    "uuid": lambda value: isinstance(value, str) and _UUID.fullmatch(value) is not None,
    "instant": _is_instant,
    "boolean": lambda value: isinstance(value, bool),
    "number": lambda value: isinstance(value, int | Decimal) and not isinstance(value, bool),
    "amount": lambda value: isinstance(value, str) and _AMOUNT.fullmatch(value) is not None,
}
