"""One short module for each trainer: what it calls, and what its samples look like.

Nothing is imported here: each module needs its trainer, which is an extra of its own. What all of
them agree on, how a `Trajectory` becomes training samples, is in `llmenvs.integrations.samples`.
"""
