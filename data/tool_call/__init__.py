"""Requests with tools and the calls that they want, made by templates.

`load_tasks` reads the bundled files. ``DATASHEET.md`` says what is in them, and
``python -m llmenvs.data.tool_call.generate`` makes them again.
"""

from llmenvs.data.tool_call.loading import Split, load_tasks

__all__ = ["Split", "load_tasks"]
