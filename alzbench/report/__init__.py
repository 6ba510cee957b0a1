"""A comparison or a run, for people to read: terminal, CSV, JSON."""
