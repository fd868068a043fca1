"""The inside of a side: a process that does what its parent asks, question by question; standard library only.

A question is a line `VERB NUMBER` on standard input, its answer one JSON object on a line of standard output.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

Verbs = Mapping[str, Callable[[int], Mapping[str, Any]]]


def open_answers() -> TextIO:
    """Where answers go; from now on what is printed, also by processes that are started later, goes to standard error.

    To be called before anything else is started.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return answers


def serve(verbs: Verbs, answers: TextIO) -> None:
    """Say that all is ready, then answer until standard input ends."""
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        verb, number = line.split()
        print(json.dumps(dict(verbs[verb](int(number)))), file=answers)
