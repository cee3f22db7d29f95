"""Versions of the partner API, and what sets them apart (partner API, section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """A version to which settlements are posted; `text` is its name, in files, paths and ledger.

    `may_dispute`: clients may dispute a settlement, so it shows disputed transfers and adjustments.
    `staged_by_dispute_window`: it is pending, with nothing to send, until the partner's dispute and
    top-up windows are over.
    `has_cutoff_at`: a request says `cutoffAt`.
    """

    text: str
    may_dispute: bool = False
    staged_by_dispute_window: bool = False
    has_cutoff_at: bool = False

    def __str__(self) -> str:
        return self.text


_ALL = (
    ApiVersion("v1"),
    ApiVersion("v2", may_dispute=True, staged_by_dispute_window=True, has_cutoff_at=True),
)
VERSIONS: Mapping[str, ApiVersion] = {each.text: each for each in _ALL}
FIRST = _ALL[0]
"""Only settlements are posted to later ones too. A partner file that names none means this one."""


def version_named(text: object) -> ApiVersion:
    """The version that a partner file names.

    :raises ValueError: naming those that there are
    """
    if isinstance(text, ApiVersion):
        return text
    if isinstance(text, str) and text in VERSIONS:
        return VERSIONS[text]
    raise ValueError(f"Input should be {' or '.join(map(repr, VERSIONS))}")


def version_for(*, may_dispute: bool) -> ApiVersion:
    """The first version for a partner whose clients may dispute, or may not."""
    return next(each for each in VERSIONS.values() if each.may_dispute is may_dispute)
