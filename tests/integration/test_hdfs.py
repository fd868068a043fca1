"""Files on real HDFS, and a DataNode that dies."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from soh.errors import ServerUnreachable
from soh.hdfs import Hdfs


@pytest.fixture
def hdfs(servers):
    return Hdfs(servers.home.endpoints.webhdfs, servers.home.endpoints.hdfs_user)


def test_what_is_written_is_listed_read_and_deleted(hdfs):
    hdfs.write_text("/soh/it/a.json", '{"온도": 1}')
    assert hdfs.read_text("/soh/it/a.json") == '{"온도": 1}'
    found = hdfs.listing("/soh/it")["a.json"]
    assert found.length == len('{"온도": 1}'.encode())
    assert abs(found.modified - datetime.now(UTC)) < timedelta(minutes=1)
    hdfs.delete("/soh/it/a.json")
    assert hdfs.read_text("/soh/it/a.json") is None
    assert hdfs.listing("/soh/it") == {}


def test_a_folder_that_is_missing_is_empty(hdfs):
    assert hdfs.listing("/soh/nowhere") == {}


def test_a_file_outlives_one_of_its_two_datanodes(servers, hdfs):
    hdfs.write_text("/soh/it/kept", "x" * 1000)
    servers.supervisor._rpc.signalProcess("datanode-1", "KILL")
    deadline = time.monotonic() + 60
    while True:
        try:
            assert hdfs.read_text("/soh/it/kept") == "x" * 1000
            break
        except ServerUnreachable:
            assert time.monotonic() < deadline
            time.sleep(1)
    servers.wait([servers.services["datanode-1"]])


def test_a_namenode_that_is_not_there_is_named_in_the_error():
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1"):
        Hdfs("http://127.0.0.1:1", "nobody").listing("/")
