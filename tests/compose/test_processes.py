"""docker-compose.yaml for real, without Docker: every service as a process of this machine.

PostgreSQL is the embedded one, Redis Debian's; commands and environments are the file's.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from settlement.business_calendar import BusinessCalendar
from settlement.ledger.embedded import EmbeddedServer
from settlement.partner_file import load_partner, partners_dir
from settlement_airflow.up.stack import PROJECT
from support.compose_file import env_for_rehearsals, services_with
from support.compose_here import Here
from support.compose_processes import Processes
from support.debian import program_of
from support.one_airflow import only_airflow
from support.rest import DAG, AirflowRest, once

PASSWORDS_COUNT = "local all postgres trust\nlocal all all scram-sha-256\n"
"""The embedded PostgreSQL lets everybody in otherwise."""
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "signer")
