"""Boards: leaderboards, a pure function of records and their outcome files."""
