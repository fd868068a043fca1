"""A trained classifier as bytes: one JSON document around LightGBM's own text form, so loading it runs no code."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soh.errors import ModelRefused
from soh.specs.models import ModelSpec, State

if TYPE_CHECKING:
    from lightgbm import Booster

_WHERE = "train and promote a new version with the Dag soh_retrain"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classifier:
    """A model in memory, ready to grade."""

    states: tuple[State, ...]
    booster: Booster

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of each state (n, states) by the features (n, names); on one thread, whatever n."""
        # LightGBM refuses an empty matrix.
        if not len(features):
            return np.empty((0, len(self.states)))
        found: NDArray[np.float64] = self.booster.predict(features, num_threads=1)
        return found


def encode(spec: ModelSpec, booster: Booster, trained_at: datetime) -> bytes:
    """The artefact of a `booster` that was trained as `spec` says; the same model gives the same bytes."""
    document = {**_declared(spec), "trained_at": trained_at.isoformat(), "booster": booster.model_to_string()}
    return (json.dumps(document, indent=1) + "\n").encode()


def sha256(artefact: bytes) -> str:
    """Hexadecimal, as the registry keeps it."""
    return hashlib.sha256(artefact).hexdigest()


def decode(artefact: bytes, spec: ModelSpec) -> Classifier:
    """The classifier in an artefact whose origin has been proven by its hash.

    Raises ModelRefused when it is no model, or not one of what `spec` declares: name, states, features, window.
    """
    document = _document(artefact, spec)
    for key, declared in _declared(spec).items():
        if document.get(key) != declared:
            raise ModelRefused(
                f"the artefact of model {spec.name} has {key} {document.get(key)!r}, but {declared!r} is declared in "
                f"soh.specs.models; {_WHERE}"
            )
    return Classifier(states=spec.states, booster=_booster(document.get("booster"), spec))


def _declared(spec: ModelSpec) -> dict[str, object]:
    """What an artefact must agree with."""
    return {
        "model": spec.name,
        "states": [state.value for state in spec.states],
        "features": list(spec.features.names),
        "window_seconds": spec.features.window.total_seconds(),
    }


def _document(artefact: bytes, spec: ModelSpec) -> dict[str, Any]:
    try:
        document = json.loads(artefact)
    except ValueError as error:
        raise ModelRefused(f"the artefact of model {spec.name} is not JSON ({error}); {_WHERE}") from None
    if not isinstance(document, dict):
        raise ModelRefused(f"the artefact of model {spec.name} is not a JSON object; {_WHERE}")
    return document


def _booster(text: object, spec: ModelSpec) -> Booster:
    # Only where models are trained and used: Airflow's environment reads the registry, and has no LightGBM.
    from lightgbm import Booster
    from lightgbm.basic import LightGBMError

    if not isinstance(text, str):
        raise ModelRefused(f"the artefact of model {spec.name} has no LightGBM model; {_WHERE}")
    try:
        booster = Booster(model_str=text)
    except LightGBMError as error:
        raise ModelRefused(f"LightGBM does not read the artefact of model {spec.name}: {error}; {_WHERE}") from None
    found = (booster.num_model_per_iteration(), booster.num_feature())
    if found != (len(spec.states), len(spec.features.names)):
        raise ModelRefused(
            f"the LightGBM model in the artefact of {spec.name} tells {found[0]} states by {found[1]} features, but "
            f"{len(spec.states)} by {len(spec.features.names)} are declared in soh.specs.models; {_WHERE}"
        )
    return booster
