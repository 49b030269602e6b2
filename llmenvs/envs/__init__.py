"""Environments of the suite."""
