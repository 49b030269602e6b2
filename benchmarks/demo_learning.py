"""Whether the demo's learning is real: five seeds, success before and after GRPO, and controls.

    python benchmarks/demo_learning.py [--seeds 0 1 2 3 4] [--out FILE]

Success is the share of 256 evaluation episodes that are solved, the same before and after. The
oracle and random moves play the same episodes. One JSON object a seed.
"""

import argparse
import json
import platform
import time
from pathlib import Path

import torch

import llmenvs
from llmenvs.agents.demo import DemoConfig, play_scripted, train


def main() -> None:
    """Train each seed and print a row for it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--out", type=Path, help="append the results to this file of JSON lines")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("seed  before  after  oracle  random      s")
    for seed in args.seeds:
        config = DemoConfig(seed=seed)
        scripted = play_scripted(config)
        start = time.monotonic()
        result = train(config)
        row = {
            "benchmark": "demo_learning",
            "seed": seed,
            "success_first": round(result.first.success_mean, 3),
            "success_last": round(result.last.success_mean, 3),
            "success_oracle": round(scripted["oracle"].success_mean, 3),
            "success_random": round(scripted["random"].success_mean, 3),
            "iterations": config.num_iterations,
            "wall_s": round(time.monotonic() - start, 1),
            "versions": {"llmenvs": llmenvs.__version__, "torch": torch.__version__},
            "device": "cpu, one thread",
            "machine": platform.machine(),
        }
        print(
            f"{seed:>4}{row['success_first']:>8}{row['success_last']:>7}"
            f"{row['success_oracle']:>8}{row['success_random']:>8}{row['wall_s']:>7}",
            flush=True,
        )
        if args.out is not None:
            with args.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
