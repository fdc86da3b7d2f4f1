"""The training engine: device and precision, optimizer, step, loop."""
