"""One word for the state of the files: another content is another word, committing is not."""

import shutil
import subprocess

import pytest

from soh.local import tree


@pytest.fixture
def project(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("a = 1\n")
    (tmp_path / ".gitignore").write_text("/.venv/\n__pycache__/\n*.egg-info/\n")
    for ignored in (".venv/python", "src/__pycache__/a.pyc", "soh.egg-info/PKG-INFO"):
        (tmp_path / ignored).parent.mkdir()
        (tmp_path / ignored).write_text("made")
    return tmp_path


def git(project, *words):
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=project, check=True)


@pytest.fixture(params=["with-git", "without-git"])
def either(request, project):
    if request.param == "with-git":
        if not shutil.which("git"):
            pytest.skip("no git")
        git(project, "init", "--quiet")
    return project


def test_files_are_those_that_are_not_ignored(either):
    assert [path.name for path in tree.files(either)] == [".gitignore", "a.py"]


def change(project):
    (project / "src" / "a.py").write_text("a = 2\n")


def add(project):
    (project / "src" / "b.py").touch()


def rename(project):
    (project / "src" / "a.py").rename(project / "src" / "c.py")


@pytest.mark.parametrize("edit", [change, add, rename])
def test_an_edit_is_another_state_and_its_undoing_the_one_before(either, edit, tmp_path_factory):
    before = tree.digest(either)
    copy = tmp_path_factory.mktemp("copy") / "of"
    shutil.copytree(either, copy)
    edit(copy)
    assert tree.digest(copy) != before
    shutil.rmtree(copy / "src")
    shutil.copytree(either / "src", copy / "src")
    assert tree.digest(copy) == before


def test_what_is_ignored_does_not_count(either):
    before = tree.digest(either)
    (either / ".venv" / "python").write_text("made anew")
    assert tree.digest(either) == before


def test_a_commit_is_no_other_state(project):
    if not shutil.which("git"):
        pytest.skip("no git")
    git(project, "init", "--quiet")
    before = tree.digest(project)
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "all")
    assert tree.digest(project) == before
