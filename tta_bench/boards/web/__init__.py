"""Boards as static web pages: they need no server, and ask nobody for anything."""
