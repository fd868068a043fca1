"""Run a command-line tool written in Python several times in one process.

    python -m soh.local.several MODULE ARGUMENTS [ARGUMENTS ...]

Each ARGUMENTS is a JSON list: the arguments of one run. For a tool that takes longer to import than to work.
"""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run after run, up to the first that does not end with success, whose exit code is ours."""
    module, *runs = sys.argv[1:] if arguments is None else arguments
    for words in runs:
        # runpy puts the tool's own name in the first place.
        sys.argv[1:] = json.loads(words)
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            if ended.code:
                raise


if __name__ == "__main__":
    main()
