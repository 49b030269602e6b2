"""Evaluate a model in an environment with Inspect AI.

    pip install "llmenvs[inspect]"
    python examples/inspect_eval.py                                   # a scripted model, offline
    python examples/inspect_eval.py --model openai/gpt-4o-mini --env-id llmenvs/MathAnswer-v0

``inspect view --log-dir runs/inspect`` shows the episodes.
"""

import argparse

import inspect_ai
from inspect_ai.model import Model, ModelOutput, ModelUsage, get_model

from llmenvs.integrations.inspect_ai import inspect_task

MOVES = ("right", "up", "right", "right")


def scripted(num_tasks: int) -> Model:
    """Return a model that walks to the goal; it counts its tokens itself, without a network."""
    outputs = []
    for move in MOVES * num_tasks:
        output = ModelOutput.from_content("mockllm", f"<action>{move}</action>")
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        outputs.append(output)
    return get_model("mockllm/model", custom_outputs=outputs)


def main() -> None:
    """Evaluate, and tell the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env-id", default="llmenvs/GridWorld-v0")
    parser.add_argument("--model", default=None, help="Inspect's name of it; scripted by default")
    parser.add_argument("--num-tasks", type=int, default=4)
    args = parser.parse_args()

    (log,) = inspect_ai.eval(
        inspect_task(args.env_id, num_tasks=args.num_tasks),
        model=args.model or scripted(args.num_tasks),
        max_samples=None if args.model else 1,  # the script tells its moves in order
        log_dir="runs/inspect",
        display="none",
    )
    for score in log.results.scores:
        print({name: metric.value for name, metric in score.metrics.items()})


if __name__ == "__main__":
    main()
