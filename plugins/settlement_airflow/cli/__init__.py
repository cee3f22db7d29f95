"""The command `settlement`: what a person types, at a desk or at 3 a.m."""

from __future__ import annotations

import gc

NEW_OBJECTS = 50_000
"""Airflow makes a million objects that stay: Python's 700 would look through them all the time."""


def main() -> None:
    """Run the command; exit code 0 is done, 1 is not done, 2 is usage or configuration."""
    gc.set_threshold(NEW_OBJECTS)
    from settlement_airflow.cli.app import app  # noqa: PLC0415 - nothing to load for an import

    app(prog_name="settlement")
