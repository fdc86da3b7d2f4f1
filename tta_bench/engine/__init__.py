"""The MMEngine seam: runner, loops, hooks, optimizers."""
