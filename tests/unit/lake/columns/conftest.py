"""Java in the process of the tests, and Iceberg on a folder."""

from __future__ import annotations

import shlex
from dataclasses import replace
from itertools import count

import pytest
from tests.unit.lake.columns.tables import Lake

from soh.lake.columns import jvm
from soh.lake.columns.engine import ColumnsEngine
from soh.lake.landing import Landing
from soh.local import class_archive
from soh.specs.tables import HYDRAULIC_RAW

_NUMBERS = count()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> ColumnsEngine:
    jvm.start(class_archive.class_path().split(":"), shlex.split(class_archive.JAVA_OPTIONS))
    warehouse = tmp_path_factory.mktemp("warehouse").as_uri()
    catalog = jvm.iceberg().hadoop.HadoopCatalog(jvm.java("org.apache.hadoop.conf").Configuration(), warehouse)
    landing = Landing(endpoint="http://127.0.0.1:9", bucket="s3://none", access_key="", secret_key="")
    return ColumnsEngine(catalog, landing)


@pytest.fixture
def lake(engine: ColumnsEngine) -> Lake:
    """An empty table with the columns of `hydraulic_raw`."""
    return made(engine)


def made(engine: ColumnsEngine) -> Lake:
    spec = replace(HYDRAULIC_RAW, name=f"columns_test_{next(_NUMBERS)}")
    engine.ensure(spec)
    return Lake(engine=replace(engine), spec=spec)
