"""Register an environment with SkyRL-Gym, write its data set, and play an episode as SkyRL does.

    pip install "llmenvs[skyrl]" pyarrow
    python examples/skyrl_play.py --out rows.parquet

Training needs SkyRL itself (Python 3.12 and a GPU): call ``register_skyrl`` in the process that
builds the generator, set ``data.train_data`` to the file, and the generator's stop strings to those
that are printed.
"""

import argparse

import pandas
import skyrl_gym

from llmenvs.integrations.skyrl import prompt_rows, register_skyrl

ENV_ID = "llmenvs/GridWorld-v0"
MOVES = ("right", "up", "right", "right")


def main() -> None:
    """Write the rows, and play one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="rows.parquet")
    parser.add_argument("--num-prompts", type=int, default=64)
    args = parser.parse_args()

    env_class = register_skyrl(ENV_ID)
    rows = prompt_rows(ENV_ID, env_class=env_class, num_prompts=args.num_prompts)
    pandas.DataFrame(rows).to_parquet(args.out)
    print(f"wrote {len(rows)} rows of {env_class} to {args.out}")

    extras = {"seed": rows[0]["seed"], "task_id": rows[0]["task_id"], "max_turns": 20}
    env = skyrl_gym.make(env_class, env_config={}, extras=extras)
    history, metadata = env.init(rows[0]["prompt"])
    print(history[0]["content"], metadata["stop_strings"])
    for move in MOVES:  # here SkyRL's generator samples from the model
        output = env.step(f"<action>{move}</action>")
        print(move, output["reward"], *(said["content"] for said in output["observations"]))
    print(output["metadata"], env.get_metrics())


if __name__ == "__main__":
    main()
