"""Grades that landed on a real S3Proxy, folded into Iceberg tables there by the app itself, killed where it hurts."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from soh import s3
from soh.folding.landing import UNREADABLE, Landing
from soh.lake.catalog import table_figures
from soh.local.environments import JARS, SPARK_PYTHON, java_home
from soh.settings import PROJECT
from soh.specs import FLEETS, FleetSpec
from soh.specs.landing import LandedObject
from soh.submit import catalog_settings, model_settings, properties

HOUR = datetime(2026, 5, 1, 3, tzinfo=UTC)
SENT = int(datetime(2026, 5, 1, 3, 0, tzinfo=UTC).timestamp())
WITHIN = 400

pytestmark = pytest.mark.timeout(900)


def grade(partition: int, offset: int) -> dict[str, Any]:
    return {
        "facility_id": 100 + offset % 5,
        "seq": offset,
        "event_time": SENT + offset + 0.25,
        "temperature": 40.5,
        "pf": None if offset % 7 == 0 else 0.9,
        "pred": "normal",
        "probability": 0.75,
        "model_version": "3",
        "source_partition": partition,
        "source_offset": offset * 2,
        "source_time": SENT + offset + 0.5,
    }


@dataclass
class App:
    """One run of a Spark app, and what it writes."""

    process: subprocess.Popen[bytes]
    log: Path

    def end(self) -> tuple[int, str]:
        """Exit code and output, once it has ended; what it leaves behind is ended too."""
        try:
            code = self.process.wait(timeout=WITHIN)
        finally:
            # A killed driver's Java and workers outlive it by minutes.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        return code, self.log.read_text()


@dataclass
class Shore:
    """The landing of one fleet, its table, and the app."""

    servers: Any
    fleet: FleetSpec
    folder: Path
    landed: set[tuple[int, int]] = field(default_factory=set)

    @property
    def home(self):
        return self.servers.home

    @property
    def store(self):
        secrets = self.home.app_secrets
        return s3.client(self.home.endpoints.s3, secrets.s3_access_key, secrets.s3_secret_key)

    @property
    def landing(self) -> Landing:
        secrets, endpoints = self.home.app_secrets, self.home.endpoints
        return Landing(
            endpoint=endpoints.s3,
            bucket=endpoints.lake_bucket,
            access_key=secrets.s3_access_key,
            secret_key=secrets.s3_secret_key,
        )

    def keys(self, prefix: str) -> list[str]:
        return [e["Key"] for e in self.store.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", ())]

    def left(self) -> list[str]:
        return self.keys(f"landing/{self.fleet.scores.name}/")

    def land(self, partition: int, first: int, last: int, hour: datetime = HOUR, without=(), raw=()) -> None:
        lines = []
        for offset in range(first, last + 1):
            if offset in without:
                continue
            self.landed.add((partition, offset))
            line = {"topic": self.fleet.scores.name, "partition": partition, "offset": offset}
            line["timestamp"] = (SENT + offset) * 1000
            if offset in raw:
                line["raw"] = base64.b64encode(b"\x00no grade").decode()
                self.landed.discard((partition, offset))
            else:
                line["value"] = grade(partition, offset)
            lines.append(json.dumps(line))
        key = LandedObject(topic=self.fleet.scores.name, partition=partition, first=first, last=last, hour=hour).key
        self.store.put_object(Bucket="lake", Key=key, Body=gzip.compress("\n".join(lines).encode()))

    def environment(self) -> dict[str, str]:
        conf = {
            **catalog_settings(self.home.endpoints, self.home.app_secrets),
            **model_settings(self.home.endpoints, self.home.app_secrets),
            "spark.master": "local[2]",
            "spark.driver.memory": "1g",
            "spark.ui.enabled": "false",
            "spark.jars": ",".join(str(jar) for jar in sorted((JARS / "spark").glob("*.jar"))),
            "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        }
        file = self.folder / "app.properties"
        file.touch(mode=0o600)
        file.write_text(properties(conf))
        return {
            **os.environ,
            "HADOOP_USER_NAME": self.home.server_user,
            "JAVA_HOME": str(java_home()),
            "PYSPARK_PYTHON": str(SPARK_PYTHON),
            "PYSPARK_SUBMIT_ARGS": f"--properties-file {file} pyspark-shell",
            "PYTHONPATH": f"{PROJECT / 'include'}:{PROJECT / 'spark_apps'}",
            "SPARK_LOCAL_IP": "127.0.0.1",
        }

    def start(self, script: Path, *arguments: str) -> App:
        log = self.folder / f"{uuid4().hex}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [SPARK_PYTHON, script, *arguments],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return App(process=process, log=log)

    def app(self, word: str = "run", place: str = "", flag: Path | None = None) -> App:
        result = f"file://{self.folder / 'result.json'}"
        script = Path(__file__).with_name("fold_app.py")
        return self.start(script, word, place, str(flag or ""), "--fleet", self.fleet.name, "--result", result)

    def wait_for(self, flag: Path, running: App) -> None:
        """Until the app has come to the place where it was told to wait."""
        deadline = time.monotonic() + WITHIN
        while not flag.exists():
            assert running.process.poll() is None, running.end()
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def fold(self) -> dict[str, Any]:
        running = self.app()
        code, output = running.end()
        assert code == 0, output[-3000:]
        found: dict[str, Any] = json.loads((self.folder / "result.json").read_text())
        return found

    def rows(self) -> Counter[tuple[int, int]]:
        target = self.folder / "rows"
        reader = self.start(Path(__file__).with_name("fold_rows.py"), self.fleet.grades_table.identifier, str(target))
        code, output = reader.end()
        assert code == 0, output[-3000:]
        return Counter(tuple(json.loads(line)) for line in target.read_text().splitlines())

    def in_table(self) -> set[tuple[int, int]]:
        """(partition, offset) of every row; each must be there once, with its own facility."""
        rows = self.rows()
        assert set(rows.values()) <= {1}
        assert all(facility == 100 + offset % 5 for _, offset, facility in rows)
        return {(partition, offset) for partition, offset, _ in rows}

    def figures(self):
        found = table_figures(self.home.endpoints, self.home.app_secrets, None, [self.fleet.grades_table.name])
        return found[0]


@pytest.fixture(scope="module")
def shore(servers, tmp_path_factory) -> Shore:
    return Shore(servers=servers, fleet=FLEETS["heat"], folder=tmp_path_factory.mktemp("fold"))


def test_what_has_landed_is_in_the_table_once_and_its_objects_are_gone(shore):
    for first in range(0, 100, 20):
        shore.land(0, first, first + 19)
        shore.land(2, 1000 + first, 1019 + first, hour=HOUR.replace(hour=4))
    # Left by a service that died after it had written and before it had committed.
    shore.land(0, 20, 50, hour=HOUR.replace(hour=5))
    told = shore.fold()
    assert (told["folded"], told["rows"], told["duplicates"], told["missing"]) == (True, 200, 31, 0)
    assert (told["objects"], told["objects_deleted"], told["facilities"]) == (11, 11, 5)
    assert told["positions"] == {"0": 100, "2": 1100}
    assert shore.left() == []
    assert shore.in_table() == shore.landed
    assert shore.figures().rows == 200


def test_a_second_fold_has_nothing_to_do_and_says_so(shore):
    before = shore.figures().snapshots
    told = shore.fold()
    assert (told["folded"], told["rows"], told["positions"]) == (False, 0, {"0": 100, "2": 1100})
    assert told["verdict"].startswith("nothing to do")
    assert shore.figures().snapshots == before


@pytest.mark.parametrize("place", ["_prove", "_delete"])
def test_killed_after_its_commit_the_next_run_proves_and_deletes_and_appends_nothing_twice(shore, place):
    begin = max(offset for partition, offset in shore.landed if partition == 0) + 1
    shore.land(0, begin, begin + 9)
    code, _ = shore.app("die", place).end()
    assert code == -9
    assert len(shore.left()) == 1
    shore.land(2, max(o for p, o in shore.landed if p == 2) + 1, max(o for p, o in shore.landed if p == 2) + 5)
    told = shore.fold()
    assert (told["rows"], told["missing"]) == (5, 0)
    assert shore.left() == []
    assert shore.figures().rows == len(shore.landed)


def test_originals_that_somebody_else_deleted_before_the_proof_are_asked_for_and_no_row_is_touched(shore):
    begin = max(offset for partition, offset in shore.landed if partition == 0) + 1
    shore.land(0, begin, begin + 9)
    code, _ = shore.app("die", "_prove").end()
    assert code == -9
    (key,) = shore.left()
    shore.store.delete_object(Bucket="lake", Key=key)
    code, output = shore.app().end()
    assert code == 1
    assert "somebody else has deleted there. Nothing is changed" in output[-2000:]
    assert shore.figures().rows == len(shore.landed)
    shore.land(0, begin, begin + 9)
    assert shore.fold()["objects_deleted"] == 1
    assert shore.figures().rows == len(shore.landed)


def test_killed_before_its_commit_nothing_has_happened(shore):
    begin = max(offset for partition, offset in shore.landed if partition == 0) + 1
    shore.land(0, begin, begin + 9)
    code, _ = shore.app("die", "_append").end()
    assert code == -9
    assert len(shore.left()) == 1
    assert shore.fold()["rows"] == 10
    assert shore.figures().rows == len(shore.landed)


def test_a_store_that_goes_away_in_the_middle_is_named_and_the_next_run_makes_it_good(shore, tmp_path):
    begin = max(offset for partition, offset in shore.landed if partition == 0) + 1
    shore.land(0, begin, begin + 9)
    flag = tmp_path / "flag"
    running = shore.app("wait", "_append", flag)
    service = shore.servers.services["s3proxy"]
    shore.wait_for(flag, running)
    shore.servers.supervisor.stop([service.name])
    flag.unlink()
    code, output = running.end()
    shore.servers.supervisor.start([service])
    shore.servers.wait([service])
    assert code == 1
    assert f"the object store at {shore.home.endpoints.s3} did not" in output[-2000:]
    assert shore.fold()["rows"] == 10
    assert shore.left() == []
    assert shore.figures().rows == len(shore.landed)


def test_an_append_that_is_not_what_landed_is_taken_out_again_and_the_next_run_makes_it_good(shore):
    begin = max(offset for partition, offset in shore.landed if partition == 0) + 1
    before = shore.figures().rows
    shore.land(0, begin, begin + 19)
    spoilt = shore.app("spoil", "_append")
    code, output = spoilt.end()
    assert code == 1
    assert "is not what had landed, so it is taken out again" in output[-2000:]
    assert len(shore.left()) == 1
    assert shore.figures().rows == before
    told = shore.fold()
    assert (told["rows"], told["missing"]) == (20, 0)
    assert shore.figures().rows == len(shore.landed)


def test_of_two_folds_at_once_the_second_to_commit_is_taken_out(shore, tmp_path):
    begin = max(offset for partition, offset in shore.landed if partition == 0) + 1
    shore.land(0, begin, begin + 9)
    flag = tmp_path / "flag"
    slow = shore.app("wait", "_append", flag)
    shore.wait_for(flag, slow)
    assert shore.fold()["rows"] == 10
    flag.unlink()
    code, output = slow.end()
    assert code == 1
    assert "was consumed up to" in output[-2000:]
    assert shore.figures().rows == len(shore.landed)


def test_a_gap_and_unreadable_records_are_told_and_kept(shore):
    begin = max(offset for partition, offset in shore.landed if partition == 2) + 1
    shore.land(2, begin + 3, begin + 12, without=(begin + 6, begin + 7), raw=(begin + 9,))
    told = shore.fold()
    assert (told["rows"], told["missing"], told["unreadable"]) == (7, 5, 1)
    assert told["gaps"] == [
        f"partition 2: 3 records from offset {begin} to {begin + 2}",
        f"partition 2: 2 records from offset {begin + 6} to {begin + 7}",
    ]
    assert sum(told["reasons"].values()) == 1
    (key,) = shore.keys(f"{UNREADABLE}/{shore.fleet.scores.name}/")
    (line,) = gzip.decompress(shore.store.get_object(Bucket="lake", Key=key)["Body"].read()).splitlines()
    kept = json.loads(line)
    assert (kept["partition"], kept["offset"]) == (2, begin + 9)
    assert base64.b64decode(kept["raw"]) == b"\x00no grade"
    assert shore.left() == []
    assert shore.in_table() == shore.landed


def test_an_object_that_lies_about_itself_stops_the_fold_with_its_name(shore):
    begin = max(offset for partition, offset in shore.landed if partition == 0) + 1
    key = LandedObject(topic=shore.fleet.scores.name, partition=0, first=begin, last=begin + 1, hour=HOUR).key
    shore.store.put_object(Bucket="lake", Key=key, Body=b"cut off")
    running = shore.app()
    code, output = running.end()
    assert code == 1
    assert f"s3://lake/{key} does not hold what its key says" in output[-2000:]
    assert shore.left() == [key]
    shore.store.delete_object(Bucket="lake", Key=key)


def test_a_day_on_s3_is_packed_and_proven_like_one_on_hdfs(shore):
    files = shore.figures().files
    assert files > 1
    result = f"file://{shore.folder / 'compacted.json'}"
    arguments = ("--table", shore.fleet.grades_table.name, "--day", "2026-05-01", "--result", result)
    running = shore.start(PROJECT / "spark_apps" / "compact_day.py", *arguments)
    code, output = running.end()
    assert code == 0, output[-3000:]
    told = json.loads((shore.folder / "compacted.json").read_text())
    assert (told["compacted"], told["files_after"], told["duplicates"]) == (True, 1, 0)
    assert shore.figures().files == 1
    assert shore.in_table() == shore.landed
    assert shore.fold()["folded"] is False
