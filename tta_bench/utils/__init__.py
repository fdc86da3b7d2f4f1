"""Utilities without a noun of their own: files, paths, progress, keyed randomness."""
