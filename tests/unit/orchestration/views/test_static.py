"""The page's own files: complete, shipped, and without a way for text from outside to become markup."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from soh.orchestration.views.app import STATIC

PROJECT = Path(__file__).resolve().parents[4]
FILES = sorted(STATIC.iterdir())
MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser")
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|\bon[a-z]+=\"|\bstyle=\"|<style")
ADDRESS = re.compile(r"https?://[^\s\"'`)]+|[\"'(]//[a-z]")
NAMESPACE = "http://www.w3.org/2000/svg"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_is_fetched_from_elsewhere(file):
    assert set(ADDRESS.findall(file.read_text())) <= {NAMESPACE}


@pytest.mark.parametrize("file", [file for file in FILES if file.suffix == ".js"], ids=lambda file: file.name)
def test_no_script_makes_markup_of_text(file):
    assert MARKUP.findall(file.read_text()) == []


def test_the_page_has_nothing_that_its_own_policy_forbids():
    assert INLINE.findall((STATIC / "fleet.html").read_text()) == []


def test_every_file_is_used_and_every_file_that_is_used_is_there():
    used = set(re.findall(r"static/([\w.-]+)", (STATIC / "fleet.html").read_text())) | {"fleet.html"}
    for file in FILES:
        if file.suffix == ".js":
            used |= set(re.findall(r'from "\./([\w.-]+)"', file.read_text()))
    assert used == {file.name for file in FILES}


def test_the_files_are_shipped_with_the_package():
    shipped = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    patterns = shipped["soh.orchestration.views"]
    assert {file for pattern in patterns for file in STATIC.parent.glob(pattern)} == set(FILES)
