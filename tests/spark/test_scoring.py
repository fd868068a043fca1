import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from tests.fakes.messages import NOW, heat, text
from tests.spark.evaluation import evaluated
from tests.spark.kafka_records import arrive, records
from tests.spark.models import Shelf, artefact

from soh.classifier.artefact import decode
from soh.classifier.features import channel_values, trailing
from soh.specs.fleets import HEAT, HYDRAULIC
from soh.specs.models import State
from soh.specs.streams import HEAT_SCORING, HYDRAULIC_SCORING, ScoringStreamSpec
from soh_spark.champion import InUse, ModelOfStream
from soh_spark.files import TextFile, begun_batch
from soh_spark.scoring import INTERPRETED, LateReadings, grading, sink_options, windows


@pytest.fixture(scope="module", autouse=True)
def as_in_the_app(spark):
    with evaluated(spark, INTERPRETED):
        yield


MEASURED = [field.name for field in HEAT.readings.schema.measurements]


def running_machine(facility=100, second=0.0, **changes):
    """A reading with every measurement, some seconds after NOW."""
    values = {name: 200.0 + n + second % 7 for n, name in enumerate(MEASURED)}
    return heat(**{"facility_id": facility, "event_time": NOW + second, "seq": int(second), **values, **changes})


class Place:
    """What one stream leaves on disk between two lives of its app: input, checkpoint, note and records."""

    def __init__(self, spark: SparkSession, folder: Path, stream: ScoringStreamSpec = HEAT_SCORING) -> None:
        self.spark = spark
        self.folder = folder
        self.stream = stream
        self.shelf = Shelf(stream.fleet)
        self.offset = 0
        (folder / "in").mkdir(parents=True)

    def arrive(self, *messages: dict[str, object]) -> None:
        """One file, and so one micro-batch."""
        values = [text(message) for message in messages]
        arrive(self.folder / "in", values, self.offset)
        self.offset += len(values)

    @property
    def note(self) -> TextFile:
        return TextFile(spark=self.spark, uri=str(self.folder / "note.json"))

    def in_use(self) -> InUse:
        said = self.note.read()
        assert said is not None
        return InUse.from_json(said)

    @contextmanager
    def running(self) -> Iterator[StreamingQuery]:
        checkpoint = str(self.folder / "checkpoint")
        begun = begun_batch(self.spark, checkpoint)
        model = ModelOfStream(self.stream.name, self.stream.fleet, self.shelf, self.shelf, self.note, begun=begun)
        source = self.spark.readStream.schema(records(self.spark, [b""]).schema).option("maxFilesPerTrigger", 1)

        def write(batch):
            batch.write.mode("append").json(str(self.folder / "out"))

        query = (
            windows(self.stream, source.parquet(str(self.folder / "in")))
            .writeStream.queryName(self.stream.name)
            .outputMode("update")
            .option("checkpointLocation", checkpoint)
            .foreachBatch(grading(self.stream, model, write))
            .start()
        )
        try:
            yield query
        finally:
            query.stop()

    def process(self, *batches: list[dict[str, object]]) -> None:
        """A life of the app in which `batches` arrive one by one."""
        with self.running() as query:
            for batch in batches:
                self.arrive(*batch)
                query.processAllAvailable()

    def crash_before_commit(self, batch: int) -> None:
        """Undo the commit of the last batch, as if the app had died after writing its records."""
        for trace in (self.folder / "checkpoint" / "commits").glob(f"*{batch}*"):
            trace.unlink()

    def scores(self) -> list[dict[str, object]]:
        """All records so far, by offset of their readings; a repeated batch's twice."""
        lines = [line for part in (self.folder / "out").glob("*.json") for line in part.read_text().splitlines()]
        found = [(json.loads(line)["key"], json.loads(json.loads(line)["value"])) for line in lines]
        assert all(key == str(score["sensor_id"]) for key, score in found)
        return sorted((score for _, score in found), key=lambda score: score["source_offset"])


@pytest.fixture
def place(spark, tmp_path):
    return Place(spark, tmp_path)


