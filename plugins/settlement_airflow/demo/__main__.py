"""The story, told with the commands that a person would type."""

from __future__ import annotations

import sys

from settlement_airflow.demo.story import tell

sys.exit(tell())
