"""The platform check on real servers, and what it says when one is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from soh import checks
from soh.errors import ServerUnreachable
from soh.kafka import admin
from soh.kafka.plan import plan
from soh.specs import TOPICS


@pytest.fixture(scope="module")
def endpoints(servers):
    found = servers.home.endpoints
    admin.apply(found.kafka, plan(TOPICS.values(), admin.describe(found.kafka, list(TOPICS))))
    return found


def test_every_server_is_touched(endpoints, servers):
    assert checks.check_kafka(endpoints)["brokers"] == 3
    assert checks.check_hdfs(endpoints) == {"datanodes": 2}
    assert checks.check_yarn(endpoints) == {"nodemanagers": 2}
    assert checks.check_catalog(endpoints, servers.home.secrets["catalog_db"]) == {}


def test_a_record_is_written_anew_by_each_check(endpoints):
    first, second = (checks.check_kafka(endpoints)["offset"] for _ in range(2))
    assert second > first


@pytest.mark.parametrize(
    ("check", "change"),
    [
        (checks.check_kafka, {"kafka": "127.0.0.1:1"}),
        (checks.check_hdfs, {"webhdfs": "http://127.0.0.1:1"}),
        (checks.check_yarn, {"yarn": "http://127.0.0.1:1"}),
        (lambda endpoints: checks.check_catalog(endpoints, "x"), {"catalog_port": 1}),
    ],
    ids=["kafka", "hdfs", "yarn", "catalog"],
)
def test_a_server_that_does_not_answer_is_named_by_its_address(endpoints, check, change):
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1"):
        check(replace(endpoints, **change))


def test_a_broker_that_is_down_makes_kafka_red_though_the_others_serve(endpoints, servers):
    broker = servers.services["kafka-3"]
    servers.supervisor.stop([broker.name])
    try:
        with pytest.raises(ServerUnreachable, match="Kafka"):
            checks.check_kafka(endpoints)
    finally:
        servers.supervisor.start([broker])
        servers.wait([broker])


def test_the_file_of_the_check_is_gone_afterwards(endpoints):
    checks.check_hdfs(endpoints)
    hdfs = checks.Hdfs(endpoints.webhdfs, endpoints.hdfs_user)
    assert hdfs.listing("/soh/platform_check") == {}
