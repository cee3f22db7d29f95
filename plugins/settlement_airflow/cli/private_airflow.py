"""A private Airflow for this process: its own home and metadata database under SETTLEMENT_HOME.

Must be set up before Airflow is imported. Connections still come from wherever Airflow knows them:
the environment, a secrets backend, and the connections of the Airflow that this machine is
configured for, which are copied as they are, encrypted.
"""

from __future__ import annotations

import gc
import importlib.metadata
import logging
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, redirect_stdout
from pathlib import Path

from sqlalchemy import MetaData, Table, create_engine, select
from sqlalchemy.exc import SQLAlchemyError

import settlement
from settlement.errors import ConfigurationError
from settlement.ledger.install.embedded import home
from settlement_airflow.cli.configured_airflow import ConfiguredAirflow, configured_airflow
from settlement_airflow.cli.console import say
from settlement_airflow.cli.output_log import output_into

PROJECT = Path(settlement.__file__).resolve().parents[2]
DAG_FILE = PROJECT / "dags" / "partner_settlement.py"
BUNDLES = (
    '[{"name": "dags-folder", '
    '"classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}}]'
)


def find_connections() -> None:
    """Let this process look up Airflow connections as a worker would; nothing is created."""
    if "airflow" in sys.modules:  # somebody has set it up already, and it read its settings then
        return
    theirs = configured_airflow()
    url = theirs.metadata_url or f"sqlite:///{_folder() / 'none.db'}"
    os.environ.update(_settings(theirs, url))
    if theirs.metadata_url:
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    _import_airflow()


@contextmanager
def private_metadata(conn_ids: Iterable[str]) -> Iterator[None]:
    """Let this process run a DAG, on a metadata database of its own that is gone at the end.

    One database a process: several runs at once do not meet in it, and what is settled is in the
    ledger.

    :raises ConfigurationError: if the configured metadata database cannot be read
    """
    theirs = configured_airflow()
    database = _folder() / f"run-{os.getpid()}.db"
    template = _folder() / f"metadata-{importlib.metadata.version('apache-airflow-core')}.db"
    os.environ.update(_settings(theirs, f"sqlite:///{database}"))
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    _forget(database)  # a killed process had our id: SQLite would replay its journal into ours
    try:
        if not template.exists():
            _create(template)
        shutil.copyfile(template, database)
        if theirs.metadata_url:
            _copy_connections(theirs.metadata_url, database, list(conn_ids))
        _import_airflow()
        yield
    finally:
        _forget(database)


def _forget(database: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)


def log_of(what: str) -> Path:
    """Where the output of a run is kept; runs of the same date follow one another in it."""
    return _folder() / "logs" / f"{what}.log"


def _folder() -> Path:
    folder = home() / "airflow"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _settings(theirs: ConfiguredAirflow, metadata_url: str) -> dict[str, str]:
    for key in ("AIRFLOW_CONFIG", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD"):
        os.environ.pop(key, None)
    return {
        "AIRFLOW_HOME": str(_folder()),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAG_FILE.parent),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": BUNDLES,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata_url,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(_folder() / "logs"),
        "AIRFLOW__LOGGING__REMOTE_LOGGING": "False",
        **theirs.settings,
    }


def _import_airflow() -> None:
    """Airflow logs to what stdout is when it is imported; results alone belong there."""
    with redirect_stdout(sys.stderr):
        import airflow.sdk  # noqa: F401, PLC0415 - reads its settings now
    gc.freeze()  # it stays: not searched again, least of all when the command ends
    logging.getLogger().setLevel(logging.WARNING)


def _create(template: Path) -> None:
    """Make an empty metadata database once per version of Airflow."""
    say(f"Preparing a private Airflow under {template.parent} (once) ...")
    with output_into(log_of("preparing")):
        from airflow.utils.db import initdb  # noqa: PLC0415 - only now that its settings are made

        initdb()
    database = Path(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].removeprefix("sqlite:///"))
    complete = template.with_name(f"{template.name}.{os.getpid()}")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(complete)) as target:
        source.backup(target)
    complete.replace(template)


def _copy_connections(url: str, database: Path, conn_ids: list[str]) -> None:
    """Rows of Airflow's connection table, untouched: secrets stay encrypted."""
    theirs, ours = create_engine(url), create_engine(f"sqlite:///{database}")
    try:
        table = Table("connection", MetaData(), autoload_with=theirs)
        with theirs.connect() as source:
            rows = source.execute(select(table).where(table.c.conn_id.in_(conn_ids))).mappings()
            found = [{**row} for row in rows]
        here = Table("connection", MetaData(), autoload_with=ours)
        with ours.begin() as target:
            for row in found:
                kept = {name: value for name, value in row.items() if name in here.c}
                target.execute(here.insert().values(kept))
    except SQLAlchemyError as error:
        raise ConfigurationError(
            "the connections of the Airflow that this machine is configured for cannot be read "
            f"({type(error).__name__}): check AIRFLOW__DATABASE__SQL_ALCHEMY_CONN, or unset it and "
            "give the connections as AIRFLOW_CONN_<ID>"
        ) from None
    finally:
        theirs.dispose()
        ours.dispose()
