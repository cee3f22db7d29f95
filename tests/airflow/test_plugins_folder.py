"""The guard of plugins/.airflowignore: our package is hidden from the plugin loader."""

from __future__ import annotations

import sys
from pathlib import Path

from airflow._shared.module_loading.file_discovery import find_path_from_directory
from airflow._shared.plugins_manager.plugins_manager import _load_plugins_from_plugin_directory

PLUGINS = Path(__file__).parents[2] / "plugins"


def test_the_loader_sees_one_file_only() -> None:
    """Every other file would be run again under its bare name, and could replace Python's own."""
    seen = {
        Path(path).name
        for path in find_path_from_directory(str(PLUGINS), ".airflowignore", "glob")
        if path.endswith(".py")
    }
    assert seen == {"settlement_plugin.py"}


def test_the_plugin_is_loaded_and_nothing_else_with_it() -> None:
    """Airflow's own loader, on the real folder: our plugin, no import error, no stray module."""
    before = set(sys.modules)
    plugins, errors = _load_plugins_from_plugin_directory(str(PLUGINS))
    assert errors == {}
    assert [plugin.name for plugin in plugins] == ["settlement"]
    strays = {name for name in set(sys.modules) - before if "." not in name}
    assert strays <= {"settlement_plugin"}
