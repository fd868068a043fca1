"""Two sizes of a copy: what is remembered, what one server of a kind means for settings, and what fits."""

import math
import re
from dataclasses import asdict, replace

import pytest

from soh.errors import BadInput
from soh.local import configs, hadoop_configs
from soh.local.home import Home
from soh.local.options import FleetOptions
from soh.local.profile import PROFILES, SMALL, STANDARD
from soh.local.services import all_services
from soh.settings import Settings
from soh.specs import BATCH_APPS, STREAM_APPS, STREAMS, SparkAppSpec
from soh.submit import MEMORY_OVERHEAD


@pytest.fixture
def small(home):
    return replace(home, profile=SMALL)


def again(home: Home) -> Home:
    """The same copy, as the next command finds it."""
    return Home.of(Settings(home=home.path, port_base=None, data=home.path))


def test_a_copy_is_standard_until_another_profile_is_asked_for_and_keeps_that(home, small):
    assert again(home).profile == STANDARD
    small.make()
    assert again(home).profile == SMALL
    assert again(home).with_profile(None).profile == SMALL


def test_a_copy_made_before_there_were_profiles_is_a_standard_one(home):
    (home.path / "profile").unlink()
    assert again(home).profile == STANDARD


@pytest.mark.parametrize(("has", "asked"), [("standard", "small"), ("small", "standard")])
def test_a_copy_with_data_keeps_its_profile_and_says_how_to_get_another(home, has, asked):
    copy = replace(home, profile=PROFILES[has])
    assert copy.with_profile(asked).profile == PROFILES[asked]
    (home.data / "kafka-1").mkdir()
    (home.data / "kafka-1" / "meta.properties").touch()
    assert copy.with_profile(has) == copy
    with pytest.raises(BadInput, match=rf"profile {has}.*\./soh down --purge.*--profile {asked}"):
        copy.with_profile(asked)


def test_an_unknown_profile_is_answered_with_those_there_are(home):
    with pytest.raises(BadInput, match="no profile 'tiny'; there are: standard, small"):
        home.with_profile("tiny")


def test_the_small_copy_has_one_server_of_each_kind_and_is_asked_nowhere_else(small):
    names = {service.name for service in all_services(small, FleetOptions())}
    assert {name for name in names if re.match(r"(kafka|datanode|nodemanager)-", name)} == {
        "kafka-1",
        "datanode-1",
        "nodemanager-1",
    }
    assert small.endpoints.kafka == f"127.0.0.1:{small.ports.kafka_1}"


def test_a_broker_alone_asks_for_no_second_copy_of_anything(small):
    settings = configs.kafka(small, 1)
    copies = [value for name, value in settings.items() if name.endswith(("replication.factor", "isr", "replicas"))]
    assert copies == [1] * 7
    assert str(settings["controller.quorum.voters"]).count("@") == 1
    assert hadoop_configs.hdfs(small)["dfs.replication"] == 1


def container(size: str) -> int:
    """MiB that YARN takes for a container with this heap: overhead included, in steps of its smallest one."""
    unit = {"m": 1, "g": 1024}[size[-1]]
    return 256 * math.ceil((int(size[:-1]) * unit + int(MEMORY_OVERHEAD[:-1])) / 256)


def room(app: SparkAppSpec) -> int:
    return container(app.driver_memory) + app.executors * container(app.executor_memory)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_both_stream_apps_and_any_batch_app_fit_into_what_nodemanagers_promise(home, profile):
    promised = int(str(hadoop_configs.nodemanager(replace(home, profile=profile), 1)[f"{NODE}.memory-mb"]))
    needed = sum(room(app) for app in STREAM_APPS.values()) + max(room(app) for app in BATCH_APPS.values())
    assert needed <= promised * len(profile.nodemanagers)


NODE = "yarn.nodemanager.resource"


def test_every_server_of_the_small_copy_has_a_smaller_heap(home, small):
    def heaps(copy: Home) -> dict[str, int]:
        found = {one.name: re.search(r"-Xmx(\d+)m", " ".join(one.command)) for one in all_services(copy, OPTIONS)}
        return {name: int(heap.group(1)) for name, heap in found.items() if heap}

    assert len(heaps(small)) == 6 == len(asdict(SMALL.heaps))
    assert [name for name, heap in heaps(small).items() if heap >= heaps(home)[name]] == []


OPTIONS = FleetOptions()


def test_the_small_copy_tells_its_pace_to_the_streams_and_the_standard_one_tells_them_nothing():
    pace = int(configs.cluster_spark_conf(SMALL)["spark.soh.pace"])
    assert all(stream.paced(pace).trigger_every > stream.trigger_every for stream in STREAMS.values())
    assert not [name for name in configs.cluster_spark_conf(STANDARD) if "soh" in name or "Options" in name]


def test_the_small_copy_s_airflow_runs_fewer_tasks_at_once(home, small):
    found = [int(re.search(r"^parallelism = (\d+)$", configs.airflow(copy), re.M).group(1)) for copy in (small, home)]
    assert found[0] < found[1]
