"""An answer in words: what the partner says in it, whom it refuses, and how long to wait."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from settlement.partner.answers import partners_word
from settlement.partner.exchange import Answer

ERROR_TEXT_LIMIT = 500
RETRY_AFTER_LIMIT_S = 86_400
SMALL_INTEGER = re.compile(r"[0-9]{1,6}")


def refuses_to_show(answer: Answer) -> bool:
    """Whether the partner itself refuses the token or its rights; a proxy's page does not."""
    refused = answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    return refused and partners_word(answer.content) is not None


def words_of(answer: Answer) -> str:
    """What the partner says, in one short line; of a page of something in between, that it is."""
    content = partners_word(answer.content)
    if content is not None and isinstance(content.get("error"), str):
        return one_line(str(content["error"]))
    beginning = answer.content[: 4 * ERROR_TEXT_LIMIT].decode("utf-8", errors="replace")
    said = one_line(beginning) or "empty answer"
    return said if content is not None else f"not the partner's own word, perhaps a proxy's: {said}"


def one_line(text: str) -> str:
    """The text, shortened to one line that the ledger can store: no NUL, no half characters."""
    storable = text.replace("\x00", "").encode("utf-8", errors="replace").decode()
    printable = " ".join(storable.split())
    return printable if len(printable) <= ERROR_TEXT_LIMIT else printable[:ERROR_TEXT_LIMIT] + "…"


def retry_after_s(headers: Mapping[str, str], now: datetime) -> int | None:
    """Seconds to wait by the Retry-After header: a number of seconds or an HTTP date (RFC 9110)."""
    text = headers.get("retry-after", "").strip()
    if SMALL_INTEGER.fullmatch(text):
        return min(int(text), RETRY_AFTER_LIMIT_S)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(0, int((at - now).total_seconds())), RETRY_AFTER_LIMIT_S)
