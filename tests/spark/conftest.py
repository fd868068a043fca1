"""One local SparkSession for all tests, with the real Iceberg on a folder of its own."""

import logging
import os
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from tests import quick_spark

from soh.local import class_archive
from soh_spark.scoring import INTERPRETED
from soh_spark.scoring import SETTINGS as SCORING
from soh_spark.session import COMPACTION, STREAMING, open_session

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> SparkSession:
    assert class_archive.ARCHIVE.exists(), "no archive of classes in .venv/jars: ./soh up puts it there"
    # Read from nowhere else: Python workers are of this environment too.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    warehouse = tmp_path_factory.mktemp("warehouse")
    session = open_session(
        {
            **STREAMING,
            **COMPACTION,
            # What runs interpreted says so.
            **{name: value for name, value in SCORING.items() if name not in INTERPRETED},
            **quick_spark.SETTINGS,
            "spark.master": "local[2]",
            "spark.app.name": "tests",
            "spark.driver.memory": "1g",
            # Python workers import what on YARN comes in a zip.
            "spark.executorEnv.PYTHONPATH": f"{PROJECT / 'include'}:{PROJECT / 'spark_apps'}",
            "spark.sql.artifact.isolation.enabled": "false",
            "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
            "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog",
            "spark.sql.catalog.lake.type": "hadoop",
            "spark.sql.catalog.lake.warehouse": str(warehouse),
            "spark.default.parallelism": "1",
            "spark.sql.shuffle.partitions": "1",
            "spark.sql.warehouse.dir": str(warehouse),
        }
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()
    logging.shutdown()
