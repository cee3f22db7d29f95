"""The short version of `make clear-fuzz`, in every run of the tests."""

from __future__ import annotations

import tempfile
from pathlib import Path

from clear_fuzz.site import running_site
from clear_fuzz.story import SCHEDULED_DAYS, Story

SEED = 1
DAYS = 1 + SCHEDULED_DAYS
SECONDS = 30


def test_whatever_is_cleared_every_date_is_settled_once() -> None:
    """Half a minute of it, then everything is put right: what is booked is what is owed."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        home = Path(folder)
        with running_site(home, SEED, DAYS) as site:
            Story(site, home / "actions.log").play(SECONDS)
