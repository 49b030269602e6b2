"""The commands of `llmenvs`, one module each."""
