"""Documents are compared with what they are about: files, commands, Dags, options, settings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from soh import cli
from soh.local import png, tree
from soh.local.home import SECRETS, Home
from soh.local.options import FleetOptions
from soh.local.ports import DEFAULT_BASE
from soh.local.preflight import NEEDED_DISK
from soh.local.profile import PROFILES, STANDARD
from soh.local.report import welcome
from soh.local.screenshots import HEALTHY, LARGEST, PICTURES
from soh.local.suites import SUITES
from soh.settings import PROJECT
from soh.specs import FLEETS, STREAM_APPS, STREAMS, TOPICS, StreamSpec
from soh.specs.landing import EVERY
from soh.streams.verdict import Verdict

README = (PROJECT / "README.md").read_text()
DECISIONS = sorted((PROJECT / "docs" / "decisions").glob("*.md"))
FIRST_LOOK = PROJECT / "docs" / "first-look.md"
IMAGES = PROJECT / "docs" / "images"
DOCUMENTS = {
    path.relative_to(PROJECT).as_posix(): path.read_text() for path in (PROJECT / "README.md", FIRST_LOOK, *DECISIONS)
}

FIRST_WORDS = {path.name for path in PROJECT.iterdir()}
"""A path in a document begins with one of these; anything else with a slash is an address or an example."""
MADE_LATER = {".runtime", ".venv", ".env", "airflow.cfg"}


def section(heading: str) -> str:
    """Text below a heading of the second level."""
    return README.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """Cells of the tables' rows, without headings."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    body = [line for before, line in zip(["", *lines], lines, strict=False) if not set(line) <= set("|-: ") and before]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in body]


