"""Models: backbones, classifier, checkpoints."""
