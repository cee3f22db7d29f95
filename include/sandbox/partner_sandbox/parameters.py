"""Query parameters: arrays, instants, booleans and pages (partner API, section 9)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from partner_sandbox.exchange import Exchange
from partner_sandbox.faults import FaultKind
from partner_sandbox.messages import Refusal, Request
from partner_sandbox.records import bound
from partner_sandbox.settings import Settings

_Entry = TypeVar("_Entry")
_MAX_PAGE_NUMBER = 10**9


class Page(NamedTuple):
    """One page: how many entries, after how many skipped."""

    limit: int
    offset: int

    def of(self, entries: Sequence[_Entry]) -> list[_Entry]:
        """Return the entries of this page."""
        return list(entries[self.offset : self.offset + self.limit])


class Parameters:
    """The query of one request; anything malformed is refused with 400."""

    def __init__(
        self, query: Sequence[tuple[str, str]], settings: Settings, page_cap: int | None = None
    ) -> None:
        self._query = query
        self._settings = settings
        self._page_cap = page_cap

    def texts(self, name: str) -> list[str] | None:
        """Return an array of strings, or None if the filter is absent."""
        values = [value for key, value in self._query if key == name]
        if not values:
            return None
        if self._settings.array_filters == "repeated":
            texts = values
        elif self._settings.array_filters == "comma_separated":
            texts = values[-1].split(",")
        else:
            texts = [text for value in values for text in value.split(",")]
        if "" in texts:
            raise Refusal(400, f"{name} has an empty value")
        return texts

    def ids(self, name: str) -> list[str] | None:
        """Return an array of UUIDs, or None if the filter is absent."""
        texts = self.texts(name)
        return None if texts is None else [uuid_text(name, text) for text in texts]

    def flag(self, name: str) -> bool | None:
        """Return a boolean, or None if the filter is absent."""
        value = self._one(name)
        if value not in (None, "true", "false"):
            raise Refusal(400, f"{name} is neither true nor false")
        return None if value is None else value == "true"

    def instant(self, name: str) -> str | None:
        """Return an instant as text to compare stamps with, or None if the filter is absent."""
        value = self._one(name)
        if value is None:
            return None
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            raise Refusal(400, f"{name} is not an ISO 8601 date-time") from None
        if instant.tzinfo is None:
            raise Refusal(400, f"{name} has no time zone")
        return bound(instant)

    def page(self) -> Page:
        """Return the page that is asked for, as large as the server gives it."""
        settings = self._settings
        number = self._whole("pageNumber", 0, least=0)
        size = self._whole("pageSize", settings.default_page_size, least=1)
        largest = settings.max_page_size
        if size > largest and settings.oversized_page == "refuse":
            raise Refusal(400, f"pageSize {size} exceeds {largest}")
        limit = min(size, largest, self._page_cap or largest)
        return Page(limit, limit * number)

    def _whole(self, name: str, default: int, least: int) -> int:
        value = self._one(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit()) or not least <= int(value) < _MAX_PAGE_NUMBER:
            raise Refusal(400, f"{name} is not an integer of {least} or more")
        return int(value)

    def _one(self, name: str) -> str | None:
        values = [value for key, value in self._query if key == name]
        return values[-1] if values else None


def uuid_text(name: str, text: str) -> str:
    """Return a UUID in canonical lower case, else refused with 400."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refusal(400, f"{name} is not a UUID: {text}") from None


def parameters_of(exchange: Exchange, request: Request) -> Parameters:
    """Return the query of a request, its pages as large as the fault allows."""
    cap = None
    if exchange.fault is not None and exchange.meets(FaultKind.CAPPED_PAGES):
        cap = exchange.fault.page_size
    return Parameters(request.query, exchange.settings, cap)


def passes(wanted: Sequence[str] | None, value: str | None) -> bool:
    """Whether a value is among those wanted; None wants all."""
    return wanted is None or value in wanted
