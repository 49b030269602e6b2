"""Play groups of episodes with tinker-cookbook, and look at the data that it would train on.

    pip install llmenvs tinker; pip install --no-deps tinker-cookbook==0.6.1
    python examples/tinker_groups.py

For training, give the builders of `episode_groups` to an ``RLDataset`` with the model's tokenizer;
a completer of tinker's sampling client stands where the scripted one is here.
"""

import asyncio
from typing import Any

from tinker_cookbook.completers import TokensWithLogprobs
from tinker_cookbook.rl.data_processing import trajectory_to_data
from tinker_cookbook.rl.rollouts import do_group_rollout

from llmenvs import ByteTokenizer
from llmenvs.integrations.tinker import episode_groups

TOKENIZER = ByteTokenizer()


class AlwaysRight:
    """Samples the same move in every turn."""

    async def __call__(self, model_input: Any, stop: Any, *, max_tokens: int | None = None) -> Any:
        """Return tokens with made-up log-probabilities."""
        ids = TOKENIZER.encode("<action>right</action>")
        return TokensWithLogprobs(ids, [-0.5] * len(ids))


def main() -> None:
    """Play one group of two."""
    [builder] = episode_groups(
        "llmenvs/GridWorld-v0", tokenizer=TOKENIZER, num_groups=1, group_size=2
    )
    group = asyncio.run(do_group_rollout(builder, AlwaysRight()))
    print("returns:", group.get_total_rewards())
    for trajectory in group.trajectories_G:
        [datum] = trajectory_to_data(trajectory, traj_advantage=1.0)
        mask = datum.loss_fn_inputs["mask"].to_torch()
        print(len(trajectory.transitions), "turns:", int(mask.sum()), "of", len(mask), "trained on")


if __name__ == "__main__":
    main()
