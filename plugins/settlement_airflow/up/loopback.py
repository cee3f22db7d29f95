"""The name of this machine for a local Airflow, which listens on loopback only."""

from __future__ import annotations


def address() -> str:
    """Where components find each other's logs; the machine's own name may be another interface."""
    return "127.0.0.1"
