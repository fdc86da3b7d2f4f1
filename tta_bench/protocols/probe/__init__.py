"""Frozen backbones: every clip is encoded once, and only what comes after is trained."""
