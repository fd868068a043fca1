from pathlib import Path
from types import SimpleNamespace

import pytest

from soh.local.class_archive import ARCHIVE
from soh_spark.session import _SAYS_IT_EVERY_BATCH, jvm, pace


@pytest.mark.parametrize(("settings", "expected"), [({}, 1), ({"spark.soh.pace": "5"}, 5)])
def test_streams_go_at_the_pace_of_the_cluster_which_is_the_declared_one_if_nothing_is_said(settings, expected):
    assert pace(SimpleNamespace(conf=settings)) == expected


def test_what_spark_would_warn_of_at_every_batch_is_left_out_of_the_log(spark):
    log4j = jvm(spark).org.apache.logging.log4j
    spark.sparkContext.setLogLevel("WARN")
    try:
        for name in _SAYS_IT_EVERY_BATCH:
            assert not log4j.LogManager.getLogger(name).isWarnEnabled()
        assert log4j.LogManager.getLogger("org.apache.spark.scheduler.DAGScheduler").isWarnEnabled()
    finally:
        spark.sparkContext.setLogLevel("ERROR")


def test_these_tests_start_spark_from_the_archive_of_classes(spark):
    pid = jvm(spark).java.lang.ProcessHandle.current().pid()
    assert str(ARCHIVE) in Path(f"/proc/{pid}/maps").read_text()
