"""Airflow for parsing only."""

from tests.fakes import airflow_home

airflow_home.prepare()
