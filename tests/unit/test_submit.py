"""What spark-submit is told."""

from __future__ import annotations

import subprocess
import zipfile
from dataclasses import asdict

import pytest
from tests.fakes.endpoints import ENDPOINTS, SECRETS

from soh.bundle import write_bundle
from soh.errors import BadInput
from soh.specs import BATCH_APPS, STREAM_APPS
from soh.specs.apps import COMPACT_DAY
from soh.specs.streams import LAKE, SCORING
from soh.submit import batch_arguments, properties, spark_arguments, spark_settings


def settings(app=LAKE, conf=(), **more):
    return spark_settings(app, ENDPOINTS, "soh_run_1", dict(conf), SECRETS, **more)


def test_an_app_is_tagged_by_its_name_and_its_run():
    assert settings()["spark.yarn.tags"] == "soh_app_lake,soh_run_1"
    assert settings(COMPACT_DAY, work_tag="soh_work_1")["spark.yarn.tags"] == "soh_app_compact_day,soh_work_1,soh_run_1"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("spark.yarn.maxAppAttempts", "1"),
        ("spark.yarn.submit.waitAppCompletion", "false"),
        ("spark.scheduler.mode", "FAIR"),
        ("spark.sql.session.timeZone", "UTC"),
        ("spark.driver.memory", "768m"),
        ("spark.executor.memory", "640m"),
        ("spark.executor.instances", "1"),
        ("spark.sql.catalog.lake.type", "jdbc"),
        ("spark.sql.catalog.lake.uri", "jdbc:postgresql://127.0.0.1:6/lake_catalog"),
        ("spark.sql.catalog.lake.jdbc.password", SECRETS.catalog_password),
        ("spark.sql.catalog.lake.jdbc.schema-version", "V1"),
        ("spark.sql.catalog.lake.warehouse", "hdfs://127.0.0.1:8020/soh/warehouse"),
        ("spark.sql.catalog.lake.io-impl", "org.apache.iceberg.io.ResolvingFileIO"),
        ("spark.sql.catalog.lake.s3.endpoint", "http://127.0.0.1:8"),
        ("spark.sql.catalog.lake.s3.path-style-access", "true"),
        ("spark.sql.catalog.lake.s3.access-key-id", SECRETS.s3_access_key),
        ("spark.sql.catalog.lake.s3.secret-access-key", SECRETS.s3_secret_key),
        ("spark.sql.catalog.lake.client.region", "us-east-1"),
        ("spark.soh.lake", "s3://lake"),
        ("spark.soh.registry.port", "6"),
        ("spark.soh.registry.password", SECRETS.registry_password),
        ("spark.soh.s3.endpoint", "http://127.0.0.1:8"),
        ("spark.soh.s3.access.key", SECRETS.s3_access_key),
        ("spark.soh.s3.secret.key", SECRETS.s3_secret_key),
        ("spark.soh.models", "s3://soh-models"),
    ],
)
def test_settings(key, value):
    assert settings()[key] == value


def test_a_driver_that_plans_every_second_is_compiled_for_speed_and_no_other():
    apps = {**STREAM_APPS, **BATCH_APPS}
    with_both = {
        name for name, app in apps.items() if "TieredStopAtLevel" not in settings(app)["spark.driver.extraJavaOptions"]
    }
    assert with_both == {"scoring"}


def test_all_cores_of_an_executor_collect_its_garbage_and_a_single_one_does_not_share_itself():
    apps = {**STREAM_APPS, **BATCH_APPS}
    collects = {name: settings(app)["spark.executor.extraJavaOptions"] for name, app in apps.items()}
    two = {"lake", "scoring"}
    assert {name: java for name, java in collects.items() if name in two} == dict.fromkeys(
        two, "-XX:+UseParallelGC -XX:ParallelGCThreads=2"
    )
    assert {java for name, java in collects.items() if name not in two} == {"-XX:+UseSerialGC"}


