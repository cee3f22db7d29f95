"""Staying under the partner's request limit without any state that is shared between workers."""

from __future__ import annotations

import threading
import time
from functools import lru_cache

REQUESTS_PER_MINUTE = 350
"""What is sent per minute and access token. The partner allows 360 (partner API, section 2); the
margin is for those that are on the way for longer than others, so arrive closer together."""
POOL_SLOTS = 2
"""Slots of the Airflow pool `partner_api`. A task paces itself at the share that it occupies."""
OUTSIDE_THE_POOL = 0
"""Slots of a task that must not wait for the pool: the watch, and what people do by a form."""
GUEST_REQUESTS_PER_MINUTE = 10
"""What such a task sends a minute beside a full pool: the partner's limit less the pool's share."""


class Pacer:
    """Lets one exchange start at least `interval_s` seconds after the one before."""

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self._lock = threading.Lock()
        self._next_start = 0.0

    def wait(self) -> None:
        """Sleep until the next exchange may start."""
        with self._lock:
            time.sleep(max(0.0, self._next_start - time.monotonic()))
            self._next_start = time.monotonic() + self.interval_s


@lru_cache
def pacer_for(base_url: str, pool_slots: int) -> Pacer:
    """The one pacer of this process for that address, for a task that occupies so many slots."""
    del base_url  # a key of the cache
    if pool_slots == OUTSIDE_THE_POOL:
        return Pacer(60 / GUEST_REQUESTS_PER_MINUTE)
    return Pacer(60 * POOL_SLOTS / (REQUESTS_PER_MINUTE * pool_slots))
