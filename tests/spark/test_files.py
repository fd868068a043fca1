import pytest

from soh_spark.files import TextFile, begun_batch


def test_a_text_comes_back_as_it_was_written_over_the_one_before(spark, tmp_path):
    note = TextFile(spark=spark, uri=f"file://{tmp_path}/notes/heat_scoring.json")
    assert note.read() is None
    note.write("전류\n")
    note.write('{"version": "3"}\n')
    assert note.read() == '{"version": "3"}\n'
    note.write("누적전력량")
    assert note.read() == "누적전력량"
    assert [path.name for path in (tmp_path / "notes").iterdir() if path.suffix != ".crc"] == ["heat_scoring.json"]


@pytest.mark.parametrize(
    ("offsets", "commits", "expected"),
    [
        pytest.param(None, None, None, id="never-started"),
        pytest.param(["0"], [], 0, id="died-in-its-first-batch"),
        pytest.param(["8", "9", "10"], ["8", "9"], 10, id="died-in-a-batch"),
        pytest.param(["8", "9", "10"], ["9", "10"], None, id="all-committed"),
        pytest.param(["9", ".10.crc", "10.tmp", ".10.a1b2.tmp"], ["9", ".9.crc"], None, id="unfinished-plan"),
    ],
)
def test_begun_batch(spark, tmp_path, offsets, commits, expected):
    for folder, names in (("offsets", offsets), ("commits", commits)):
        if names is not None:
            (tmp_path / folder).mkdir()
            for name in names:
                (tmp_path / folder / name).touch()
    assert begun_batch(spark, f"file://{tmp_path}") == expected
