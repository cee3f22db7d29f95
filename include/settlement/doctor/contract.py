"""A check of what the partner really sends, beside what is published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

from settlement.config.partner_file import PartnerFile
from settlement.doctor.diagnosis import Diagnosis, note, ok, wrong
from settlement.partner.answers import partners_word
from settlement.partner.contract.comparing import PartnerChange, What, changes_in, fact_at
from settlement.partner.contract.published import Route, published
from settlement.partner.exchange import PartnerApi, TransportError
from settlement.partner.paths import enterprise_path
from settlement.partner.words import words_of

SUBJECT = "published API"
READ = ("partners", "settlements", "settlement", "disputes", "connections", "balances",
        "currencies")  # fmt: skip
HARMLESS = {What.NEW_FIELD}


def check_contract(api: PartnerApi, partner: PartnerFile) -> Iterator[Diagnosis]:
    """One page of every route that is read, and one settlement of those, compared field by field.

    Nothing is sent but reads. What cannot be asked, such as one settlement of none, is left out.
    """
    seen: dict[str, Any] = {}
    changes: list[PartnerChange] = []
    unread: list[str] = []
    for name in READ:
        query = _query(name, partner, seen)
        if query is None:
            continue
        route = published().routes[name]
        content, why_not = _read(api, partner, route, query, seen)
        if content is None:
            unread.append(f"{route.path} ({why_not})")
            continue
        seen[name] = content
        changes += changes_in(route.answer, content)
    for each in changes:
        said = f"the partner sends {each}{_source(each)}"
        yield (
            note(SUBJECT, said)
            if each.what in HARMLESS
            else wrong(SUBJECT, f"{said}. Ask BitGo; bring contract/published.toml up to date")
        )
    if unread:
        yield note(SUBJECT, f"cannot be compared: {', '.join(unread)}")
    if seen and not changes:
        facts = sum(len(each) for each in published().objects.values())
        yield ok(SUBJECT, f"{len(seen)} answers are as published ({facts} facts)")


def _query(
    name: str, partner: PartnerFile, seen: dict[str, Any]
) -> Sequence[tuple[str, str]] | None:
    """The query of a route; None for one that makes no sense here."""
    if name == "disputes" and not partner.api_version.may_dispute:
        return None
    if name == "settlement" and _newest_settlement(seen) is None:
        return None
    if name == "currencies":
        shown = [each["id"] for each in _items(seen, "partners") if isinstance(each.get("id"), str)]
        return [("partnerIds", shown[0])] if shown else None
    return [("pageNumber", "0"), ("pageSize", "100")]


def _read(
    api: PartnerApi,
    partner: PartnerFile,
    route: Route,
    query: Sequence[tuple[str, str]],
    seen: dict[str, Any],
) -> tuple[dict[str, Any] | None, str]:
    path = route.path.replace("<settlementId>", _newest_settlement(seen) or "")
    try:
        answer = api.exchange("GET", f"{enterprise_path(partner)}/{path}", query=query)
    except TransportError as error:
        return None, str(error)
    content = partners_word(answer.content) if answer.status == HTTPStatus.OK else None
    return content, "" if content is not None else f"HTTP {answer.status}: {words_of(answer)}"


def _newest_settlement(seen: dict[str, Any]) -> str | None:
    ids = [each["id"] for each in _items(seen, "settlements") if isinstance(each.get("id"), str)]
    return ids[-1] if ids else None


def _items(seen: dict[str, Any], name: str) -> list[dict[str, Any]]:
    items = seen.get(name, {}).get(name)
    return [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []


def _source(change: PartnerChange) -> str:
    """Where it is published otherwise."""
    fact = fact_at(change.place)
    return f" (published: {fact.type}, {fact.source.what}, {fact.source.read})" if fact else ""
