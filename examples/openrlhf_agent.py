"""Train in an environment with OpenRLHF: this file is the agent, and writes its data set.

    pip install llmenvs openrlhf==0.11.2
    python examples/openrlhf_agent.py --env llmenvs/GridWorld-v0 --out prompts.jsonl
    python -m openrlhf.cli.train_ppo_ray --train.agent_func_path examples/openrlhf_agent.py \
        --data.prompt_dataset prompts.jsonl --data.input_key input --data.label_key label \
        --data.apply_chat_template …

For a verifier alone, give ``llmenvs/integrations/openrlhf_reward.py`` as ``--reward.remote_url``,
with labels of its ``reward_label``.
"""

import argparse
import json
from pathlib import Path

from llmenvs.integrations.openrlhf_agent import AgentExecutor, prompt_rows

__all__ = ["AgentExecutor"]  # what OpenRLHF looks for in this file


def main() -> None:
    """Write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="llmenvs/GridWorld-v0")
    parser.add_argument("--out", type=Path, default=Path("prompts.jsonl"))
    parser.add_argument("--num-prompts", type=int, default=1024)
    args = parser.parse_args()

    rows = prompt_rows(args.env, num_prompts=args.num_prompts)
    args.out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    print(f"wrote {len(rows)} rows to {args.out}; the first label is {rows[0]['label']}")


if __name__ == "__main__":
    main()
