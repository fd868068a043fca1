"""What a person reads at the end of `./soh up`, and from `./soh status`."""

import io

import pytest
from rich.console import Console

from soh.local.options import FleetOptions
from soh.local.report import tables_of, welcome
from soh.status import Status


def shown(*parts):
    console = Console(file=io.StringIO(), width=200)
    for part in parts:
        console.print(part)
    return console.file.getvalue()


@pytest.fixture
def empty():
    return Status(services={}, streams=[], topics=[], tables=[], groups=[], models=[], unanswered=[])


def test_the_last_lines_say_where_who_what_first_and_how_to_stop(home):
    console = Console(file=io.StringIO(), width=40)
    welcome(home, FleetOptions(data="/recorded"), 123.4, console)
    text = console.file.getvalue()
    for part in (home.endpoints.airflow, "admin", f"{home.path}/secrets.json", "stream__lake", "./soh down", "123 s"):
        assert part in text
    assert "replayed from /recorded" in text
    assert not [name for name, secret in home.secrets.items() if secret in text]


def test_the_last_lines_name_the_meter(home):
    console = Console(file=io.StringIO(), width=40)
    welcome(home, FleetOptions(meter="/recorded/meter.csv"), 1, console)
    assert "74 power facilities replayed from /recorded/meter.csv." in console.file.getvalue()


def test_without_services_it_says_what_starts_them(empty):
    assert "./soh up starts them" in shown(*tables_of(empty))


def test_numbers_are_grouped_and_what_is_unknown_is_a_dash(empty):
    stream = {"name": "s", "app": "a", "yarn_app_id": None, "state": "RUNNING", "lag": 1234567, "committed_batch": None}
    found = Status(
        services={"kafka-1": "running"},
        streams=[{**stream, "last_commit_at": None}],
        topics=[],
        tables=[],
        groups=[{"name": "g", "topic": "t", "lag": None}],
        models=[
            {
                **dict.fromkeys(("fleet", "model", "in_use", "refused"), "m"),
                "version": 3,
                "macro_f1": 0.98765,
                "in_use_since": None,
            }
        ],
        unanswered=["kafka does not answer"],
    )
    text = shown(*tables_of(found))
    assert "1,234,567" in text
    assert "0.988" in text
    assert " - " in text
    assert "kafka does not answer" in text
