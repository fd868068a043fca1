"""Models on real servers: registered through MLflow, read by SQL, their artefacts on the object store."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from soh import s3
from soh.classifier.artefact import sha256
from soh.classifier.registry import Registry
from soh.classifier.store import ArtefactStore
from soh.errors import ArtefactAltered, ArtefactMissing, ServerUnreachable
from soh.local.environments import SPARK_PYTHON
from soh.settings import PROJECT, child_environment

MODEL = "soh_heat"
ENROL = Path(__file__).with_name("enrol.py")
ARTEFACT = b'{"model": "soh_heat"}'


def address(servers):
    endpoints = servers.home.endpoints
    return {
        "host": endpoints.registry_host,
        "port": endpoints.registry_port,
        "database": endpoints.registry_database,
        "password": servers.home.secrets["registry_db"],
    }


@pytest.fixture
def registry(servers) -> Iterator[Registry]:
    opened = Registry(user=servers.home.endpoints.registry_user, **address(servers))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def store(servers) -> ArtefactStore:
    endpoints, secrets = servers.home.endpoints, servers.home.secrets
    return ArtefactStore(endpoints.s3, secrets["s3_access_key"], secrets["s3_secret_key"], endpoints.models)


@pytest.fixture(scope="module")
def enrol(servers, tmp_path_factory):
    """Registers (uri, tags) pairs, then promotes a version, as a training does; returns the versions."""
    endpoints = servers.home.endpoints
    database = {**address(servers), "username": endpoints.registry_user}
    log = tmp_path_factory.mktemp("enrol") / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [str(SPARK_PYTHON), str(ENROL)],
            env=child_environment(PYTHONPATH=f"{PROJECT / 'include'}:{PROJECT / 'spark_apps'}"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )

    def ask(*register, promote=None, model=MODEL):
        given = {"database": database, "artefacts": endpoints.models, "model": model}
        process.stdin.write(json.dumps({**given, "register": register, "promote": promote}) + "\n")
        process.stdin.flush()
        said = []
        for line in process.stdout:
            if line.startswith("versions "):
                return json.loads(line.removeprefix("versions "))
            said.append(line)
            assert database["password"] not in line
        raise AssertionError(f"{said} {log.read_text()}")

    yield ask
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert database["password"] not in log.read_text()


def tags(macro_f1=0.91, reason="promoted: it is good"):
    return {"sha256": sha256(ARTEFACT), "size": len(ARTEFACT), "macro_f1": macro_f1, "reason": reason}


def test_a_registry_without_models_has_no_champion_and_no_versions(registry):
    assert (registry.champion("soh_nothing"), registry.version("soh_nothing", 1)) == (None, None)
    assert registry.versions("soh_nothing", 5) == []


def test_a_database_without_mlflow_s_tables_has_no_champion(servers):
    endpoints = servers.home.endpoints
    catalog = Registry(
        endpoints.catalog_host,
        endpoints.catalog_port,
        endpoints.catalog_database,
        endpoints.catalog_user,
        servers.home.secrets["catalog_db"],
    )
    assert catalog.champion(MODEL) is None
    assert catalog.versions(MODEL, 5) == []
    catalog.close()


def test_the_champion_is_the_version_that_was_promoted_last(enrol, store, registry):
    uri = store.put(f"{MODEL}/first.json", ARTEFACT)
    (first, second) = enrol((uri, tags(0.91)), (uri, tags(0.93, "kept back: too large")))
    assert (second, registry.champion(MODEL)) == (first + 1, None)
    newest, *_ = registry.versions(MODEL, 1)
    assert (newest.version, newest.macro_f1, newest.promoted_at) == (second, 0.93, None)

    enrol(promote=first)
    champion = registry.champion(MODEL)
    assert (champion.model, champion.version, champion.uri, champion.reason) == (MODEL, first, uri, tags()["reason"])
    assert store.get(champion.uri, champion.sha256) == ARTEFACT
    assert champion.size == len(ARTEFACT)
    now = datetime.now(UTC)
    assert now - timedelta(minutes=2) < champion.promoted_at <= now
    assert now - timedelta(minutes=2) < champion.created_at <= now

    enrol(promote=second)
    assert registry.champion(MODEL).version == second
    assert registry.version(MODEL, first).promoted_at == champion.promoted_at
    assert [version.version for version in registry.versions(MODEL, 9)] == [second, first]


def test_models_do_not_mix(enrol, registry):
    (other,) = enrol(("s3://models/x", tags(0.99)), model="soh_hydraulic")
    enrol(promote=other, model="soh_hydraulic")
    assert registry.champion("soh_hydraulic").macro_f1 == 0.99
    assert 0.99 not in {version.macro_f1 for version in registry.versions(MODEL, 9)}


def test_a_connection_that_died_is_opened_anew(servers, registry):
    registry.versions(MODEL, 1)
    where = address(servers)
    where["dbname"] = where.pop("database")
    other = psycopg2.connect(user=servers.home.endpoints.registry_user, **where)
    with other, other.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid() and usename = current_user"
        )
        assert cursor.rowcount >= 1
    other.close()
    assert registry.versions(MODEL, 1) is not None


def test_a_wrong_password_is_an_unreachable_registry(servers):
    refused = Registry(user=servers.home.endpoints.registry_user, **{**address(servers), "password": "no"})
    with pytest.raises(ServerUnreachable, match="did not answer"):
        refused.champion(MODEL)


def test_a_missing_artefact_is_missing_and_an_altered_one_altered(servers, store):
    uri = store.put(f"{MODEL}/second.json", ARTEFACT)
    digest = sha256(ARTEFACT)
    assert store.get(uri, digest) == ARTEFACT
    store.put(f"{MODEL}/second.json", ARTEFACT + b" ")
    with pytest.raises(ArtefactAltered, match=digest):
        store.get(uri, digest)
    with pytest.raises(ArtefactAltered, match="none was registered"):
        store.get(uri, "")
    endpoints, secrets = servers.home.endpoints, servers.home.secrets
    client = s3.client(endpoints.s3, secrets["s3_access_key"], secrets["s3_secret_key"])
    client.delete_object(Bucket=endpoints.models.removeprefix("s3://"), Key=f"{MODEL}/second.json")
    with pytest.raises(ArtefactMissing, match=f"{uri} is not in the object store"):
        store.get(uri, digest)
    with pytest.raises(ArtefactMissing):
        store.get(f"s3://no-such-bucket/{MODEL}", digest)


def test_a_store_that_knows_other_keys_is_unreachable(servers):
    other = ArtefactStore(servers.home.endpoints.s3, "somebody", "else", servers.home.endpoints.models)
    with pytest.raises(ServerUnreachable):
        other.get(f"{servers.home.endpoints.models}/{MODEL}/first.json", sha256(ARTEFACT))
