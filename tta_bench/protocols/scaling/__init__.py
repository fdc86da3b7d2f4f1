"""The scaling study: accuracy against the size of the pre-training corpus."""
