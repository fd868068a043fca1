"""An Airflow that is configured for parsing only: no database, no examples, no plugins but ours."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def prepare() -> None:
    """Give this process a home for Airflow that is thrown away, before anything imports it.

    Settings go into its configuration file: variables would leak into servers that other tests start.
    """
    if "airflow" in sys.modules:
        return
    home = Path(tempfile.mkdtemp(prefix="soh-airflow-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    (home / "airflow.cfg").write_text(
        "[core]\n"
        "load_examples = False\n"
        f"dags_folder = {PROJECT / 'dags'}\n"
        f"plugins_folder = {PROJECT / 'plugins'}\n"
        "[database]\n"
        f"sql_alchemy_conn = sqlite:///{home / 'airflow.db'}\n"
        "[api_auth]\n"
        f"jwt_secret = {secrets.token_urlsafe(64)}\n"
        "[logging]\n"
        "logging_level = WARNING\n"
    )
    os.environ["AIRFLOW_HOME"] = str(home)
