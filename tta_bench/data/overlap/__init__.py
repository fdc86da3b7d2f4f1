"""Overlap of corpora: clips of one that are near-duplicates of clips of another."""
