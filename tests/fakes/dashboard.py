"""The Grafana dashboard as Grafana reads it, and its queries as Grafana sends them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GRAFANA = Path(__file__).resolve().parents[2] / "docker" / "grafana"


def dashboard() -> dict[str, Any]:
    return json.loads((GRAFANA / "dashboards" / "fleet.json").read_text())


def queries() -> Iterator[tuple[str, str]]:
    """Every query with a name for it: those of the panels, then those of the variables."""
    model = dashboard()
    for panel in model["panels"]:
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["query"]
    for variable in model["templating"]["list"]:
        yield f"variable {variable['name']}", variable["query"]


def sent(query: str, *, fleet: str, sensors: str, since: str, every: str) -> str:
    """The query with Grafana's own and the dashboard's variables filled in; `sensors` as a regular expression."""
    for name, value in (("timeFilter", since), ("__interval", every), ("fleet", fleet), ("sensor", sensors)):
        query = query.replace(f"${name}", value)
    assert not re.search(r"\$\w", query), query
    return query