def test_the_cluster_may_resize_an_app_but_not_undo_its_supervision():
    conf = {"spark.executor.memory": "4g", "spark.yarn.maxAppAttempts": "5", "spark.yarn.tags": "mine"}
    found = settings(conf=conf)
    assert found["spark.executor.memory"] == "4g"
    assert found["spark.yarn.maxAppAttempts"] == "1"
    assert found["spark.yarn.tags"] == "soh_app_lake,soh_run_1"


def test_no_setting_is_declared_with_a_secret_in_sight():
    assert not [value for value in asdict(SECRETS).values() if value in repr(SECRETS)]


def test_arguments_hold_addresses_and_no_secret():
    assert spark_arguments(LAKE, ENDPOINTS) == [
        "--app",
        "lake",
        "--kafka",
        ENDPOINTS.kafka,
        "--checkpoints",
        "hdfs://127.0.0.1:8020/soh/checkpoints",
    ]


def test_only_an_app_that_grades_is_told_where_to_say_with_which_model():
    told = ["--models-in-use", "hdfs://127.0.0.1:8020/soh/models_in_use"]
    assert spark_arguments(SCORING, ENDPOINTS)[-2:] == told
    assert not set(told) & set(spark_arguments(LAKE, ENDPOINTS))


def test_a_batch_app_is_told_where_its_figures_go():
    arguments = batch_arguments(COMPACT_DAY, ENDPOINTS, ["--day", "2026-01-01"], "soh_run_1")
    assert arguments == ["--day", "2026-01-01", "--result", "hdfs://127.0.0.1:8020/soh/results/soh_run_1.json"]


def test_a_batch_app_gets_no_empty_argument():
    with pytest.raises(BadInput, match="compact_day"):
        batch_arguments(COMPACT_DAY, ENDPOINTS, ["--day", ""], "soh_run_1")


def test_a_properties_file_is_read_back_by_java_as_it_was_meant(tmp_path):
    meant = {"spark.a": "plain", "spark.b": "$ecret\\=: ", "spark.c": "  leading", "spark.d": "한글 #!", "spark.e": ""}
    (tmp_path / "p.properties").write_text(properties(meant))
    (tmp_path / "Read.java").write_text(
        """
        import java.io.*; import java.nio.charset.StandardCharsets; import java.util.*;
        public class Read { public static void main(String[] a) throws Exception {
            Properties p = new Properties();
            p.load(new InputStreamReader(new FileInputStream(a[0]), StandardCharsets.UTF_8));
            PrintStream out = new PrintStream(System.out, true, "UTF-8");
            for (String k : new TreeSet<>(p.stringPropertyNames())) out.print(k + "=" + p.getProperty(k) + "\\0");
        } }
        """
    )
    command = ["java", "-XX:TieredStopAtLevel=1", str(tmp_path / "Read.java"), str(tmp_path / "p.properties")]
    read = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert dict(entry.split("=", 1) for entry in read.split("\0") if entry) == meant


def test_a_setting_with_a_line_break_is_refused():
    with pytest.raises(BadInput, match=r"spark\.a"):
        properties({"spark.a": "1\nspark.b=2"})


def test_the_bundle_holds_declarations_and_transforms_and_nothing_that_knows_a_server(tmp_path):
    with zipfile.ZipFile(write_bundle(tmp_path / "soh.zip")) as bundle:
        names = set(bundle.namelist())
    assert {"soh/__init__.py", "soh/errors.py", "soh/specs/__init__.py", "soh/specs/streams.py"} <= names
    assert {"soh_spark/__init__.py", "soh_spark/source.py"} <= names
    parts = {name.split("/")[1] for name in names if name.startswith("soh/")}
    assert parts == {"__init__.py", "errors.py", "s3.py", "specs", "classifier", "lake"}
    assert not {"soh/lake/catalog.py", "soh/lake/columns/engine.py"} & names
