"""TRL's `GRPOTrainer` (1.16): three ways to train in our environments, and one to use a verifier.

- `reward_function`: a verifier for ``reward_funcs``, over completions that TRL samples itself.
- `rollout_function` with `environment_reward`: any text environment, of one turn or many.
- `tool_environment`: environments with tools that the chat template of a model calls.
- `prompt_dataset` and `tool_dataset` make the data sets, `check_dataset` looks at one before TRL
  would train no step at all on it.
- `to_trl` and `from_trl` convert trajectories.

TRL takes one reward for a whole sample, so that the rewards of turns reach it as their sum, and one
row for each prompt, so that a chat template which splits an episode is refused.
"""

from llmenvs.integrations.trl_data import check_dataset, prompt_dataset
from llmenvs.integrations.trl_rewards import environment_reward, reward_function
from llmenvs.integrations.trl_rollout import rollout_function
from llmenvs.integrations.trl_samples import from_trl, to_trl
from llmenvs.integrations.trl_tools import tool_dataset, tool_environment

__all__ = [
    "check_dataset",
    "environment_reward",
    "from_trl",
    "prompt_dataset",
    "reward_function",
    "rollout_function",
    "to_trl",
    "tool_dataset",
    "tool_environment",
]