def test_a_score_has_every_field_of_its_schema_under_its_wire_name(place):
    place.process([running_machine(event_time=NOW + 0.123456), running_machine(101, temperature=None)])
    score, without_temperature = place.scores()
    assert list(score) == [field.wire_name for field in HEAT.scores.schema.fields]
    message = running_machine()
    pf = message["active_power"] / np.hypot(message["active_power"], message["reactive_power"])
    assert score["pf"] == pytest.approx(pf, rel=1e-15)
    assert (score["sensor_id"], score["seq"], score["timestamp"]) == (100, 0, NOW + 0.123456)
    assert (score["source_partition"], score["source_offset"], score["source_time"]) == (2, 0, NOW)
    assert score["temperature"] == message["temperature"]
    assert without_temperature["temperature"] is None


def test_the_stream_grades_from_the_same_features_as_training(place):
    place.shelf.promote(3, artefact(HEAT, 1))
    messages = [running_machine(facility, second) for second in range(0, 150, 5) for facility in (100, 101, 102)]
    place.process(messages[:40], messages[40:41], messages[41:])
    facilities = np.array([message["facility_id"] for message in messages])
    times = np.array([round(message["event_time"] * 1e6) for message in messages])
    columns = {name: np.array([message[name] for message in messages], float) for name in MEASURED}
    order = np.lexsort((times, facilities))
    features, _ = trailing(facilities[order], times[order], channel_values(columns, HEAT)[order], HEAT.model.features)
    expected = np.empty((len(messages), len(HEAT.states)))
    expected[order] = decode(artefact(HEAT, 1), HEAT.model).probabilities(features)
    scores = place.scores()
    assert [score["probability"] for score in scores] == expected.max(axis=1).tolist()
    assert [score["pred"] for score in scores] == [HEAT.states[n].value for n in expected.argmax(axis=1)]
    assert {score["model_version"] for score in scores} == {"3"}


@pytest.mark.parametrize("partitions", [1, 2])
def test_a_backlog_is_graded_alike_in_one_frame_and_in_many(spark, tmp_path, partitions):
    messages = [running_machine(facility, second) for second in range(0, 100, 5) for facility in (100, 101)]

    def graded(folder, largest_frame):
        place = Place(spark, folder, replace(HEAT_SCORING, state_partitions=partitions))
        place.shelf.promote(1, artefact(HEAT, 1))
        with evaluated(spark, {"spark.sql.execution.arrow.maxRecordsPerBatch": str(largest_frame)}):
            place.process(messages)
        return place.scores()

    in_one = graded(tmp_path / "one", len(messages))
    assert graded(tmp_path / "many", 7) == in_one
    assert len({score["probability"] for score in in_one}) > 1


def test_a_restart_knows_the_windows_of_the_life_before(spark, tmp_path):
    def graded(folder, *lives):
        place = Place(spark, folder, HYDRAULIC_SCORING)
        place.shelf.promote(1, artefact(HYDRAULIC, 2))
        for life in lives:
            place.process(life)
        return [(score["pred"], score["probability"]) for score in place.scores()]

    messages = [
        {"facility_id": 1000, "event_time": NOW + 5 * n, **dict.fromkeys(HYDRAULIC.model.features.channels, n + 0.5)}
        for n in range(16)
    ]
    at_once = graded(tmp_path / "once", messages)
    assert graded(tmp_path / "twice", messages[:9], messages[9:]) == at_once
    # Eleven readings are no full window of the rig.
    assert [pred == State.UNKNOWN for pred, _ in at_once] == [True] * 11 + [False] * 5


def test_unreadable_records_are_left_to_the_dead_letters(place):
    place.process([running_machine(), {"facility_id": "poison"}, running_machine(101)])
    assert [score["source_offset"] for score in place.scores()] == [0, 2]


def test_a_reading_that_came_too_late_is_unknown_and_counted(spark, place, caplog):
    place.shelf.promote(1, artefact(HEAT))
    listener = LateReadings()
    spark.streams.addListener(listener)
    try:
        with place.running() as query:
            for second in (0, -55, -61):
                place.arrive(running_machine(second=second))
                query.processAllAvailable()
            figures = [progress["observedMetrics"]["windows"] for progress in query.recentProgress]
        spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    finally:
        spark.streams.removeListener(listener)
    assert [(score["pred"] == State.UNKNOWN, score["probability"] > 0) for score in place.scores()] == [
        (False, True),
        (False, True),
        (True, False),
    ]
    assert [figure["late"] for figure in figures if figure["readings"]][-1] == 1
    assert "heat_scoring: 1 of 1 readings of batch 2 came too late" in caplog.text


