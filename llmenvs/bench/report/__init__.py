"""A run as one HTML page: tables, plots and a transcript viewer; `write_report` makes it."""

from llmenvs.bench.report.page import write_report

__all__ = ["write_report"]
