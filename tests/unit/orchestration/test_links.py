"""The plugin: one whose import fails vanishes silently, so it is looked for where Airflow looks."""

from __future__ import annotations

import pytest
from airflow import plugins_manager

from soh.orchestration.batch_app import BatchAppOperator
from soh.orchestration.night import NightOperator
from soh.orchestration.retrain import TrainOperator
from soh.orchestration.spark_app import LinkKey
from soh.orchestration.stream_app import StreamAppOperator


@pytest.fixture
def links():
    return {link.name: link for link in plugins_manager.get_operator_extra_links() if "soh." in type(link).__module__}


def test_the_plugin_loads_and_registers_every_link(links):
    assert plugins_manager.get_import_errors() == {}
    assert set(links) == {"YARN application", "Driver log", "Checkpoints"}


def test_every_key_that_a_task_stores_has_one_link(links):
    assert sorted(link.xcom_key for link in links.values()) == sorted(key.value for key in LinkKey)


def test_links_hang_on_the_apps_that_store_them(links):
    assert links["Checkpoints"].operators == [StreamAppOperator]
    assert links["Driver log"].operators == [StreamAppOperator, BatchAppOperator, NightOperator, TrainOperator]
