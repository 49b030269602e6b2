"""The sub-commands of `llmenvs`, one module each."""