def code(text: str) -> list[str]:
    """What stands between single backticks."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)


def fenced(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.M | re.S)


def paths(text: str) -> Iterator[str]:
    """Files and folders of the project that a document names."""
    links = re.findall(r"\]\((?!http|#)([^)#]+)", text)
    for word in (*code(text), *links, *[word for block in fenced(text, "console") for word in block.split()]):
        path = word.removeprefix("./").split(" ")[0]
        if re.fullmatch(r"[\w.\-/]+", path) and path.split("/")[0] in FIRST_WORDS - MADE_LATER:
            yield path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_exists(document):
    named = set(paths(DOCUMENTS[document]))
    assert [path for path in sorted(named) if not (PROJECT / path).exists()] == []
    assert named or document != "README.md"


def test_where_things_are_names_what_exists_and_every_part_of_the_library():
    listed = [line.split()[0] for line in fenced(section("Where things are"), "text")[0].splitlines()]
    assert [path for path in listed if not (PROJECT / path).exists()] == []
    assert [path for path in listed if path.endswith("/") != (PROJECT / path).is_dir()] == []
    parts = [f"include/soh/{init.parent.name}/" for init in (PROJECT / "include/soh").glob("*/__init__.py")]
    assert set(parts) <= set(listed)
    suites = {f"{folder}/" for suite in SUITES for folder in suite.folders}
    assert suites <= set(listed)


# Commands.


def shown_commands(text: str) -> set[str]:
    """Words after `./soh` in what is meant to be typed."""
    typed = "\n".join([*code(text), *fenced(text, "console")])
    return {words.strip() for words in re.findall(r"\./soh((?: [\w./-]+)*)", typed) if words}


def known(words: str) -> str | None:
    """The part of a command that the command line does not know; None when it knows all of it."""
    command: typer.core.TyperGroup = typer.main.get_command(cli.app)
    rest = words.split()
    while rest and isinstance(command, typer.core.TyperGroup):
        name = rest.pop(0)
        if name not in command.commands:
            return name
        command = command.commands[name]
    if command.name == "airflow":
        return None
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    wrong = [word for word in rest if word.startswith("-") and word not in options]
    if command.name == "test":
        wrong += [word for word in rest if word[0] != "-" and word not in {"WORD", *(suite.name for suite in SUITES)}]
    if command.name in {"stop", "start", "restart"}:
        wrong += [word for word in rest if word not in {*STREAM_APPS, "APP"}]
    return wrong[0] if wrong else None


@pytest.mark.parametrize("command", sorted(set().union(*map(shown_commands, DOCUMENTS.values()))))
def test_every_command_shown_exists_with_its_options(command):
    assert known(command) is None


def test_every_command_of_the_workflow_exists_with_its_options():
    steps = re.findall(r"\./soh((?: [\w-]+)+)", (PROJECT / ".github/workflows/ci.yml").read_text())
    assert len(steps) >= 5
    assert [words for words in steps if known(words)] == []


@pytest.mark.parametrize(
    "command", ["upp", "up --dta x", "test units", "test --keeep", "streams pause lake", "streams stop lke"]
)
def test_a_command_that_does_not_exist_would_be_found(command):
    assert known(command) is not None


def test_every_option_of_test_is_shown():
    (command,) = (command for name, command in typer.main.get_command(cli.app).commands.items() if name == "test")
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("-")}
    assert options <= {word for words in shown_commands(README) for word in words.split()}


def test_every_command_is_shown():
    every = set(typer.main.get_command(cli.app).commands)
    assert every <= {command.split()[0] for command in shown_commands(README)}


def test_the_options_of_up_are_those_in_the_table_with_their_defaults():
    up = typer.main.get_command(cli.app).commands["up"]
    table = {row[0].strip("`").split()[0]: row[1] for row in rows(section("Settings")) if row[0].startswith("`--")}
    assert set(table) == {parameter.opts[0] for parameter in up.params}
    options = FleetOptions()
    assert table["--facilities"] == str(options.heat_facilities)
    assert table["--period"] == f"{options.heat_period_seconds:g}"
    assert table["--rigs"] == str(options.hydraulic_facilities)
    assert table["--landing-interval"] == f"{EVERY.total_seconds():g}"


def test_the_settings_are_those_that_are_read():
    read = set(re.findall(r'environ\.get\("(\w+)"', (PROJECT / "include/soh/settings.py").read_text()))
    table = {row[0].strip("`"): row[1].strip("`") for row in rows(section("Settings")) if row[0].startswith("`SOH_")}
    assert set(table) == read
    assert table["SOH_PORT_BASE"] == str(DEFAULT_BASE)


def test_the_last_lines_of_up_are_those_that_it_prints(tmp_path):
    class Printed:
        text = ""

        def print(self, text: str, **_: object) -> None:
            self.text += text

    printed = Printed()
    welcome(Home(path=tmp_path, port_base=DEFAULT_BASE), FleetOptions(), 1, printed)
    plain = re.sub(r"\[/?(bold|green| )*\]", "", printed.text).replace(str(tmp_path), "<home>")
    shown = fenced(section("Two commands"), "console")[0]
    for line in plain.replace("after 1 s", "after <n> s").splitlines():
        assert line in shown.splitlines()


def test_the_last_lines_of_test_name_every_suite():
    shown = fenced(section("Two commands"), "console")[1]
    assert re.findall(r"^  passed   (\w+)", shown, re.M) == [suite.name for suite in SUITES if not suite.on_request]


def test_what_the_machine_needs_is_what_is_checked():
    needed = [f"{size // 1024**3} GiB" for size in (STANDARD.needed_memory, NEEDED_DISK)]
    assert [size for size in needed if size not in section("Two commands")] == []


def test_the_table_of_profiles_is_what_they_declare():
    table = {row[0]: row[1:] for row in rows(section("Profiles"))}
    pace = {name: int(profile.spark.get("spark.soh.pace", 1)) for name, profile in PROFILES.items()}
    grades, readings = STREAMS["heat_scoring"], STREAMS["heat_to_lake"]

    def row(start: str) -> list[str]:
        return next(cells for label, cells in table.items() if label.startswith(start))

    def seconds(stream: StreamSpec, name: str) -> str:
        return f"{stream.paced(pace[name]).trigger_every.total_seconds():g}"

    every = PROFILES.values()
    assert row("free memory") == [f"{one.needed_memory / 1024**3:g} GiB" for one in every]
    assert row("Kafka brokers") == [f"{len(one.brokers)}, {one.replicas}, {one.min_insync}" for one in every]
    assert row("DataNodes") == [f"{len(one.datanodes)}, {one.block_copies}; {len(one.nodemanagers)}" for one in every]
    assert row("seconds between") == [f"{seconds(grades, name)}; {seconds(readings, name)}" for name in PROFILES]
    assert row("Airflow's tasks") == [str(one.airflow_slots) for one in every]


# Dags, topics, verdicts.


def declared_dags() -> set[str]:
    """Ids of the Dags in `dags/`, read without Airflow: written out, or one for each stream app."""
    found = set()
    for path in (PROJECT / "dags").glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        ids = [word.value for call in calls for word in call.keywords if word.arg == "dag_id"]
        assert ids, f"{path.name} declares no Dag"
        for value in ids:
            match value:
                case ast.Constant(value=str(dag_id)):
                    found.add(dag_id)
                case ast.Attribute(attr="dag_id"):
                    found |= {app.dag_id for app in STREAM_APPS.values()}
                case _:
                    raise AssertionError(f"{path.name}: dag_id is neither a string nor that of a declared app")
    return found


def test_the_table_of_dags_is_the_dags():
    table = [row[0].strip("`") for row in rows(section("Dags"))]
    assert sorted(table) == sorted(declared_dags())


def test_dags_and_topics_named_elsewhere_exist():
    words = {word for text in DOCUMENTS.values() for word in code(text)}
    named = {word for word in words if re.fullmatch(r"(stream|batch|kafka|consumer|platform)_+[a-z_]+", word)}
    assert {word for word in named if not word.endswith("_default")} <= declared_dags()
    dead = {word for word in words if word.endswith("_dead")}
    assert {word for word in dead if "<" not in word} <= set(TOPICS)


def test_every_red_verdict_is_explained():
    explained = "".join(row[0] for row in rows(section("When it is red")))
    assert [verdict for verdict in Verdict if verdict.red and f"*{verdict}*" not in explained] == []


def test_the_recorded_fleet_is_described_with_its_source_and_licence():
    text = section("Recorded data")
    fleet = next(fleet for fleet in FLEETS.values() if fleet.needs_data)
    assert f"`{fleet.name}`" in text
    for part in ("UCI", "447", "10.24432/C5CW21", "CC BY 4.0"):
        assert part in text


def test_the_meter_is_described_with_its_source_and_licence():
    described = section("Recorded data").split("The fleet `heat`")[1]
    for part in ("UCI", "851", "10.24432/C52G8C", "CC BY 4.0"):
        assert part in described


def test_passwords_named_exist():
    named = set(re.findall(r"\b(airflow_(?:admin|viewer))\b", README))
    assert named
    assert named <= set(SECRETS)


# The first look, and its pictures.


def shown_images() -> set[Path]:
    """Every picture that a document shows."""
    return {
        (PROJECT / document).parent / target
        for document, text in DOCUMENTS.items()
        for target in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    }


def test_every_picture_is_shown_by_a_document_and_every_one_shown_exists():
    assert shown_images() == set(IMAGES.iterdir())


def test_the_pictures_are_those_that_the_command_takes():
    taken = {path.name for path in IMAGES.iterdir()}
    assert {picture.file_name for picture in HEALTHY} <= taken
    assert taken <= {picture.file_name for picture in PICTURES}


@pytest.mark.parametrize("image", sorted(IMAGES.iterdir()), ids=lambda path: path.name)
def test_a_picture_is_a_png_that_opens_at_once(image):
    assert image.read_bytes().startswith(png.SIGNATURE)
    assert image.stat().st_size < LARGEST


def test_the_readme_leads_to_the_first_look_before_its_first_section():
    assert "(docs/first-look.md)" in README.split("\n## ")[0]


def test_the_first_look_is_a_few_numbered_steps():
    steps = re.findall(r"^(\d+)\. ", DOCUMENTS["docs/first-look.md"], re.M)
    assert steps == [str(number) for number in range(1, len(steps) + 1)]
    assert 5 <= len(steps) <= 8


def test_every_link_in_the_first_look_to_a_heading_leads_to_one():
    found = re.findall(r"\]\(([^)#]*)#([^)]+)\)", DOCUMENTS["docs/first-look.md"])
    assert found
    for target, anchor in found:
        document = (FIRST_LOOK.parent / target).resolve() if target else FIRST_LOOK
        headings = re.findall(r"^#+ (.*)$", document.read_text(), re.M)
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


# Decisions, and all text of the project.


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_context_choice_and_price_on_half_a_page(decision):
    text = decision.read_text()
    assert re.findall(r"^## (.*)$", text, re.M) == ["Context", "Choice", "Price"]
    assert int(re.match(r"# (\d+)\. ", text).group(1)) == int(decision.name[:4])
    assert len(text.split()) < 450


def test_decisions_are_numbered_without_a_gap():
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


OF_A_MACHINE = re.compile(r"(?<![\w.$}~])/(?:home|root|Users|work)/\w[\w./-]*")


def test_no_file_names_a_folder_of_somebodys_machine():
    found = {
        f"{path.relative_to(PROJECT)}: {match.group()}"
        for path in tree.files(PROJECT)
        for match in OF_A_MACHINE.finditer(path.read_text(errors="replace"))
    }
    assert found == set()


def test_a_folder_of_somebodys_machine_would_be_found():
    assert OF_A_MACHINE.search("see " + "/".join(("", "home", "somebody", "project")))
    assert not OF_A_MACHINE.search("https://example.org/home/page and ~/home/x")
