"""Metrics: accuracy, Pearson, intervals and paired comparison, on plain arrays."""
