"""The containers are the platform of `./soh up`: the same servers, started alike; and nothing in them is open."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.architecture.conftest import SECRETS, config, load

from soh.local import environments
from soh.settings import PROJECT
from soh.specs import CONSUMER_GROUPS, FLEETS

BIN = Path(sys.executable).parent
RUN_ONCE = {"init", "init-registry"}
"""They do what `./soh up` does itself."""
ONLY_IN_CONTAINERS = RUN_ONCE | {"grafana"}
"""Grafana is in no package registry that `./soh up` may ask; it has the Fleet page instead."""


def run(*command: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)


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


def test_scripts_are_bash_those_of_the_workflow_too(tmp_path):
    workflow = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text())
    steps = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert len(steps) > 5
    scripts = [*(PROJECT / "docker").rglob("*.sh")]
    for number, step in enumerate(steps):
        scripts.append(tmp_path / f"{number}.sh")
        scripts[-1].write_text(re.sub(r"\$\{\{.*?\}\}", "x", step))
    assert {script: done.stderr for script in scripts if (done := run("bash", "-n", script)).returncode} == {}


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
    shutil.copy(PROJECT / ".env.example", tmp_path)
    assert run(tmp_path / "docker" / "new-env.sh").returncode == 0
    made = tmp_path / ".env"
    values = dict(line.split("=", 1) for line in made.read_text().splitlines() if line[:1].isupper())
    assert sorted(values) == sorted(SECRETS)
    assert min(len(value) for value in values.values()) >= 40
    assert len(set(values.values())) == len(SECRETS)
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert {"/.env", "/.env.partial"} <= set((PROJECT / ".gitignore").read_text().split())
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
    assert {name for name, service in services.items() if "healthcheck" not in service} == RUN_ONCE
    conditions = {
        dependency["condition"]
        for service in services.values()
        for dependency in service.get("depends_on", {}).values()
    }
    assert conditions == {"service_healthy", "service_completed_successfully"}


def test_airflow_parts_are_started_as_on_one_machine(services, local):
    for name, service in local.items():
        if name.startswith("airflow-"):
            program = next(index for index, word in enumerate(service.command) if word.endswith("/airflow"))
            assert services[name]["command"] == ["airflow", *service.command[program + 1 :]], name


def test_hadoop_servers_are_started_as_on_one_machine(services, local):
    script = (PROJECT / "docker" / "hadoop.sh").read_text()
    roles = {role: (main, heap) for role, main, heap in re.findall(r"(\w+)\) main=(\S+) heap=(\S+)", script)}
    options = set(re.findall(r"\s(-[A-Z-][^\s\"]+)", script.partition("java=(")[2].partition("-cp")[0]))
    of_image = {name: service for name, service in services.items() if service.get("image") == "soh-hadoop"}
    started = {name: service for name, service in of_image.items() if not service["entrypoint"]}
    assert len(options) == 4
    assert len(started) == 6
    for name, service in started.items():
        main, heap = roles[service["command"][0]]
        assert local[name].command[-1] == main
        assert f"-Xmx{heap}" in local[name].command
        assert options <= set(local[name].command)


def test_the_object_store_is_started_as_on_one_machine(local):
    script = (PROJECT / "docker" / "s3proxy.sh").read_text()
    java, _, rest = script.partition('exec "$JAVA_HOME/bin/java"')[2].partition("-cp")
    command = local["s3proxy"].command
    options = java.replace("\\", " ").split()
    assert len(options) == 5
    assert set(options) <= set(command)
    assert set(rest.split()[1:-1]) <= set(command)


def test_who_writes_grades_is_started_as_on_one_machine(services, local, init):
    service = services["scores-to-tsdb"]
    own = local["scores-to-tsdb"].command
    given = dict(word[2:].split("=") for word in service["command"][3:])
    assert service["command"][1:3] == list(own[1:3])
    assert {f"--{option}" for option in given} == set(own[3::2])
    assert (given["kafka"], given["tsdb"], given["database"]) == (init.KAFKA, init.TSDB, init.TSDB_DATABASE)
    assert given["user"] == init.TSDB_WRITER
    assert given["password-file"].removeprefix("/run/secrets/") in {secret["source"] for secret in service["secrets"]}


def test_who_lands_grades_is_started_as_on_one_machine(services, local, init):
    service = services["scores-to-s3"]
    own = local["scores-to-s3"].command
    given = dict(word[2:].split("=") for word in service["command"][3:])
    assert service["command"][1:3] == list(own[1:3])
    assert {f"--{option}" for option in given} == set(own[3::2])
    assert (given["kafka"], given["s3"], given["bucket"]) == (init.KAFKA, init.S3, init.LAKE)
    keys = {given[f"{name}-key-file"].removeprefix("/run/secrets/") for name in ("access", "secret")}
    assert keys == {secret["source"] for secret in service["secrets"]} == {"s3_access_key", "s3_secret_key"}
    assert service["stop_grace_period"] == f"{local['scores-to-s3'].stop_within.seconds}s"


@pytest.mark.parametrize("group", CONSUMER_GROUPS)
def test_who_writes_grades_is_healthy_by_the_same_sign_as_on_one_machine(init, services, group):
    health = load("scores_health")
    assert health.KAFKA == init.KAFKA
    told = health.main("127.0.0.1:1", group, within=timedelta(seconds=0.2))
    assert told == f"{group} does not read every partition of heat_pf and hydraulic_soh"
    assert services[group.replace("_", "-")]["healthcheck"]["test"][-2:] == ["/opt/soh/docker/scores_health.py", group]


def test_the_registry_s_tables_are_made_as_on_one_machine(services):
    script = (PROJECT / "docker" / "registry.sh").read_text()
    assert "/opt/soh/.venv/spark/bin/mlflow db upgrade postgresql+psycopg2://model_registry@postgres:5432/" in script
    (secret,) = services["init-registry"]["secrets"]
    assert f"/run/secrets/{secret['source']}" in script


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


def test_grafana_shows_to_those_with_its_password_what_lies_in_the_project(services, init):
    grafana = services["grafana"]
    given = {secret["source"] for secret in grafana["secrets"]}
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana_admin_password"
    assert grafana["environment"]["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    binds = {bind["target"]: Path(bind["source"]) for bind in grafana["volumes"] if bind["type"] == "bind"}
    provisioning = binds["/etc/grafana/provisioning"]
    (source,) = yaml.safe_load((provisioning / "datasources" / "tsdb.yaml").read_text())["datasources"]
    assert (source["url"], source["jsonData"]["dbName"]) == (init.TSDB, init.TSDB_DATABASE)
    assert source["user"] == init.TSDB_READER
    secret = re.fullmatch(r"\$__file\{/run/secrets/(\w+)\}", source["secureJsonData"]["password"]).group(1)
    assert given == {secret, "grafana_admin_password"}
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "fleet.yaml").read_text())["providers"]
    folder = provider["options"]["path"]
    first = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert first.startswith(f"{folder}/")
    assert (binds[folder] / first.removeprefix(f"{folder}/")).is_file()


def test_what_is_mounted_from_the_project_exists_and_cannot_be_changed(services):
    binds = [
        volume
        for name, service in services.items()
        if name != "fleet-hydraulic"
        for volume in service.get("volumes", [])
        if volume["type"] == "bind"
    ]
    assert len(binds) == 4
    assert [bind["source"] for bind in binds if not (Path(bind["source"]).exists() and bind.get("read_only"))] == []


def test_scripts_that_a_container_starts_may_be_started(services):
    scripts = [word for service in services.values() for word in service["entrypoint"] or [] if "/docker/" in word]
    assert len(scripts) == 2
    for script in scripts:
        assert os.access(PROJECT / script.removeprefix("/opt/soh/"), os.X_OK), script


def test_state_lies_on_volumes(services):
    volumes = [
        volume["source"]
        for name, service in services.items()
        if name not in ONLY_IN_CONTAINERS and not name.startswith(("airflow-", "scores-"))
        for volume in service["volumes"]
        if volume["type"] == "volume"
    ]
    assert len(volumes) == len(set(volumes)) == len(services) - len(ONLY_IN_CONTAINERS) - 4 - 2


# The image.


def test_versions_are_said_once(services):
    dockerfile = (PROJECT / "Dockerfile").read_text()
    pom = (PROJECT / "include/soh/local/maven/kafka/pom.xml").read_text()
    kafka = re.search(r"<kafka.version>(.*)</kafka.version>", pom).group(1)
    assert services["kafka-1"]["image"] == f"apache/kafka:{kafka}"
    assert f"uv=={environments.UV_VERSION}" in dockerfile
    for pom in ("hadoop", "s3", "spark"):
        assert f"-f /poms/{pom}/pom.xml" in dockerfile


def test_the_dockerfile_copies_what_exists_and_the_ignore_file_lets_through():
    sources = re.findall(r"^COPY (?!--from)(\S+)", (PROJECT / "Dockerfile").read_text(), re.M)
    assert sources
    assert [source for source in sources if not (PROJECT / source).exists()] == []
    allowed = re.findall(r"^!(\S+)", (PROJECT / ".dockerignore").read_text(), re.M)
    assert {source.split("/")[0] for source in sources} == set(allowed)
