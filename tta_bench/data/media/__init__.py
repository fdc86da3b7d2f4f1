"""Media files: decoding, seeking, sound, checks."""
