"""Kinds of faults that any request to the partner may meet."""

from __future__ import annotations

from partner_sandbox.faults import FaultKind

EVERYWHERE = (
    FaultKind.DROP_BEFORE,
    FaultKind.DROP_AFTER,
    FaultKind.ERROR_BEFORE,
    FaultKind.ERROR_AFTER,
    FaultKind.RATE_LIMITED,
    FaultKind.BAD_GATEWAY,
    FaultKind.UNAVAILABLE,
    FaultKind.GATEWAY_TIMEOUT,
    FaultKind.REDIRECT,
    FaultKind.TRUNCATED,
    FaultKind.HTML,
    FaultKind.EMPTY,
    FaultKind.BAD_TOKEN,
    FaultKind.FORBIDDEN,
    FaultKind.BAD_REQUEST,
    FaultKind.TOO_LARGE,
    FaultKind.DELAY,
    FaultKind.DRIP,
    FaultKind.CAPPED_PAGES,
)
