"""The stores beside the lake: closed to whoever has no key, and quiet."""

import tomllib

from soh.local import configs, store_configs


def test_the_object_store_takes_signed_requests_only_with_the_keys_of_this_copy(home):
    settings = store_configs.s3proxy(home)
    assert settings["s3proxy.authorization"] == "aws-v2-or-v4"
    assert settings["s3proxy.identity"] == home.secrets["s3_access_key"]
    assert settings["s3proxy.credential"] == home.secrets["s3_secret_key"]


def test_influxdb_reads_its_file_as_it_was_meant(home):
    configs.write_all(home)
    found = tomllib.loads((home.conf / "influxdb.conf").read_text())
    wanted = store_configs.influxdb(home)
    assert {name: found.pop(name) for name in wanted[""]} == wanted.pop("")
    assert found == wanted


def test_influxdb_asks_for_a_password_calls_nobody_and_forgets_within_the_hour(home):
    settings = store_configs.influxdb(home)
    assert settings["http"]["auth-enabled"] is True
    assert settings[""]["reporting-enabled"] is False
    assert settings["subscriber"]["enabled"] is False
    assert settings["retention"]["check-interval"] == "30m0s"


def test_influxdb_makes_no_database_that_never_forgets(home):
    assert store_configs.influxdb(home)["meta"]["retention-autocreate"] is False
    assert store_configs.influxdb(home)["monitor"]["store-enabled"] is False


def test_influxdb_writes_no_question_into_its_log_for_some_hold_passwords(home):
    settings = store_configs.influxdb(home)
    assert settings["data"]["query-log-enabled"] is False
    assert settings["http"]["log-enabled"] is False
