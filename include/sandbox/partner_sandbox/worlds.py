"""The worlds that a sandbox can be started with, by name or from a file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from partner_sandbox.demo_world import (
    demo_broker_world,
    demo_full_units_world,
    demo_world,
    demo_world_with_disputes,
)
from partner_sandbox.world import World

WORLDS: Mapping[str, Callable[[], World]] = {
    "demo": demo_world,
    "disputes": partial(
        demo_world_with_disputes, dispute_window_minutes=5, top_up_window_minutes=1
    ),  # short ones: who rehearses sits there and waits
    "broker": demo_broker_world,
    "full-units": demo_full_units_world,
}
"""One for each kind of partner; the enterprise, its clients, token and key are the demo's."""


def world_called(name: str) -> World:
    """Return the world of that name, or of the TOML file at that path.

    Raises:
        OSError: no such name, and no file to read.
        ValueError: not TOML, or not a world (pydantic's error names the field).

    """
    if name in WORLDS:
        return WORLDS[name]()
    return World.model_validate(tomllib.loads(Path(name).read_text("utf-8")))
