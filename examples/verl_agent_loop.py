"""Write what verl needs to train in an environment: the episodes, and where the agent loop is.

    pip install llmenvs verl==0.9.1
    python examples/verl_agent_loop.py --env llmenvs/GridWorld-v0 --out verl_run

Then train, on a machine with a GPU, with the options that are printed.
"""

import argparse
from pathlib import Path

from llmenvs.integrations.verl import episode_rows, write_config, write_dataset


def main() -> None:
    """Write the files and print the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="llmenvs/GridWorld-v0")
    parser.add_argument("--out", type=Path, default=Path("verl_run"))
    parser.add_argument("--num-prompts", type=int, default=1024)
    parser.add_argument("--batch-size", type=int, default=64)
    args = parser.parse_args()

    args.out.mkdir(parents=True, exist_ok=True)
    for seed, part in enumerate(("train", "test")):  # another seed draws other episodes
        rows = episode_rows(args.env, num_prompts=args.num_prompts, seed=seed)
        write_dataset(args.out / f"{part}.parquet", rows, batch_size=args.batch_size)
    write_config(args.out / "agent_loops.yaml")

    here = args.out.resolve()
    print("python -m verl.trainer.main_ppo algorithm.adv_estimator=grpo \\")
    print(f"  data.train_files={here}/train.parquet data.val_files={here}/test.parquet \\")
    print(f"  data.train_batch_size={args.batch_size} data.return_raw_chat=true \\")
    print("  actor_rollout_ref.model.path=Qwen/Qwen2.5-0.5B-Instruct \\")
    print("  actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.n=8 \\")
    print("  actor_rollout_ref.rollout.mode=async \\")
    print(f"  actor_rollout_ref.rollout.agent.agent_loop_config_path={here}/agent_loops.yaml")


if __name__ == "__main__":
    main()
