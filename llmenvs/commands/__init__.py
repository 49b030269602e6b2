"""The sub-commands of `llmenvs`, one module each; see `llmenvs.cli`."""
