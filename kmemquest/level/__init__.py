"""Scenarios: level files, attempts, recordings, goals and verdicts."""
