"""Dataset layouts: a module each; the registry imports them all."""
