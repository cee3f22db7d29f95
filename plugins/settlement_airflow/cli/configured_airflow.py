"""The Airflow that is configured on this machine, if any: where its connections are kept.

Read from the environment and airflow.cfg without importing Airflow, which would set up a home of
its own. Values that airflow.cfg only names a command for (`sql_alchemy_conn_cmd`) are not known.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SECRETS = ("backend", "backend_kwargs")


@dataclass(frozen=True, slots=True)
class ConfiguredAirflow:
    """`metadata_url`: the metadata database, or None; `settings`: what reading secrets needs."""

    metadata_url: str | None
    settings: Mapping[str, str]

    def __repr__(self) -> str:
        return f"ConfiguredAirflow(settings={sorted(self.settings)})"


def configured_airflow(environment: Mapping[str, str] = os.environ) -> ConfiguredAirflow:
    """What the environment and airflow.cfg say about the Airflow of this machine."""
    home = Path(environment.get("AIRFLOW_HOME") or Path.home() / "airflow").expanduser()
    config = configparser.ConfigParser(interpolation=None, strict=False)
    config.read(environment.get("AIRFLOW_CONFIG") or home / "airflow.cfg", encoding="utf-8")
    wanted = [("core", "fernet_key"), *(("secrets", key) for key in SECRETS)]
    settings: dict[str, str] = {}
    for section, key in wanted:
        name = f"AIRFLOW__{section.upper()}__{key.upper()}"
        value = environment.get(name) or config.get(section, key, fallback="")
        if value:
            settings[name] = value
    url = environment.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN") or config.get(
        "database", "sql_alchemy_conn", fallback=""
    )
    if not url and (home / "airflow.db").exists():
        url = f"sqlite:///{home / 'airflow.db'}"
    return ConfiguredAirflow(url or None, settings)
