"""The services of a copy: what the order of their start and their arguments promise."""

import pytest

from soh.local.options import FleetOptions
from soh.local.services import airflow_environment, all_services
from soh.specs import FLEETS


@pytest.fixture
def services(home):
    return {service.name: service for service in all_services(home, FleetOptions(data="/recorded"))}


def test_there_are_the_servers_that_the_design_names(services):
    assert set(services) == {
        "postgres",
        *("kafka-1", "kafka-2", "kafka-3"),
        *("namenode", "datanode-1", "datanode-2"),
        *("resourcemanager", "nodemanager-1", "nodemanager-2"),
        *("s3proxy", "influxdb", "scores-to-tsdb", "scores-to-s3"),
        *("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"),
        *(f"fleet-{name}" for name in FLEETS),
    }


def test_a_server_starts_after_those_it_needs(services):
    needs = {"datanode-1": "namenode", "nodemanager-1": "namenode", "airflow-scheduler": "postgres"}
    needs |= {"airflow-triggerer": "nodemanager-2", "fleet-heat": "kafka-3", "fleet-hydraulic": "kafka-1"}
    needs |= {"scores-to-tsdb": "influxdb", "scores-to-s3": "s3proxy", "airflow-api-server": "s3proxy"}
    for later, earlier in needs.items():
        assert services[later].stage > services[earlier].stage, later


def test_what_a_first_grade_does_not_need_starts_after_what_it_needs(services):
    needed = max(services[name].stage for name in ("airflow-scheduler", "airflow-api-server", "scores-to-tsdb"))
    assert services["scores-to-s3"].stage > needed


def test_a_run_of_a_stream_app_that_was_stopped_can_go_on_before_the_app_is_waited_for(services):
    assert services["airflow-triggerer"].stage == services["airflow-scheduler"].stage


def test_no_argument_list_holds_a_secret(home, services):
    for service in services.values():
        text = " ".join((*service.command, *service.environment.values()))
        assert not [name for name, value in home.secrets.items() if value in text], service.name


def test_without_a_recording_only_the_fleets_that_need_none_are_there(home):
    names = {service.name for service in all_services(home, FleetOptions())}
    assert {f"fleet-{name}" for name, fleet in FLEETS.items() if fleet.needs_data} & names == set()
    assert "fleet-heat" in names


def test_fleets_get_the_sizes_that_were_chosen(home):
    options = FleetOptions(heat_facilities=7, heat_period_seconds=0.5, hours_to_degrade=2, data="/d")
    commands = {service.name: service.command for service in all_services(home, options)}
    heat, hydraulic = " ".join(commands["fleet-heat"]), " ".join(commands["fleet-hydraulic"])
    assert "--facilities 7 --period 0.5 --hours-to-degrade 2" in heat
    assert "--data /d/hydraulic" in hydraulic
    assert "--hours-to-degrade" not in hydraulic
    assert "--past" not in heat + hydraulic


def test_a_meter_takes_the_place_of_the_hidden_faults(home):
    options = FleetOptions(hours_to_degrade=2, meter="/recorded/meter.csv")
    heat = next(" ".join(one.command) for one in all_services(home, options) if one.name == "fleet-heat")
    assert "--meter /recorded/meter.csv" in heat
    assert "--hours-to-degrade" not in heat


@pytest.mark.parametrize(("past", "replayed"), [(0, "--past 0"), (1.5, None)])
def test_the_virtual_fleet_gets_the_past_that_was_chosen_and_the_replayed_one_only_none(home, past, replayed):
    commands = {service.name: service.command for service in all_services(home, FleetOptions(past=past, data="/d"))}
    assert f"--past {past:g}" in " ".join(commands["fleet-heat"])
    hydraulic = " ".join(commands["fleet-hydraulic"])
    assert ("--past" in hydraulic) == (replayed is not None)
    assert (replayed or "") in hydraulic


def test_postgresql_takes_passwords_over_tcp_only(services):
    assert "unix_socket_directories=" in services["postgres"].command
    assert services["postgres"].stop_signal == "INT"


def test_who_writes_grades_is_told_where_its_password_is(home, services):
    words = services["scores-to-tsdb"].command
    told = dict(zip(words[3::2], words[4::2], strict=True))
    assert words[1:3] == ("-m", "soh.serving.scores_to_tsdb")
    assert told["--kafka"] == home.endpoints.kafka
    assert told["--tsdb"] == home.endpoints.tsdb
    assert (told["--database"], told["--user"]) == (home.endpoints.tsdb_database, "writer")
    assert told["--password-file"] == str(home.conf / "tsdb-writer.password")


def test_who_lands_grades_is_told_where_its_keys_are(home, services):
    words = services["scores-to-s3"].command
    told = dict(zip(words[3::2], words[4::2], strict=True))
    assert words[1:3] == ("-m", "soh.serving.scores_to_s3")
    assert (told["--kafka"], told["--s3"]) == (home.endpoints.kafka, home.endpoints.s3)
    assert told["--bucket"] == home.endpoints.lake_bucket
    assert told["--access-key-file"] == str(home.conf / "s3-access.key")
    assert told["--secret-key-file"] == str(home.conf / "s3-secret.key")


def test_grades_land_as_often_as_was_chosen_or_as_the_service_does_by_itself(home):
    for options, expected in ((FleetOptions(landing_seconds=10), "--every 10"), (FleetOptions(), None)):
        landing = next(" ".join(one.command) for one in all_services(home, options) if one.name == "scores-to-s3")
        assert ("--every" in landing) == (expected is not None)
        assert (expected or "") in landing


def test_airflows_environment_finds_java_spark_and_the_library(home):
    environment = airflow_environment(home)
    assert environment["PATH"].startswith(environment["PYSPARK_PYTHON"].removesuffix("/python"))
    assert environment["JAVA_HOME"] in environment["PATH"]
    assert environment["HADOOP_CONF_DIR"] == str(home.hadoop_conf)
    assert environment["PYTHONPATH"].endswith("/include")
    assert environment["PYSPARK_ARCHIVES_PATH"].startswith("local:/")
    assert "/.venv/spark/" in environment["PYSPARK_ARCHIVES_PATH"]
