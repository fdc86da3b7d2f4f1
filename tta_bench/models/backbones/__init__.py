"""Backbones: a module for each source of networks; the registry imports them all."""
