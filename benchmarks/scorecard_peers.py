"""Search-R1-style and ToolRL-style scoring, as their papers and code bases describe it.

Written from the descriptions, for `scorecard.py` to compare with; the defects are the point. Each
takes a row of the attack suite and returns a score, scaled to [0, 1].
"""

import json
import math
import re
import string
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

PROMPT = (
    "Answer the question. If you need to, search with <search> query </search>. Write the answer "
    "inside <answer> and </answer>, for example, <answer> Beijing </answer>.\n"
)
"""Search-R1's scorer reads the prompt too, and so its two spans between answer tags."""

ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


def search_r1_style(completion: str, target: list[str]) -> float:
    """Return 1.0 if the last answer in prompt and completion is one of the golds, normalised."""
    found = ANSWER.findall(PROMPT + completion)
    if len(found) <= 1:
        return 0.0
    return float(any(_normalized(found[-1]) == _normalized(gold) for gold in target))


def _normalized(text: str) -> str:
    kept = "".join(ch for ch in text.lower() if ch not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def toolrl_style(completion: str, target: list[dict[str, Any]]) -> float:
    """Return ToolRL's correctness, from [-3, 3] to [0, 1]; 0 of 3 where no call is wanted."""
    if not target:
        return 0.5
    block = completion.partition("<tool_call>")[2].partition("</tool_call>")
    try:
        calls = [json.loads(line) for line in block[0].strip().split("\n")]
        got = [(call["name"], dict(call["parameters"])) for call in calls]
    except (ValueError, KeyError, TypeError):
        return 0.0
    wanted = [(call["name"], call["parameters"]) for call in target]
    if got == wanted:
        return 1.0
    gained = _jaccard([name for name, _ in wanted], [name for name, _ in got])
    unused = list(got)
    for name, parameters in wanted:
        values = [
            _jaccard(list(parameters), list(given))
            + sum(given.get(key, math.nan) == value for key, value in parameters.items())
            if given_name == name
            else 0.0
            for given_name, given in unused
        ]
        if max(values, default=0.0) > 0:
            best = values.index(max(values))
            gained += values[best]
            del unused[best]
    return gained / (1 + sum(1 + len(parameters) for _, parameters in wanted))


def _jaccard(left: list[str], right: list[str]) -> float:
    if left == right:
        return 1.0
    common = (Counter(left) & Counter(right)).total()
    return common / (len(left) + len(right) - common) if left and right else 0.0


def open_r1_style(completion: str, target: None) -> float:
    """Return 1.0 where open-r1's pattern for format matches; its time is quadratic in tags."""
    pattern = r"^<think>\n.*?\n</think>\n<answer>\n.*?\n</answer>$"
    return float(re.match(pattern, completion, re.DOTALL | re.MULTILINE) is not None)


SCORERS: dict[str, Callable[[str, Any], float]] = {
    "open-r1-style": open_r1_style,
    "Search-R1-style": search_r1_style,
    "ToolRL-style": toolrl_style,
}


def main() -> None:
    """Score the row on standard input: it has a process of its own, as a row may take for ever."""
    row = json.load(sys.stdin)
    print(json.dumps({"score": SCORERS[row["scorer"]](row["completion"], row["target"])}))


if __name__ == "__main__":
    main()
