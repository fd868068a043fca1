"""What is kept of the tests of a suite: which passed on which state of the files, and how long each took.

Standard library only: the tests of every environment write it.
"""

from __future__ import annotations

from pathlib import Path


class Outcomes:
    """The outcomes of one suite.

    A line a test, written when it ends, so that a run that is killed is remembered up to there. What
    many tests share, such as their servers, is timed under a name of its own.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.tree = ""
        """The state of the files that was tested last; empty before the first test."""
        self.whole = False
        """True when every test of the suite has passed on it."""
        self.passed: set[str] = set()
        """Tests that passed on it."""
        self.measured: dict[str, float] = {}
        """Seconds of all that ran on it."""
        self.seconds: dict[str, float] = {}
        """The same, and of what last ran on another state: what is to be expected."""
        if path.exists():
            for line in path.read_text().splitlines():
                word, seconds, name = line.split(" ", 2)
                self._take(word, float(seconds), name)

    def begin(self, tree: str) -> None:
        """Test this state of the files from now on; what passed on another one is forgotten."""
        if tree != self.tree:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            known = [f"expect {seconds:.3f} {name}\n" for name, seconds in self.seconds.items()]
            self._path.write_text("".join((f"tree 0 {tree}\n", *known)))
            self._take("tree", 0, tree)

    def add(self, name: str, seconds: float, *, passed: bool) -> None:
        self._write("passed" if passed else "failed", seconds, name)

    def end(self, *, whole: bool) -> None:
        """Note at the end of a run whether every test has passed by now."""
        self._write("whole" if whole else "part", 0, "")

    def _write(self, word: str, seconds: float, name: str) -> None:
        with self._path.open("a") as file:
            file.write(f"{word} {seconds:.3f} {name}\n")
        self._take(word, seconds, name)

    def _take(self, word: str, seconds: float, name: str) -> None:
        self.whole = word == "whole"
        match word:
            case "tree":
                self.tree = name
                self.passed, self.measured = set(), {}
            case "expect":
                self.seconds[name] = seconds
            case "passed" | "failed":
                self.seconds[name] = self.measured[name] = seconds
                (self.passed.add if word == "passed" else self.passed.discard)(name)
