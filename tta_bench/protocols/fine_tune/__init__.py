"""Fine-tuning a classifier."""
