"""The containers are the platform of `./soh up`: same servers, same settings, same connections; and nothing is open."""

from __future__ import annotations

import configparser
import importlib.util
import json
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import compose
import pytest

from soh.local import configs, environments
from soh.local.home import Home
from soh.local.options import FleetOptions
from soh.local.services import all_services
from soh.settings import PROJECT
from soh.specs import FLEETS, TOPICS

COMPOSE = Path(compose.__file__).parent / "docker-compose"
"""The real thing: the wrapper that lies on PATH ends with 0 whatever happens."""
BIN = Path(sys.executable).parent
ENV_EXAMPLE = PROJECT / ".env.example"
SECRETS = re.findall(r"^([A-Z_]+)=$", ENV_EXAMPLE.read_text(), re.M)
ONLY_IN_CONTAINERS = {"init"}
"""Does what `./soh up` does itself."""


def run(*command: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)


def config(secrets: dict[str, str], *arguments: str, file: Path = PROJECT / "docker-compose.yml"):
    command = (COMPOSE, "--env-file", "/dev/null", "--file", file, "--profile", "recorded", "config", *arguments)
    return run(*command, env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", **secrets})


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    done = config(dict.fromkeys(SECRETS, "fake"), "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def services(model):
    return model["services"]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    folder = tmp_path_factory.mktemp("home")
    folder.chmod(0o755)
    made = Home(path=folder, port_base=22000)
    made.make()
    return made


@pytest.fixture(scope="module")
def local(home):
    """The services of one machine by name."""
    return {service.name: service for service in all_services(home, FleetOptions(data="/data"))}


@pytest.fixture(scope="module")
def init() -> ModuleType:
    return load("init")


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docker_{name}", PROJECT / "docker" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What docker itself, its schema and a linter say.


def test_compose_takes_the_file():
    done = config(dict.fromkeys(SECRETS, "fake"), "--quiet")
    assert done.returncode == 0, done.stderr


def test_compose_refuses_a_broken_file(tmp_path):
    broken = tmp_path / "docker-compose.yml"
    broken.write_text("services:\n  one:\n    image: x\n    depends_on: [nobody]\n")
    done = config({}, "--quiet", file=broken)
    assert done.returncode != 0
    assert "nobody" in done.stderr


@pytest.mark.parametrize(
    ("schema", "file"),
    [("compose-spec", "docker-compose.yml"), ("github-workflows", ".github/workflows/ci.yml")],
)
def test_files_follow_the_schema_of_their_kind(schema, file, tmp_path):
    check = (BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}")
    done = run(*check, PROJECT / file)
    assert done.returncode == 0, done.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text((PROJECT / file).read_text() + "\nno-such-key: {}\n")
    assert run(*check, broken).returncode != 0


def test_hadolint_finds_nothing_in_the_dockerfile_and_something_in_a_bad_one(tmp_path):
    done = run(BIN / "hadolint", PROJECT / "Dockerfile")
    assert done.returncode == 0, done.stdout
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian\nRUN cd /tmp && sudo apt-get install curl\n")
    assert run(BIN / "hadolint", bad).returncode != 0


# Secrets and addresses.


@pytest.mark.parametrize("missing", SECRETS)
@pytest.mark.parametrize("how", ["unset", "empty"])
def test_without_a_secret_nothing_starts_and_a_sentence_says_what_to_do(missing, how):
    given = dict.fromkeys(SECRETS, "fake")
    given.pop(missing)
    done = config(given if how == "unset" else {**given, missing: ""}, "--quiet")
    assert done.returncode != 0
    assert missing in done.stderr
    assert "docker/new-env.sh" in done.stderr


def test_the_example_names_exactly_the_secrets_of_the_compose_file(model):
    assert sorted(SECRETS) == sorted(secret["environment"] for secret in model["secrets"].values())


def test_secrets_are_in_no_output_and_in_no_environment_of_a_container():
    done = config({name: f"hush-{name}" for name in SECRETS})
    assert done.returncode == 0, done.stderr
    assert "hush-" not in done.stdout


def test_new_env_makes_every_secret_once_and_for_this_user_only(tmp_path):
    (tmp_path / "docker").mkdir()
    shutil.copy(PROJECT / "docker" / "new-env.sh", tmp_path / "docker")
    shutil.copy(ENV_EXAMPLE, tmp_path)
    assert run(tmp_path / "docker" / "new-env.sh").returncode == 0
    made = tmp_path / ".env"
    values = dict(line.split("=", 1) for line in made.read_text().splitlines() if line[:1].isupper())
    assert sorted(values) == sorted(SECRETS)
    assert min(len(value) for value in values.values()) >= 40
    assert len(set(values.values())) == len(SECRETS)
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    before = made.read_text()
    again = run(tmp_path / "docker" / "new-env.sh")
    assert again.returncode != 0
    assert made.read_text() == before


def test_nothing_is_published_beyond_the_loopback(services):
    published = {name: port for name, service in services.items() for port in service.get("ports", [])}
    assert published
    assert {port["host_ip"] for port in published.values()} == {"127.0.0.1"}


# The same services.


def test_services_are_those_of_one_machine(services, local):
    assert set(services) - ONLY_IN_CONTAINERS == set(local)


def test_every_service_shows_its_health_and_waits_for_that_of_others(services):
    assert {name for name, service in services.items() if "healthcheck" not in service} == ONLY_IN_CONTAINERS
    conditions = {
        dependency["condition"] for service in services.values() for dependency in service.get("depends_on", {}).values()
    }
    assert conditions == {"service_healthy", "service_completed_successfully"}


def test_airflow_parts_are_started_as_on_one_machine(services, local):
    for name, service in local.items():
        if name.startswith("airflow-"):
            assert services[name]["command"][1:] == list(service.command[1:]), name


def test_hadoop_servers_are_started_as_on_one_machine(services, local):
    script = (PROJECT / "docker" / "hadoop.sh").read_text()
    roles = {role: (main, heap) for role, main, heap in re.findall(r"(\w+)\) main=(\S+) heap=(\S+)", script)}
    started = {name: service for name, service in services.items() if service.get("image") == "soh-hadoop"}
    assert len(started) == 6
    for name, service in started.items():
        main, heap = roles[service["command"][0]]
        assert local[name].command[-1] == main
        assert f"-Xmx{heap}" in local[name].command
        assert set(re.findall(r"(-X\S+|-D\S+|--add\S+)", script)) - {"-Xmx$heap"} <= {*local[name].command, '"-Xmx$heap"'}


def test_fleets_are_started_as_on_one_machine(services, local, init):
    for name, fleet in FLEETS.items():
        words = services[f"fleet-{name}"]["command"]
        given = dict(word[2:].split("=") for word in words[4:])
        assert words[1:4] == list(local[f"fleet-{name}"].command[1:4])
        assert given.pop("kafka") == init.KAFKA
        assert given.pop("facilities", str(fleet.facilities)) == str(fleet.facilities)
        assert {f"--{option}" for option in given} <= set(local[f"fleet-{name}"].command)


def test_only_the_fleet_that_needs_a_recording_waits_for_a_profile(services):
    waiting = {name for name, service in services.items() if service.get("profiles")}
    assert waiting == {f"fleet-{name}" for name, fleet in FLEETS.items() if fleet.needs_data}


def test_state_lies_on_volumes(services):
    volumes = [
        volume["source"]
        for name, service in services.items()
        if name not in ONLY_IN_CONTAINERS and not name.startswith("airflow-")
        for volume in service["volumes"]
        if volume["type"] == "volume"
    ]
    assert len(volumes) == len(set(volumes)) == len(services) - len(ONLY_IN_CONTAINERS) - 4


# The same settings.


@pytest.mark.parametrize("number", configs.BROKERS)
def test_brokers_have_the_settings_of_one_machine(services, home, number, init):
    own = {"listeners", "advertised.listeners", "controller.quorum.voters", "log.dirs", "node.id"}
    wanted = {name: str(value) for name, value in configs.kafka(home, number).items() if name not in own}
    found = services[f"kafka-{number}"]["environment"]
    assert {name: found.get(f"KAFKA_{name.upper().replace('.', '_')}") for name in wanted} == wanted
    assert found["KAFKA_NODE_ID"] == str(number)
    assert found["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{init.KAFKA.split(',')[number - 1]}"


def site(path: Path) -> dict[str, str]:
    return {entry.findtext("name"): entry.findtext("value") or "" for entry in ElementTree.parse(path).iter("property")}


@pytest.mark.parametrize("name", ["hdfs-site", "yarn-site"])
def test_hadoop_has_the_settings_of_one_machine_but_for_addresses_and_folders(home, name):
    wanted = {
        "hdfs-site": {**configs.hdfs(home), **configs.datanode(home, 1)},
        "yarn-site": {**configs.yarn(home), **configs.nodemanager(home, 1)},
    }[name]
    found = site(PROJECT / "docker" / "hadoop" / f"{name}.xml")
    # A NodeManager's containers die with the container it is in.
    for setting in ("enabled", "supervised", "dir"):
        wanted.pop(f"yarn.nodemanager.recovery.{setting}", None)
    assert found.pop("yarn.nodemanager.recovery.enabled", "false") == "false"
    binds = {setting for setting in found if setting.endswith("bind-host")}
    assert {found[setting] for setting in binds} == {"0.0.0.0"}
    assert set(found) - binds == set(wanted)
    of_this_machine = ("127.0.0.1", str(home.path), home.server_user)
    same = {key: str(v) for key, v in wanted.items() if not any(part in str(v) for part in of_this_machine)}
    assert len(same) > 8
    assert {setting: found[setting] for setting in same} == same


def test_hadoop_logs_as_on_one_machine(home):
    configs.write_all(home)
    wanted = (home.hadoop_conf / "log4j.properties").read_text()
    assert (PROJECT / "docker" / "hadoop" / "log4j.properties").read_text() == wanted


def test_hadoop_addresses_are_services(services):
    addresses = site(PROJECT / "docker" / "hadoop" / "core-site.xml") | site(PROJECT / "docker/hadoop/yarn-site.xml")
    hosts = {urlparts.group(1) for value in addresses.values() if (urlparts := re.search(r"([a-z]+):\d+$", value))}
    assert hosts == {"namenode", "resourcemanager"}
    assert hosts <= set(services)


OTHERWISE_IN_CONTAINERS = {
    "AIRFLOW__API__HOST": "every address of the container, which is the default",
    "AIRFLOW__API__PORT": "8080, which is the default",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "users are in the database",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": "users are in the database",
    "AIRFLOW__CORE__DAGS_FOLDER": "in the image",
    "AIRFLOW__CORE__PLUGINS_FOLDER": "in the image",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "nobody unpauses them afterwards",
}


@pytest.mark.parametrize("part", ["api-server", "scheduler", "dag-processor", "triggerer"])
def test_airflow_has_the_settings_of_one_machine(services, home, part):
    parser = configparser.RawConfigParser()
    parser.read_string(configs.airflow(home))
    found = services[f"airflow-{part}"]["environment"]
    of_this_machine = ("127.0.0.1", str(home.path), *home.secrets.values())
    for section in parser.sections():
        for option, value in parser.items(section):
            name = f"AIRFLOW__{section}__{option}".upper()
            if name in OTHERWISE_IN_CONTAINERS:
                continue
            assert name in found or f"{name}_CMD" in found, name
            if name in found and not any(secret in value for secret in of_this_machine):
                assert found[name] == value, name
    assert found["AIRFLOW__CORE__AUTH_MANAGER"].endswith("FabAuthManager")


def test_secrets_that_commands_read_are_given_to_the_service(services):
    for name, service in services.items():
        given = {secret["source"] for secret in service.get("secrets", [])}
        read = re.findall(r"/run/secrets/(\w+)", json.dumps(service.get("environment", {})))
        assert set(read) <= given, name


# The same connections, topics and jars.


def test_connections_are_those_of_one_machine_with_other_addresses(home, init, services, tmp_path):
    for secret in ("lake_catalog_password", "airflow_admin_password"):
        (tmp_path / secret).write_text(secret)
    found, wanted = init.connections(tmp_path), configs.connections(home)
    assert list(found) == list(wanted)
    for name, connection in wanted.items():
        assert set(found[name]) == set(connection), name
        assert found[name]["conn_type"] == connection["conn_type"]
        assert set(found[name].get("extra", {})) == set(connection.get("extra", {})), name
        assert found[name].get("host", "yarn") in {*services, "yarn"}
    brokers = {address.split(":")[0] for address in init.KAFKA.split(",")}
    assert brokers == {name for name in services if name.startswith("kafka-")}
    assert found["lake_catalog"]["password"] == "lake_catalog_password"
    assert found["webhdfs_default"]["extra"]["hdfs"] == site(PROJECT / "docker/hadoop/core-site.xml")["fs.defaultFS"]


def test_the_clusters_spark_settings_are_those_of_one_machine_without_the_loopback(init):
    wanted, found = configs.cluster_spark_conf(), init.spark_conf()
    assert set(wanted) - set(found) == {name for name in wanted if name.endswith("SPARK_LOCAL_IP")}
    assert set(found) <= set(wanted)
    assert "/.venv/spark/" in found["spark.yarn.jars"]
    assert "127.0.0.1" not in found.values()


def test_init_asks_for_every_topic_and_gives_no_password_as_an_argument(init, monkeypatch, tmp_path):
    for secret in ("lake_catalog_password", "airflow_admin_password"):
        (tmp_path / secret).write_text(f"hush {secret}")
    called: list[tuple[list[str], str]] = []
    asked: list[list[str]] = []
    monkeypatch.setattr(init, "SECRETS", tmp_path)
    monkeypatch.setattr(init.subprocess, "run", lambda words, *, input, **_: called.append((words, input)))  # noqa: A006
    monkeypatch.setattr(init.admin, "describe", lambda _, names: asked.append(names) or {})
    monkeypatch.setattr(init.admin, "apply", lambda _, plan: plan.create)
    init.main()
    assert asked == [list(TOPICS)]
    assert [words[1:3] for words, _ in called] == [
        ["db", "migrate"],
        ["connections", "import"],
        ["pools", "set"],
        ["users", "create"],
        ["users", "reset-password"],
    ]
    assert "hush" not in json.dumps([words for words, _ in called])
    assert called[-1][1] == "hush airflow_admin_password\n" * 2


def test_the_databases_are_those_of_one_machine(home, services):
    script = (PROJECT / "docker" / "postgres" / "databases.sh").read_text()
    names = re.search(r"for name in (.*);", script).group(1).split()
    assert set(names) == {"airflow", home.endpoints.catalog_user}
    given = {secret["source"] for secret in services["postgres"]["secrets"]}
    assert {f"{name}_password" for name in names} <= given


@pytest.mark.parametrize(
    ("status", "expected"),
    [("healthy", None), ("unhealthy", "calls scheduler unhealthy"), (None, "calls scheduler unknown")],
)
def test_the_health_of_a_part_is_what_the_api_server_says(status, expected, tmp_path):
    health = load("airflow_health")
    answer = tmp_path / "health"
    answer.write_text(json.dumps({"scheduler": {"status": status}, "triggerer": {"status": "healthy"}}))
    health.HEALTH = answer.as_uri()
    found = health.main("scheduler")
    assert found is None if expected is None else expected in found


def test_versions_are_said_once(services):
    dockerfile = (PROJECT / "Dockerfile").read_text()
    pom = (PROJECT / "include/soh/local/maven/kafka/pom.xml").read_text()
    kafka = re.search(r"<kafka.version>(.*)</kafka.version>", pom).group(1)
    assert services["kafka-1"]["image"] == f"apache/kafka:{kafka}"
    assert f"uv=={environments.UV_VERSION}" in dockerfile
    for pom in ("hadoop", "spark"):
        assert f"-f /poms/{pom}/pom.xml" in dockerfile


def test_the_dockerfile_copies_what_exists_and_the_ignore_file_lets_through():
    sources = re.findall(r"^COPY (?!--from)(\S+)", (PROJECT / "Dockerfile").read_text(), re.M)
    assert sources
    assert [source for source in sources if not (PROJECT / source).exists()] == []
    allowed = re.findall(r"^!(\S+)", (PROJECT / ".dockerignore").read_text(), re.M)
    assert {source.split("/")[0] for source in sources} == set(allowed)
