"""Experiments: the card, settings and identity of each kind of protocol. Pydantic only, never torch."""
