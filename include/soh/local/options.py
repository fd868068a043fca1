"""What a person chose at `./soh up`, remembered so that a later `./soh up` keeps it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

from soh.errors import BadInput
from soh.local.home import Home
from soh.specs import FLEETS
from soh.specs.fleets import LONGEST_PAST
from soh.specs.groups import RAREST_LANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """Sizes and sources of the fleets, and how often their grades land on S3."""

    heat_facilities: int = FLEETS["heat"].facilities
    heat_period_seconds: float = FLEETS["heat"].period.total_seconds()
    hours_to_degrade: float | None = None
    """Hours from a facility's first sign of a condition to its worst; None keeps the fleet's own."""
    meter: str | None = None
    """File of a recorded meter that the power facilities replay; None is the virtual fleet."""
    past: float | None = None
    """Hours before its very first start at which the virtual fleet's readings begin; None keeps its own, 0 is none
    for the replayed fleet too, which otherwise sends one lap of its recording."""
    hydraulic_facilities: int = FLEETS["hydraulic"].facilities
    data: str | None = None
    """Folder with recorded sensor data; the replayed fleet is off without it."""
    landing_seconds: int | None = None
    """Seconds after which an object on S3 is closed; None keeps the service's own."""

    def __post_init__(self) -> None:
        for name in ("heat_facilities", "heat_period_seconds", "hydraulic_facilities"):
            if getattr(self, name) <= 0:
                raise BadInput(f"{name.replace('_', ' ')} is {getattr(self, name)}; it must be above 0")

        longest = LONGEST_PAST / timedelta(hours=1)
        if self.past is not None and not 0 <= self.past <= longest:
            raise BadInput(f"past is {self.past:g}; it must be between 0 and {longest:g} hours")
        rarest = int(RAREST_LANDING.total_seconds())
        if self.landing_seconds is not None and not 1 <= self.landing_seconds <= rarest:
            raise BadInput(f"landing interval is {self.landing_seconds}; it must be between 1 and {rarest} seconds")

    @property
    def hydraulic_data(self) -> Path | None:
        return Path(self.data) / "hydraulic" if self.data else None

    def with_meter(self, asked: Path | None) -> FleetOptions:
        """These options with the meter that was asked for, if any; `none` goes back to the virtual fleet.

        Raises BadInput when there is no such file.
        """
        if asked is None:
            return self
        if str(asked) == "none":
            return replace(self, meter=None)
        if not asked.is_file():
            raise BadInput(f"--meter names {asked}, which is no file; name the meter's recording, or none")
        return replace(self, meter=str(asked.absolute()))

    @classmethod
    def remembered(cls, home: Home) -> FleetOptions:
        file = home.path / "fleets.json"
        return cls(**json.loads(file.read_text())) if file.exists() else cls()

    def remember(self, home: Home) -> None:
        (home.path / "fleets.json").write_text(json.dumps(asdict(self), indent=2) + "\n")

    def changed(self, **choices: object) -> FleetOptions:
        """These options with every choice that is not None."""
        return replace(self, **{name: value for name, value in choices.items() if value is not None})  # type: ignore[arg-type]


def find_data(asked: Path | None, default: Path) -> str | None:
    """The folder with recorded data; None when nobody asked for one and the usual place has none.

    Raises BadInput when somebody named a folder that does not hold the recording.
    """
    folder = asked or default
    if (folder / "hydraulic" / "cycles.csv").exists():
        return str(folder.absolute())
    if asked:
        raise BadInput(f"{asked} has no hydraulic/cycles.csv; name the folder that holds the folder 'hydraulic'")
    return None
