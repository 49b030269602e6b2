"""Accuracy and speed of the math verifier against Math-Verify 0.9.0, in one run.

    python benchmarks/verifiers.py --out benchmarks/results/verifiers_math.jsonl

Math-Verify runs in a process of its own from an environment of its own, which is made in a
temporary folder unless ``--peer-python`` names one. Both score the same rows one after the other,
each in one process. For speed each row is perturbed on every pass by white space that changes no
meaning, in the completion and in the target, so that no cache of whole texts can help; passes go on
for at least ``--seconds``. Numbers vary with what else the machine does; the ratio much less.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from llmenvs.verifiers.math import verify_math
from llmenvs.verifiers.math.client import WORKER

HERE = Path(__file__).parent
PEER = "math-verify[antlr4_13_2]==0.9.0"
Rows = list[tuple[str, str]]
"""Pairs of a target and a completion."""


def main() -> None:
    """Run the benchmark and append its results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE / "results" / "verifiers_math.jsonl")
    parser.add_argument("--cases", type=Path, default=HERE.parents[1] / "shared" / "cases")
    parser.add_argument("--peer-python", type=Path, help="a Python that has Math-Verify 0.9.0")
    parser.add_argument("--seconds", type=float, default=5.0, help="least time per measurement")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        python = args.peer_python or install_peer(Path(folder))
        results = accuracy(args.cases, python) + speed(args.cases, python, args.seconds, args.seed)
    setting = {"seed": args.seed, "seconds": args.seconds, **machine()}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with args.out.open("w", encoding="utf-8") as file:
        for result in results:
            file.write(json.dumps({**result, **setting}) + "\n")
    WORKER.stop()


def install_peer(folder: Path) -> Path:
    """Install Math-Verify in a fresh environment and return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", PEER], check=True)
    return python


def ask_peer(python: Path, rows: Rows, seconds: float) -> dict[str, Any]:
    """Return Math-Verify's verdicts on ``rows`` and its rate; 0 seconds means a single pass."""
    request = json.dumps({"rows": rows, "seconds": seconds})
    done = subprocess.run(
        [python, HERE / "verifiers_peer.py"],
        input=request,
        capture_output=True,
        text=True,
        check=True,
    )
    reply: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return reply


def accuracy(cases: Path, python: Path) -> list[dict[str, Any]]:
    """Return the share of labels that each verifier agrees with, file by file."""
    own = HERE.parent / "tests" / "verifiers" / "math" / "own_cases.jsonl"
    results = []
    for path in (
        *(cases / f"{name}.jsonl" for name in ("math", "math_verify", "math_reported")),
        own,
    ):
        if not path.exists():
            print(f"skipped {path.name}: it is not beside this checkout")
            continue
        labelled = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        labelled = [row for row in labelled if "label_note" not in row]
        rows = [
            (row.get("gold", row.get("target")), row.get("pred", row.get("completion")))
            for row in labelled
        ]
        expected = [row["expected"] for row in labelled]
        ours = [verify_math(completion, target).score == 1.0 for target, completion in rows]
        theirs = ask_peer(python, rows, 0.0)["verdicts"]
        result = {
            "measure": "accuracy",
            "cases": path.stem,
            "rows": len(rows),
            "llmenvs": share(ours, expected),
            "math_verify": share(theirs, expected),
        }
        print(result)
        results.append(result)
    return results


def share(found: list[bool], expected: list[bool]) -> float:
    """Return the share of ``found`` that is as ``expected``."""
    return round(sum(a == b for a, b in zip(found, expected, strict=True)) / len(expected), 4)


def speed(cases: Path, python: Path, seconds: float, seed: int) -> list[dict[str, Any]]:
    """Return the answers per second of each verifier, family by family."""
    WORKER.start()
    results = []
    for name, rows in families(cases, seed).items():
        ours = timed(rows, seconds, lambda t, c: verify_math(c, t).score == 1.0)
        theirs = ask_peer(python, rows, seconds)
        same = share(ours["verdicts"], theirs["verdicts"])
        result = {
            "measure": "answers_per_second",
            "family": name,
            "rows": len(rows),
            "llmenvs": round(ours["rate"], 1),
            "math_verify": round(theirs["rate"], 1),
            "ratio": round(ours["rate"] / theirs["rate"], 1),
            "same_verdicts": same,
        }
        print(result)
        results.append(result)
    return results


def families(cases: Path, seed: int) -> dict[str, Rows]:
    """Return the rows of each family; half of the generated ones are wrong by one."""
    rng = np.random.default_rng([seed, 0])
    integers: Rows = []
    roots: Rows = []
    for at in range(200):
        a, b, c = (int(x) for x in rng.integers(2, 60, size=3))
        n = int(rng.integers(0, 10**6))
        off = at % 2
        integers.append((str(n + off), f"So the answer is $\\boxed{{{n}}}$."))
        root = f"\\frac{{{a}\\sqrt{{{4 * b}}}}}{{{c}}}"
        target = f"\\frac{{{2 * a + off}\\sqrt{{{b}}}}}{{{c}}}"
        roots.append((f"${target}$", f"So the answer is $\\boxed{{{root}}}$."))
    found = {"integers": integers, "fractions_and_roots": roots}
    suite = cases / "math_verify.jsonl"
    if suite.exists():
        lines = [json.loads(line) for line in suite.read_text("utf-8").splitlines()]
        found["math_verify_suite"] = [(row["gold"], row["pred"]) for row in lines]
    return found


def timed(rows: Rows, seconds: float, judge: Callable[[str, str], bool]) -> dict[str, Any]:
    """Return the verdicts of the first pass and the rate of all, the first left out."""
    verdicts = [judge(*row) for row in rows]
    count, number = 0, 0
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        number += 1
        space = perturbation(number)
        for target, completion in rows:
            judge(target + space, completion + space)
        count += len(rows)
    return {"verdicts": verdicts, "rate": count / spent if count else 0.0}


def perturbation(number: int) -> str:
    """Return white space that is different for every pass."""
    return " " + f"{number:b}".replace("0", " ").replace("1", "\t")


def machine() -> dict[str, Any]:
    """Return what the numbers were measured on."""
    info = Path("/proc/cpuinfo")
    models = [
        line.partition(":")[2].strip()
        for line in (info.read_text("utf-8").splitlines() if info.exists() else [])
        if line.startswith("model name")
    ]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(models) or None,
        "python": platform.python_version(),
        "sympy": version("sympy"),
        "mpmath": version("mpmath"),
        "peer": PEER,
        "system": f"{platform.system()} {sys.platform}",
    }


if __name__ == "__main__":
    main()
