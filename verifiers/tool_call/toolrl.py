r"""ToolRL's published reward, to the last bit.

Source: ``verl/utils/reward_score/rlla.py`` of ToolRL (qiancheng0/ToolRL, 8cee13e; Qian et al.,
2025, arXiv:2504.13958). The order of the floating-point operations is its own. It is reproduced
with its faults: true equals 1, the matching is greedy, only the first block counts and must hold
one JSON object a line, extra calls cost little. What differs, on purpose:

- a bad ground truth is a `ValueError` (in ToolRL it raises, or scores the minimum);
- JSON nested more than 200 deep is unreadable (in ToolRL that depends on the stack);
- the format is found in linear time (ToolRL's expression is quadratic), with the same result;
- nothing is printed, and no environment variable is read.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from llmenvs.verifiers.tool_call.strict_json import check_depth

Credit = Literal["fine", "intermediate", "coarse", "refined"]
LengthReward = Literal["fixed", "dynamic"]
MAX_DEPTH = 200


class ToolRLReward(NamedTuple):
    """The three parts, and their sum in ToolRL's order of addition."""

    format: float
    correctness: float
    length: float

    @property
    def total(self) -> float:
        """What ToolRL trains on."""
        return self.format + self.correctness + self.length


@dataclass(frozen=True, slots=True)
class ToolRLSettings:
    """The variants that ToolRL chooses by environment variables.

    Attributes:
        credit: what earns partial credit. "fine": names, parameter names and values;
            "intermediate" (INTERMEDIATEREWARD): only whole calls; "coarse" (COARSEREWARD): only all
            calls together in their order; "refined" (REFINEDREWARD): as fine, but names and
            parameter names only if all are equal and in order.
        correctness_max_one: correctness in [-1, 1] rather than [-3, 3] (CORRECTMAX1).
        two_stage: a third of the correctness before step 30, half of the format from then on
            (MAX1STEP30MAX3).
        schedule: ranges that move over 150 steps (SCHEDULEREWARD).
        length: reward for long thoughts, up to 1 at 512 words ("fixed", WITHLENGTH), or at 384
            words and 256 more over 105 steps ("dynamic", also SCHEDULELENGTH); None for none.
    """

    credit: Credit = "fine"
    correctness_max_one: bool = False
    two_stage: bool = False
    schedule: bool = False
    length: LengthReward | None = None


def toolrl_reward(
    completion: str, ground_truth: str, *, settings: ToolRLSettings, step: int = 0
) -> ToolRLReward:
    r"""Return ToolRL's reward of ``completion``.

    Args:
        completion: what the policy wrote; of a chat template only the last assistant turn is read.
        ground_truth: ToolRL's: ``<think>``, then ``<tool_call>`` with one JSON object a line,
            ``<response>``, both, or neither.
        settings: the variant.
        step: of the training, from 0; only the moving variants depend on it.

    Raises:
        ValueError: ``ground_truth`` has ``<tool_call>``, but what follows is not one call a line.

    >>> truth = '<tool_call>\n{"name": "f", "parameters": {"x": 1}}\n</tool_call>'
    >>> toolrl_reward(f"<think> . </think>\n{truth}", truth, settings=ToolRLSettings()).total
    4.0
    """
    text = _last_assistant_turn(completion)
    form = _format_reward(text, ground_truth, settings, step)
    correctness = _correctness_reward(text, ground_truth, settings, step)
    length = 0 if settings.length is None else _length_reward(text, settings.length, step)
    return ToolRLReward(form, correctness, length)


def truth_calls(ground_truth: str) -> list[dict[str, Any]]:
    """Return the calls of a ground truth, none where it has no ``<tool_call>``.

    Raises:
        ValueError: a line is not a JSON object with a name and parameters.
    """
    return list(_truth_calls(ground_truth))


@lru_cache(maxsize=1024)  # the completions of a group share their ground truth
def _truth_calls(ground_truth: str) -> list[dict[str, Any]]:
    if "<tool_call>" not in ground_truth:
        return []
    block = ground_truth.split("<tool_call>")[1].split("</tool_call>")[0].strip()
    calls = []
    for line in block.split("\n"):
        try:
            call = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"target must hold a JSON object a line, got {line!r}") from error
        if (
            not isinstance(call, dict)
            or not isinstance(call.get("name"), str)
            or not isinstance(call.get("parameters"), dict)
        ):
            raise ValueError(f"a call in target needs a name and parameters, got {line!r}")
        calls.append(call)
    return calls


def _last_assistant_turn(text: str) -> str:
    if "<|" not in text:
        return text.strip()
    text = text.split("<|im_start|>assistant")[-1].split("<|im_end|>")[0]
    text = text.split("<|start_header_id|>assistant<|end_header_id|>")[-1].split("<|eot_id|>")[0]
    return text.strip()


