"""Checkpoints: safe reading, renaming of keys, loading, export."""
