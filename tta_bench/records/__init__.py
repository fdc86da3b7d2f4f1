"""Records: what one experiment measured, and everything needed to check it."""
