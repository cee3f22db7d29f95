"""Where the sandbox listens and which world it has if nothing is said; nothing to import for it."""

from __future__ import annotations

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8480
DEFAULT_WORLD = "demo"
