from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.fakes.endpoints import ENDPOINTS, SECRETS

from soh.errors import BadInput, ServerUnreachable
from soh.lake import catalog
from soh.lake.catalog import TableFigures, parse_metadata, table_figures
from soh.settings import Endpoints

NOON_MS = 1740830400000
NOON = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def snapshot(number: int, rows: int, at: int = NOON_MS) -> dict[str, object]:
    return {
        "snapshot-id": number,
        "timestamp-ms": at,
        "summary": {
            "operation": "append",
            "total-records": str(rows),
            "total-data-files": str(rows // 10),
            "total-files-size": str(rows * 100),
        },
    }


def metadata(*snapshots: dict[str, object], current: int | None = None) -> str:
    return json.dumps({"format-version": 2, "current-snapshot-id": current, "snapshots": list(snapshots)})


FIGURES = {
    "one-snapshot": (
        metadata(snapshot(1, 500), current=1),
        TableFigures(name="heat_raw", rows=500, files=50, bytes=50_000, snapshots=1, last_commit_at=NOON),
    ),
    "current-is-not-the-last-listed": (
        metadata(snapshot(1, 500), snapshot(2, 900, NOON_MS - 1000), current=1),
        TableFigures(name="heat_raw", rows=500, files=50, bytes=50_000, snapshots=2, last_commit_at=NOON),
    ),
    "no-snapshot-said-by-minus-one": (
        metadata(current=-1),
        TableFigures(name="heat_raw", rows=0, files=0, bytes=0, snapshots=0, last_commit_at=None),
    ),
    "no-snapshot-said-by-null": (
        metadata(),
        TableFigures(name="heat_raw", rows=0, files=0, bytes=0, snapshots=0, last_commit_at=None),
    ),
    "no-snapshot-said-by-nothing": (
        '{"format-version": 1}',
        TableFigures(name="heat_raw", rows=0, files=0, bytes=0, snapshots=0, last_commit_at=None),
    ),
}


@pytest.mark.parametrize(("text", "expected"), FIGURES.values(), ids=FIGURES.keys())
def test_parse_metadata(text, expected):
    assert parse_metadata("heat_raw", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param('{"current-snap', id="cut-off"),
        pytest.param("[]", id="not-an-object"),
        pytest.param(metadata(current=5), id="current-snapshot-is-not-listed"),
        pytest.param(json.dumps({"current-snapshot-id": 1, "snapshots": [{"snapshot-id": 1}]}), id="no-summary"),
    ],
)
def test_metadata_that_is_not_iceberg_s_is_refused_with_the_table_s_name(text):
    with pytest.raises(BadInput, match="table heat_raw is not Iceberg's"):
        parse_metadata("heat_raw", text)


class Files:
    """Stands for HDFS."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def read_text(self, path: str) -> str | None:
        return self.files.get(path)


@pytest.fixture
def in_catalog(monkeypatch):
    """Answer the question for metadata locations with each of these in turn."""

    def answers(*locations: dict[str, str]) -> list[set[str]]:
        asked: list[set[str]] = []
        left = list(locations)

        def answer(_endpoints: Endpoints, _password: str, tables: set[str]) -> dict[str, str]:
            asked.append(set(tables))
            found = left.pop(0) if len(left) > 1 else left[0]
            return {name: location for name, location in found.items() if name in tables}

        monkeypatch.setattr(catalog, "metadata_locations", answer)
        return asked

    return answers


def test_figures_are_read_from_the_metadata_that_the_catalog_names(in_catalog):
    in_catalog({"b": "hdfs://127.0.0.1:8020/w/b/2.metadata.json", "a": "hdfs://127.0.0.1:8020/w/a/1.metadata.json"})
    files = Files(
        {"/w/a/1.metadata.json": metadata(snapshot(1, 10), current=1), "/w/b/2.metadata.json": metadata(current=-1)}
    )
    found = table_figures(ENDPOINTS, SECRETS, files, ["a", "b"])
    assert [(table.name, table.rows) for table in found] == [("a", 10), ("b", 0)]


def test_a_table_that_nobody_made_yet_has_no_figures(in_catalog):
    in_catalog({})
    assert table_figures(ENDPOINTS, SECRETS, Files({}), ["a"]) == []


def test_metadata_replaced_between_the_two_questions_is_asked_for_again(in_catalog):
    asked = in_catalog({"a": "hdfs://h/old", "b": "hdfs://h/b"}, {"a": "hdfs://h/new", "b": "hdfs://h/b"})
    files = Files({"/new": metadata(snapshot(1, 20), current=1), "/b": metadata(current=-1)})
    found = table_figures(ENDPOINTS, SECRETS, files, ["a", "b"])
    assert [(table.name, table.rows) for table in found] == [("a", 20), ("b", 0)]
    assert asked == [{"a", "b"}, {"a"}]


def test_metadata_that_is_not_where_the_catalog_says_is_refused(in_catalog):
    in_catalog({"a": "hdfs://h/gone", "b": "hdfs://h/b"})
    with pytest.raises(BadInput, match="hdfs://h/gone of a"):
        table_figures(ENDPOINTS, SECRETS, Files({"/b": metadata(current=-1)}), ["a", "b"])


def test_a_catalog_that_is_down_is_unreachable_and_the_password_is_not_told():
    with pytest.raises(ServerUnreachable, match=r"catalog at 127\.0\.0\.1:6/lake_catalog.*user lake") as raised:
        catalog.metadata_locations(ENDPOINTS, "secret", ["heat_raw"])
    assert "secret" not in str(raised.value)
