"""From ``key=value`` words and cards to experiments."""
