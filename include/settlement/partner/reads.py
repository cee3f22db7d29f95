"""Reading the partner API: every page of every answer, over whatever exchange is handed in."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar

from settlement.config.partner_file import PartnerFile
from settlement.errors import CredentialsError, OutcomeUnknownError
from settlement.partner.answers import (
    Connection,
    Settlement,
    SettlementDetail,
    Transfer,
    UnreadableAnswer,
    parse_connections,
    parse_settlement_detail,
    parse_settlements,
)
from settlement.partner.balances import AccountBalance, Balances, parse_balances
from settlement.partner.disputes import Dispute, parse_disputes
from settlement.partner.exchange import (
    Answer,
    Exchange,
    ExchangeKind,
    Query,
    Read,
    TransportError,
)
from settlement.partner.paths import enterprise_path
from settlement.partner.profile import DisputeWindows, dispute_windows_of
from settlement.partner.words import one_line, refuses_to_show, retry_after_s, words_of

PAGE_SIZE = 100
MOST_PAGES = 1000
LONGEST_READING_S = 900
"""Bounds of one reading. Pages of 100 have room for 100,000 entries; at the pace of a task with one
slot of the pool a thousand pages take six minutes."""
Item = TypeVar("Item", Settlement, Transfer, Connection, Dispute, AccountBalance)


class PartnerReader:
    """Look-ups for one partner. A look-up that fails raises and changes nothing.

    All that ask raise OutcomeUnknownError where a later try may succeed, CredentialsError where the
    partner refuses to show anything, and UntrustedHostError as the exchange does.

    :param decimals: of each currency, where amounts come in full units; None where in base units.
        Asked anew for each page of amounts: what is read with wrong ones may be stored
    :param now: to turn an HTTP date in Retry-After into seconds
    """

    def __init__(
        self,
        partner: PartnerFile,
        exchange: Exchange,
        *,
        decimals: Callable[[], Mapping[str, int] | None],
        now: Callable[[], datetime],
    ) -> None:
        self._partner = partner
        self._exchange = exchange
        self._decimals = decimals
        self._now = now
        self._path = enterprise_path(partner)

    @property
    def with_disputes(self) -> bool:
        """Whether the partner's clients may dispute a settlement."""
        return self._partner.api_version.may_dispute

    def settlements_created_since(self, since: datetime) -> list[Settlement]:
        """All settlements of the partner created at or after `since` (partner API, section 9.1)."""
        created = since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return self._all_pages(
            ExchangeKind.LISTING,
            f"{self._path}/partners/settlements",
            [("createdOnOrAfter", created)],
            parse_settlements,
        )

    def settlements_named(self, external_id: str) -> list[Settlement]:
        """The settlements under one externalId: none or one, unless the partner errs."""
        found = self._all_pages(
            ExchangeKind.LOOK_UP,
            f"{self._path}/partners/settlements",
            [("externalIds", external_id)],
            parse_settlements,
            external_id=external_id,
        )
        return [each for each in found if each.external_id == external_id]

    def transfers_of(self, settlement: Settlement) -> tuple[Settlement, list[Transfer]]:
        """The settlement as it is now, and all its transfers (partner API, section 9.2).

        It may complete while its pages are read. The first page's status is the one that holds
        for all of them: what comes later can only be further on. A page about another settlement
        proves nothing about this one: it is unreadable, and asked again.
        """
        seen: list[Settlement] = []

        def parse(content: bytes) -> tuple[Transfer, ...]:
            detail = parse_settlement_detail(content, self._decimals())
            _require_about(settlement, detail)
            seen.append(detail.settlement)
            return detail.transfers

        transfers = self._all_pages(
            ExchangeKind.LOOK_UP,
            f"{self._path}/partners/settlements/{settlement.id}",
            [],
            parse,
            external_id=settlement.external_id,
        )
        return seen[0], transfers

    def connections(self) -> list[Connection]:
        """All connections of the partner, active or not (partner API, section 9.4)."""
        path = f"{self._path}/partners/connections"
        return self._all_pages(ExchangeKind.CONNECTIONS, path, [], parse_connections)

    def balances(self, *, held_too: bool = False) -> Balances:
        """What may be moved now: every connection's allocation, and the partner's own account.

        :param held_too: count what is held for something as well
        """
        own: list[Mapping[str, int] | None] = []

        def parse(content: bytes) -> tuple[AccountBalance, ...]:
            accounts, shown = parse_balances(content, self._decimals(), held_too=held_too)
            own.append(shown)
            return accounts

        accounts = self._all_pages(
            ExchangeKind.BALANCES, f"{self._path}/partners/balances", [], parse
        )
        return Balances({each.id: each.available for each in accounts}, own[0])

    def disputes(self) -> list[Dispute]:
        """All disputes of the partner's clients, retracted ones too (partner API, section 9.5)."""
        path = f"{self._path}/partners/settlement/disputes"
        return self._all_pages(
            ExchangeKind.DISPUTES, path, [("showRetracted", "true")], parse_disputes
        )

    def dispute_windows(self) -> DisputeWindows:
        """How long its clients may dispute a settlement now, and then top up (section 9.6)."""
        return dispute_windows_of(self._exchange, self._partner)

    def _all_pages(
        self,
        kind: ExchangeKind,
        path: str,
        query: Query,
        parse: Callable[[bytes], tuple[Item, ...]],
        *,
        external_id: str | None = None,
    ) -> list[Item]:
        """Read pages until an empty one: no answer carries a total, and the server may cap a page.

        After a short page the size is set to what came, so that `size * number` is the number of
        items read so far whether the server counts in asked or in capped pages. Pages that overlap
        were cut differently, or moved meanwhile: something may be missing, so all is read again.
        """
        found: dict[str, Item] = {}
        size, number = PAGE_SIZE, 0
        started = time.monotonic()
        while True:
            self._require_an_end(path, number, len(found), time.monotonic() - started)
            paging: Query = [("pageNumber", str(number)), ("pageSize", str(size))]
            answer = self._read(Read(kind, path, [*query, *paging], external_id))
            try:
                page = parse(answer.content)
            except UnreadableAnswer as error:
                raise OutcomeUnknownError(
                    f"{self._partner.name}: the answer to GET {path} cannot be read ({error}): "
                    "it is asked again",
                    partner=self._partner.name,
                ) from error
            if any(each.id in found for each in page):
                raise OutcomeUnknownError(
                    f"{self._partner.name}: the pages of GET {path} overlap, so they may not be "
                    "complete: it is asked again",
                    partner=self._partner.name,
                )
            found.update((each.id, each) for each in page)
            if not page:
                return list(found.values())
            if number == 0 and len(page) < size:
                size = len(page)
            number += 1

    def _require_an_end(self, path: str, pages: int, items: int, took_s: float) -> None:
        """No partner has so many: a server that ignores the page number would never end."""
        if pages >= MOST_PAGES or took_s > LONGEST_READING_S:
            raise OutcomeUnknownError(
                f"{self._partner.name}: GET {path} has not ended after {pages} pages with {items} "
                f"different entries in {took_s:.0f} s (bounds: {MOST_PAGES} pages, "
                f"{LONGEST_READING_S} s), so nothing of it is used: ask the partner about its "
                "paging. It is asked again",
                partner=self._partner.name,
            )

    def _read(self, read: Read) -> Answer:
        try:
            answer = self._exchange(read)
        except TransportError as error:
            raise OutcomeUnknownError(
                f"{self._partner.name}: no answer to GET {read.path} ({error}): it is asked again",
                partner=self._partner.name,
            ) from error
        if answer.status == HTTPStatus.OK:
            return answer
        said = f"GET {read.path} answers HTTP {answer.status}: {words_of(answer)}"
        if refuses_to_show(answer):
            raise CredentialsError(
                f"{self._partner.name}: {said}.",
                to_do=f"check the access token of Airflow connection {self._partner.api_conn_id}, "
                "its scopes and address range, and the OES licence; then clear this task",
                partner=self._partner.name,
                status=answer.status,
                conn_id=self._partner.api_conn_id,
            )
        raise OutcomeUnknownError(
            f"{self._partner.name}: {said}. It is asked again",
            retry_after_s(answer.headers, self._now()),
            partner=self._partner.name,
            status=answer.status,
        )


def _require_about(settlement: Settlement, detail: SettlementDetail) -> None:
    """See that a page is about the settlement that was asked for, and all its transfers too.

    :raises UnreadableAnswer: naming what it is about instead
    """
    shown = detail.settlement
    if (shown.id, shown.external_id) != (settlement.id, settlement.external_id):
        raise UnreadableAnswer(
            f"it shows settlement {shown.id} under {one_line(shown.external_id)}, not "
            f"{settlement.id} under {settlement.external_id}"
        )
    for each in detail.transfers:
        if each.settlement_id != settlement.id:
            raise UnreadableAnswer(
                f"its transfer {each.id} belongs to settlement {each.settlement_id}, not to "
                f"{settlement.id}"
            )
