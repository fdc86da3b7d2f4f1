"""Cards: small YAML files that say what can be benchmarked. Data, never code."""
