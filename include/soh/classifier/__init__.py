"""The state-of-health classifier: features, gate, artefacts and registry; the same code in stream and training."""
