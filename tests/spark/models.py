"""Small trained models of the shipped fleets, as artefacts."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

import lightgbm
import numpy as np

from soh.classifier.artefact import encode, sha256
from soh.classifier.registry import ModelVersion
from soh.errors import ArtefactAltered, ArtefactMissing, ServerUnreachable
from soh.specs import FleetSpec
from soh.specs.fleets import FLEETS

TRAINED_AT = datetime(2026, 4, 30, tzinfo=UTC)


def artefact(fleet: FleetSpec, favourite: int = 0) -> bytes:
    """A model of `fleet` that takes nearly everything for its state number `favourite`."""
    return _artefact(fleet.name, favourite)


@cache
def _artefact(name: str, favourite: int) -> bytes:
    spec = FLEETS[name].model
    rng = np.random.default_rng(favourite)
    classes = np.where(rng.random(300) < 0.9, favourite, rng.integers(0, len(spec.states), 300))
    classes[: len(spec.states)] = range(len(spec.states))
    features = rng.normal(size=(300, len(spec.features.names)))
    settings = {"objective": "multiclass", "num_class": len(spec.states), "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(features, classes), num_boost_round=3)
    return encode(spec, booster, TRAINED_AT)


@dataclass
class Shelf:
    """A registry and a store in one, in memory: what stands in for PostgreSQL and S3 where decisions are tested."""

    fleet: FleetSpec
    artefacts: dict[str, bytes] = field(default_factory=dict)
    promoted: ModelVersion | None = None
    registry_down: bool = False
    store_down: bool = False
    questions: int = 0
    fetched: list[str] = field(default_factory=list)

    def promote(self, version: int, content: bytes, *, stored: bytes | None = b"") -> None:
        """Make `content` the champion; `stored` is what lies on the shelf in its place, None for nothing."""
        uri = f"s3://models/{version}"
        if stored is not None:
            self.artefacts[uri] = stored or content
        self.promoted = ModelVersion(
            model=self.fleet.model.name,
            version=version,
            uri=uri,
            sha256=sha256(content),
            size=len(content),
            macro_f1=0.9,
            promoted_at=TRAINED_AT,
            reason="better",
            created_at=TRAINED_AT,
        )

    def champion(self, model_name: str) -> ModelVersion | None:
        self.questions += 1
        if self.registry_down:
            raise ServerUnreachable("the registry does not answer")
        assert model_name == self.fleet.model.name
        return self.promoted

    def get(self, uri: str, sha256_: str) -> bytes:
        self.fetched.append(uri)
        if self.store_down:
            raise ServerUnreachable("the store does not answer")
        if uri not in self.artefacts:
            raise ArtefactMissing(f"{uri} is not there")
        if sha256(self.artefacts[uri]) != sha256_:
            raise ArtefactAltered(f"{uri} has been altered")
        return self.artefacts[uri]
