"""What a fault makes of an answer."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from partner_sandbox.faults import Fault, FaultKind
from partner_sandbox.messages import JSON_TYPE, Response, json_response

_PAGE = b"<html><head><title>%d</title></head><body><h1>%s</h1></body></html>"
_HTML_TYPE = {"Content-Type": "text/html"}

_ERRORS_BEFORE: dict[FaultKind, tuple[int, str]] = {
    FaultKind.ERROR_BEFORE: (500, "internal error"),
    FaultKind.CONFLICT: (409, "a settlement with this externalId already exists"),
    FaultKind.BAD_TOKEN: (401, "unauthorized"),
    FaultKind.FORBIDDEN: (403, "forbidden"),
    FaultKind.BAD_REQUEST: (400, "bad request"),
    FaultKind.TOO_LARGE: (413, "request entity too large"),
}
_PAGES_BEFORE: dict[FaultKind, tuple[int, bytes]] = {
    FaultKind.BAD_GATEWAY: (502, b"Bad Gateway"),
    FaultKind.UNAVAILABLE: (503, b"Service Unavailable"),
}


def answer_before(fault: Fault) -> Response | None:
    """Return the answer of a fault that leaves the request unprocessed; None for other faults."""
    kind = fault.fault
    if kind in _ERRORS_BEFORE:
        status, message = _ERRORS_BEFORE[kind]
        return json_response(status, {"error": message})
    if kind in _PAGES_BEFORE:
        return _page(*_PAGES_BEFORE[kind])
    if kind is FaultKind.RATE_LIMITED:
        return rate_limited(fault.wait_seconds)
    if kind is FaultKind.REDIRECT:
        return Response(302, {"Location": "/login", **_HTML_TYPE}, b"")
    return None


def rate_limited(wait_seconds: float) -> Response:
    """Return the answer to a request above the rate limit."""
    content = {
        "error": "rate limit exceeded",
        "name": "TooManyRequests",
        "requestId": "sandbox-request",
    }
    return json_response(429, content, {"Retry-After": str(math.ceil(wait_seconds))})


def answer_after(fault: Fault, answer: Response) -> Response:
    """Return the answer of a fault that lets the request be processed."""
    match fault.fault:
        case FaultKind.ERROR_AFTER:
            return json_response(500, {"error": "internal error"})
        case FaultKind.GATEWAY_TIMEOUT:
            return _page(504, b"Gateway Timeout")
        case FaultKind.DELAY:
            return replace(answer, delay_seconds=fault.wait_seconds)
        case FaultKind.DRIP:
            return replace(answer, drip_seconds=fault.wait_seconds)
        case FaultKind.TRUNCATED:
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        case FaultKind.HTML:
            page = _page(answer.status, b"Something happened")
            return replace(answer, headers=page.headers, body=page.body)
        case FaultKind.EMPTY:
            return replace(answer, body=b"")
        case FaultKind.WRONG_EXTERNAL_ID:
            return _with_wrong_external_id(answer)
        case _:
            return answer


def _with_wrong_external_id(answer: Response) -> Response:
    if answer.headers.get("Content-Type") != JSON_TYPE:
        return answer
    content: dict[str, Any] = json.loads(answer.body)
    settlement = content.get("settlement")
    if settlement is None:
        return answer
    settlement["externalId"] = f"not-{settlement['externalId']}"
    return json_response(answer.status, content)


def _page(status: int, title: bytes) -> Response:
    return Response(status, _HTML_TYPE, _PAGE % (status, title))
