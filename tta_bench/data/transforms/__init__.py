"""Transforms of clips: frame sampling, augmentation, face crops."""
