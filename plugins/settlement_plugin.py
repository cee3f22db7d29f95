"""The project's only AirflowPlugin. Everything else of plugins/ is hidden by .airflowignore."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class SettlementPlugin(AirflowPlugin):
    """Shows in Airflow's list of plugins that the project is installed."""

    name = "settlement"
