"""Ids that the sandbox makes up: deterministic, so that the same story has the same ids."""

from __future__ import annotations

import uuid

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "partner-sandbox.invalid")


def made_up_id(*parts: str) -> str:
    """Return a UUID that depends on nothing but the parts."""
    return str(uuid.uuid5(_NAMESPACE, "\n".join(parts)))
