"""Speed of the tool-call verifier against ToolRL's own reward function, in one run.

    python benchmarks/tool_calls.py --toolrl rlla.py [--out FILE]

``rlla.py`` is ``verl/utils/reward_score/rlla.py`` of qiancheng0/ToolRL (8cee13e, Apache-2.0), which
is not part of this project. Its prints go nowhere, in two ways: to /dev/null, and by making
``print`` do nothing, which flatters it. Both score the same rows in turns, in this process. CPU
time is counted, as machines are shared, and the best of several rounds counts. The scores are
compared row by row as well.
"""

import argparse
import builtins
import contextlib
import importlib.util
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import llmenvs
from llmenvs.verifiers.tool_call import ToolCallVerifier

CASES = Path(__file__).parents[2] / "shared" / "cases" / "toolcalls.jsonl"
WEATHER = {"name": "get_weather", "parameters": {"city": "Paris", "unit": "celsius"}}
Row = tuple[str, str, Any]
"""A completion, ToolRL's ground truth, and the wanted calls."""


def tagged(calls: Sequence[dict[str, Any]]) -> str:
    """Return a completion, or a ground truth, with these calls."""
    lines = "\n".join(json.dumps(call) for call in calls)
    return f"<think> Let me call the tool. </think>\n<tool_call>\n{lines}\n</tool_call>"


def row_sets(cases: Path) -> dict[str, list[Row]]:
    """Return what is scored, by name."""
    truth = tagged([WEATHER])
    london = {**WEATHER, "parameters": {"city": "London", "unit": "celsius"}}
    sets: dict[str, list[Row]] = {
        "single call, right": [(truth, truth, [WEATHER])],
        "single call, wrong value": [(tagged([london]), truth, [WEATHER])],
    }
    if cases.exists():
        rows = [json.loads(line) for line in cases.read_text("utf-8").splitlines()]
        sets["labelled cases"] = [
            (row["pred"], row["gold_text"], row["gold_calls"]) for row in rows if not row["env"]
        ]
    return sets


def load_toolrl(path: Path) -> Callable[[str, str], tuple[float, ...]]:
    """Return ToolRL's ``compute_score`` on a completion and its ground truth."""
    spec = importlib.util.spec_from_file_location("rlla", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    os.environ["EXPERIMENT_NAME"] = "qwen"  # it chooses the chat template by this variable

    def score(completion: str, truth: str) -> tuple[float, ...]:
        return tuple(module.compute_score(f"<|im_start|>assistant\n{completion}", truth))

    return score


def silent(score: Callable[[str, str], tuple[float, ...]]) -> Callable[[str, str], object]:
    """Return the same function with a ``print`` that does nothing while it runs."""

    def quiet(completion: str, truth: str) -> object:
        kept, builtins.print = builtins.print, lambda *args, **options: None
        try:
            return score(completion, truth)
        finally:
            builtins.print = kept

    return quiet


def rates(
    scorers: dict[str, Callable[[Row], object]], rows: list[Row], repeats: int, seconds: float
) -> dict[str, int]:
    """Return verdicts per CPU second, the best of ``repeats`` rounds in which all take turns."""
    best = dict.fromkeys(scorers, 0.0)
    for _ in range(repeats):
        for name, scorer in scorers.items():
            count, start = 0, time.process_time()
            while (elapsed := time.process_time() - start) < seconds:
                for _ in range(max(1, 100 // len(rows))):
                    for row in rows:
                        scorer(row)
                count += max(1, 100 // len(rows)) * len(rows)
            best[name] = max(best[name], count / elapsed)
    return {name: round(rate) for name, rate in best.items()}


def matching_ms(size: int, repeats: int) -> dict[str, float]:
    """Return how much CPU time it takes to match ``size`` calls of one name with as many others."""
    wanted = [{"name": "f", "parameters": {"a": i % 7, "b": i % 5, "c": i}} for i in range(size)]
    made = [{"name": "f", "parameters": {"a": i % 7, "b": -i % 5, "c": i}} for i in range(size)]
    completion, verifier = tagged(made), ToolCallVerifier()
    verifier(completion, wanted)  # the first one imports scipy
    times = []
    for _ in range(repeats):
        start = time.process_time()
        verifier(completion, wanted)
        times.append(1e3 * (time.process_time() - start))
    times.sort()
    return {"median_cpu_ms": round(times[repeats // 2], 2), "max_cpu_ms": round(times[-1], 2)}


def main() -> None:
    """Measure, print and append the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--toolrl", type=Path, help="ToolRL's rlla.py; without it only our rates")
    parser.add_argument("--cases", type=Path, default=CASES)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each round")
    parser.add_argument("--out", type=Path, help="append the results to this file of JSON lines")
    args = parser.parse_args()

    exact, toolrl = ToolCallVerifier(), ToolCallVerifier(mode="toolrl")
    scorers: dict[str, Callable[[Row], object]] = {
        "exact": lambda row: exact(row[0], row[2]),
        "toolrl mode": lambda row: toolrl(row[0], row[1]),
    }
    peer = load_toolrl(args.toolrl) if args.toolrl else None
    if peer is not None:
        quiet = silent(peer)
        scorers["ToolRL's function, printing to /dev/null"] = lambda row: peer(row[0], row[1])
        scorers["ToolRL's function, print made empty"] = lambda row: quiet(row[0], row[1])
    results: list[dict[str, Any]] = []
    for name, rows in row_sets(args.cases).items():
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            per_s = rates(scorers, rows, args.repeats, args.seconds)
            same = sum(same_scores(toolrl, peer, row) for row in rows) if peer is not None else None
        result = {"benchmark": "tool_calls", "rows": name, "count": len(rows)}
        results.append({**result, "verdicts_per_cpu_s": per_s, "same_scores_as_toolrl": same})
    results.append({"benchmark": "tool_calls", "matching": "30 x 30", **matching_ms(30, 200)})
    for result in results:
        result |= {
            "versions": {"llmenvs": llmenvs.__version__, "toolrl": "8cee13e"},
            "python": platform.python_version(),
            "machine": platform.machine(),
        }
        print(json.dumps(result))
    if args.out is not None:
        with args.out.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(result) + "\n" for result in results)


def same_scores(
    verifier: ToolCallVerifier, peer: Callable[[str, str], tuple[float, ...]], row: Row
) -> bool:
    """Return whether the total and the three parts are equal to the last bit."""
    verdict = verifier(row[0], row[1])
    return (verdict.score, *verdict.parts.values()) == peer(row[0], row[1])


if __name__ == "__main__":
    main()