def test_before_there_is_a_champion_the_rule_grades_and_a_fleet_without_one_says_unknown(spark, tmp_path):
    place = Place(spark, tmp_path / "heat")
    place.process([running_machine(), running_machine(active_power=0.0), running_machine(101, seq=None)])
    assert [(score["pred"], score["model_version"], score["seq"]) for score in place.scores()] == [
        ("caution", "rule", 0),
        ("idle", "rule", 0),
        ("caution", "rule", None),
    ]
    place = Place(spark, tmp_path / "hydraulic", HYDRAULIC_SCORING)
    place.process([{"facility_id": 1000, "event_time": NOW, "ts1": 40.5}])
    (score,) = place.scores()
    assert (score["pred"], score["probability"], score["model_version"]) == ("unknown", 0.0, "none")
    assert score["temperature"] == 40.5


def test_a_new_champion_takes_over_at_the_border_of_a_batch(place):
    with place.running() as query:
        for batch, second in enumerate((0, 5, 10, 15)):
            if batch == 2:
                place.shelf.promote(7, artefact(HEAT, 2))
            place.arrive(running_machine(second=second), running_machine(101, second, active_power=0.0))
            query.processAllAvailable()
    assert [score["model_version"] for score in place.scores()] == ["rule"] * 4 + ["7"] * 4
    assert (place.in_use().version, place.in_use().from_batch) == ("7", 2)


def test_a_batch_that_is_repeated_after_a_crash_keeps_its_version_although_the_champion_changed(place):
    place.shelf.promote(1, artefact(HEAT, 0))
    place.process([running_machine(second=0)], [running_machine(second=5)])
    place.crash_before_commit(1)
    place.shelf.promote(2, artefact(HEAT, 1))
    place.process([running_machine(second=10)])
    versions = [(score["source_offset"], score["model_version"]) for score in place.scores()]
    assert versions == [(0, "1"), (1, "1"), (1, "1"), (2, "2")]
    first, second = place.scores()[1:3]
    assert first == second


def test_a_batch_that_the_rule_began_is_repeated_by_the_rule(place):
    place.process([running_machine()])
    place.crash_before_commit(0)
    place.shelf.promote(2, artefact(HEAT, 1))
    place.process([running_machine(second=5)])
    assert [score["model_version"] for score in place.scores()] == ["rule", "rule", "2"]


def test_a_broken_champion_leaves_the_model_before_it_also_after_a_restart(place):
    place.shelf.promote(1, artefact(HEAT, 0))
    place.process([running_machine()])
    place.shelf.promote(2, artefact(HEAT, 1), stored=b"altered")
    place.process([running_machine(second=5)], [running_machine(second=10)])
    assert [score["model_version"] for score in place.scores()] == ["1", "1", "1"]
    said = place.in_use()
    assert (said.version, said.from_batch) == ("1", 0)
    assert said.refused is not None
    assert (said.refused.version, said.refused.reason) == ("2", "s3://models/2 has been altered")


def test_a_new_checkpoint_takes_no_notice_of_the_note_of_the_old_one(place):
    place.shelf.promote(1, artefact(HEAT, 0))
    place.process([running_machine()])
    place.shelf.promote(2, artefact(HEAT, 1))
    place.process([running_machine(second=5)])
    shutil.rmtree(place.folder / "checkpoint")
    place.shelf.promoted = None
    place.process([running_machine(second=10)])
    assert (place.in_use().version, place.in_use().from_batch) == ("rule", 0)


def test_a_state_in_several_parts_grades_every_facility_from_its_own_window(spark, tmp_path):
    place = Place(spark, tmp_path, replace(HEAT_SCORING, state_partitions=3, trigger_every=timedelta(0)))
    place.shelf.promote(1, artefact(HEAT, 1))
    batches = [[running_machine(facility, second) for facility in range(100, 120)] for second in (0, 5)]
    place.process(*batches)
    assert sorted(score["source_offset"] for score in place.scores()) == list(range(40))
    parts = sorted((tmp_path / "checkpoint" / "state" / "0").iterdir())
    assert [part.name for part in parts] == ["0", "1", "2", "_metadata"]
    sizes = [max(file.stat().st_size for file in part.glob("*.delta")) for part in parts[:3]]
    assert min(sizes) > 200, "each part of the state should hold facilities"


def test_scores_are_acknowledged_by_all_replicas():
    options = sink_options(HEAT_SCORING, "broker:9092")
    assert (options["topic"], options["kafka.acks"], options["kafka.enable.idempotence"]) == ("heat_pf", "all", "true")
