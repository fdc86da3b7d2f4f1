"""Masked pre-training without labels."""
