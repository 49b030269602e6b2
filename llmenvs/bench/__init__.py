"""Measuring policies: runs, reports and the transcript viewer."""
