"""Estimating reaction intensities."""
