"""Cards: small YAML files that describe everything that can be benchmarked. Data, never code."""
