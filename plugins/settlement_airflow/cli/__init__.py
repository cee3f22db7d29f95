"""The command `settlement`: what a person types, at a desk or at 3 a.m."""

from __future__ import annotations


def main() -> None:
    """Run the command; exit code 0 is done, 1 is not done, 2 is usage or configuration."""
    from settlement_airflow.cli.app import app  # noqa: PLC0415 - nothing to load for an import

    app(prog_name="settlement")
