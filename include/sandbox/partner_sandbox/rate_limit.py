"""The limit of requests per minute, a sliding one (partner API, section 2)."""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import datetime, timedelta

_WINDOW = timedelta(seconds=60)


class RateLimit:
    """What each user has asked for within the last minute; refused requests do not count."""

    def __init__(self) -> None:
        self._admitted: defaultdict[str, deque[datetime]] = defaultdict(deque)

    def wait(self, user_id: str, now: datetime, per_minute: int | None) -> float:
        """Admit a request and return 0, or return the seconds until one is admitted again."""
        if per_minute is None:
            return 0
        admitted = self._admitted[user_id]
        while admitted and now - admitted[0] >= _WINDOW:
            admitted.popleft()
        if len(admitted) >= per_minute:
            return (admitted[-per_minute] + _WINDOW - now).total_seconds()
        admitted.append(now)
        return 0