def _format_reward(text: str, truth: str, settings: ToolRLSettings, step: int) -> float:
    high, low = 1.0, 0.0
    if settings.two_stage and step >= 30:
        high, low = high / 2, low / 2
    if settings.schedule:
        high = max(2 - (2 - high) * step / 150, 1.0)
        low = min(-2 + (2 + low) * step / 150, -1.0)
    return high if _has_format_of(text, truth) else low


_CALL_PARTS = ("</think>\n<tool_call>\n", "\n</tool_call>")
_FORMATS = {  # (truth has calls, truth has a response) -> literals in order, the last at the end
    (False, True): ("</think>\n<response>", "</response>"),
    (True, False): _CALL_PARTS,
    (True, True): ("</think>\n<tool_call>\n", "\n</tool_call>\n<response>", "</response>"),
    (False, False): ("</think>",),
}


def _has_format_of(text: str, truth: str) -> bool:
    calls, response = "<tool_call>" in truth, "<response>" in truth
    for needed, tag in ((calls, "tool_call>"), (response, "response>")):
        if needed and (text.count(f"<{tag}") != 1 or text.count(f"</{tag}") != 1):
            return False
    *literals, last = _FORMATS[calls, response]
    if not text.startswith("<think>") or not text.endswith(last):
        return False
    position = len("<think>")
    for literal in literals:  # lazy gaps: the first place of each leaves most room for the rest
        position = text.find(literal, position)
        if position < 0:
            return False
        position += len(literal)
    return position <= len(text) - len(last)


def _length_reward(text: str, kind: LengthReward, step: int) -> float:
    longest = (640 - 384) * step / 105 + 384 if kind == "dynamic" else 512
    if "<think>" not in text or "</think>" not in text:
        return 0.0
    thought = text.split("<think>")[-1].split("</think>")[0].strip()
    return min(round(len(thought.split()) / longest, 2), 1.0)


def _correctness_reward(text: str, truth: str, settings: ToolRLSettings, step: int) -> float:
    high, low = (1.0, -1.0) if settings.correctness_max_one else (3.0, -3.0)
    if settings.two_stage and step < 30:
        high, low = high / 3, low / 3
    if settings.schedule:
        high = min((high - 2) * step / 150 + 2, 3.0)
        low = max((low + 2) * step / 150 - 2, -3.0)
    if "<tool_call>" not in truth:
        return 0.0
    wanted = _truth_calls(truth)
    try:
        made = _made_calls(text)
        if wanted == made:
            return high
        if settings.credit == "coarse":
            return low
        score, most = _credit(wanted, made, settings.credit)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return low  # ToolRL gives the minimum whatever goes wrong in reading the prediction
    return (high - low) * score / most + low


def _made_calls(text: str) -> list[Any]:
    if "<tool_call>" not in text or "</tool_call>" not in text:
        raise ValueError("no <tool_call> block")
    block = text.split("<tool_call>")[1].split("</tool_call>")[0].strip()
    return [_read_line(line) for line in block.split("\n")]


def _read_line(line: str) -> Any:
    if line.count("[") + line.count("{") > MAX_DEPTH:
        check_depth(line, limit=MAX_DEPTH)
    return json.loads(line)


def _credit(wanted: list[dict[str, Any]], made: list[Any], credit: Credit) -> tuple[float, float]:
    """Return the score and the most that it could be."""
    names = [call["name"] for call in made]
    score = _overlap([call["name"] for call in wanted], names, credit)
    most = 1.0
    used: set[int] = set()
    for call in wanted:
        most += 1.0 if credit == "intermediate" else 1.0 + len(call["parameters"])
        best, best_index = 0.0, -1
        for index, other in enumerate(made):
            if index in used or other["name"] != call["name"]:
                continue
            if credit == "intermediate":
                if call == other:
                    best, best_index = 1.0, index
                    break
                continue
            worth = _worth(call["parameters"], other["parameters"], credit)
            if worth > best:
                best, best_index = worth, index
        if best_index >= 0:
            used.add(best_index)
            score += best
    return score, most


def _worth(wanted: dict[str, Any], made: Any, credit: Credit) -> float:
    names = _overlap(list(wanted), list(made.keys()), credit)
    return names + sum(1.0 for key, value in wanted.items() if key in made and made[key] == value)


def _overlap(wanted: Sequence[Any], made: Sequence[Any], credit: Credit) -> float:
    if wanted == made:
        return 1.0
    if credit == "refined" or not wanted or not made:
        return 0.0
    first, second = Counter(wanted), Counter(made)
    common = sum(min(first[key], second[key]) for key in first.keys() & second.keys())
    return common / (len(wanted) + len(made) - common)
