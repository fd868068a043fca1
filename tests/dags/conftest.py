"""Airflow for parsing only: its home is a folder that is thrown away, before anything imports it."""

import os
import tempfile

_HOME = tempfile.mkdtemp(prefix="soh-airflow-")
os.environ.update(
    AIRFLOW_HOME=_HOME,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{_HOME}/airflow.db",
)
