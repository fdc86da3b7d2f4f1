"""Steps that protocols share: weights, preflight, records."""
