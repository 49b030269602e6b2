r"""The format rewards of open-r1 and TRL, with their semantics: what they pay for, what they miss.

For runs that must compare with theirs; `llmenvs.verifiers.format` is what we advise. Each function
is a verifier by itself: ``target`` is not looked at, the score is in [0, 1], and the time is
linear, where open-r1's regular expression takes seconds on 60 kB of tags.

- `format`: open-r1's ``^<think>\n.*?\n</think>\n<answer>\n.*?\n</answer>$``, "." for any character
  and "$" for the end of any line. It refuses other white space, and accepts empty blocks, blocks
  twice, and anything after the line of a closing tag.
- `tag_count`: a quarter for each of ``<think>\n``, ``\n</think>\n``, ``\n<answer>\n`` and
  ``\n</answer>`` that occurs exactly once, wherever it stands.
- `reasoning_steps`: a third for each phrase such as ``Step 1:``, ``First,`` or a bullet, up to 1.
- `think_format`: TRL's ``^<think>(?!.*<think>)(.*?)</think>.*$``: one ``<think>``, at the start,
  and closed; anything after it.

Source: huggingface/open-r1, ``rewards.py``; huggingface/trl, ``rewards/format_rewards.py``.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from llmenvs.verifiers.verdict import Verdict

Reward = Literal["format", "tag_count", "reasoning_steps", "think_format"]

_TAGS = ("<think>\n", "\n</think>\n", "\n<answer>\n", "\n</answer>")
_BETWEEN = "\n</think>\n<answer>\n"
_STEP = re.compile(r"Step \d+:|^\d+\.|\n-|\n\*|First,|Second,|Next,|Finally,")


def format(completion: str, target: Any = None) -> Verdict:  # its name there
    r"""Score 1.0 where open-r1's pattern matches, else 0.0.

    >>> format("<think>\na\n</think>\n<answer>\n1\n</answer>\nand more").score
    1.0
    """
    start = len(_TAGS[0])
    between = completion.find(_BETWEEN, start)
    matches = False
    if completion.startswith(_TAGS[0]) and between >= 0:
        body = between + len(_BETWEEN)
        closed_at_end = completion.endswith(_TAGS[3]) and len(completion) - len(_TAGS[3]) >= body
        matches = closed_at_end or completion.find(_TAGS[3] + "\n", body) >= 0
    reason = f"open-r1's pattern {'matches' if matches else 'does not match'}"
    return Verdict.scored(float(matches), success=matches, reason=reason)


def tag_count(completion: str, target: Any = None) -> Verdict:
    r"""Score a quarter for each of open-r1's four tags that occurs exactly once.

    >>> tag_count("<think>\na\n</think>\n").score
    0.5
    """
    counts = {tag.strip(): completion.count(tag) for tag in _TAGS}
    score = 0.25 * sum(count == 1 for count in counts.values())
    reason = ", ".join(f"{count} {tag}" for tag, count in counts.items())
    return Verdict.scored(score, success=score == 1.0, reason=reason)


def reasoning_steps(completion: str, target: Any = None) -> Verdict:
    r"""Score a third for each mark of a step, up to 1.0.

    >>> reasoning_steps("First, halve it. Next, add one.").parts["steps"]
    2.0
    """
    steps = sum(1 for _ in _STEP.finditer(completion))
    score = min(1.0, steps / 3)
    reason = f"{steps} marks of steps"
    return Verdict.scored(score, success=steps >= 3, parts={"steps": float(steps)}, reason=reason)


def think_format(completion: str, target: Any = None) -> Verdict:
    r"""Score 1.0 where TRL's pattern matches, else 0.0.

    >>> think_format("<think>a</think> whatever").score
    1.0
    """
    tag = "<think>"
    matches = (
        completion.startswith(tag)
        and "</think>" in completion
        and completion.find(tag, len(tag)) < 0
    )
    reason = f"TRL's pattern {'matches' if matches else 'does not match'}"
    return Verdict.scored(float(matches), success=matches, reason=reason)


REWARDS: Mapping[Reward, Callable[[str, Any], Verdict]] = {
    "format": format,
    "tag_count": tag_count,
    "reasoning_steps": reasoning_steps,
    "think_format": think_format,
}
"""By the names that they have in open-r1 and TRL."""


class OpenR1Verifier:
    """One of the format rewards of open-r1 or TRL, by name; ``target`` is not looked at.

    Args:
        reward: "format", "tag_count", "reasoning_steps" or "think_format", see the module.

    Raises:
        ValueError: ``reward`` is none of these.

    >>> OpenR1Verifier("tag_count")("4", None).score
    0.0
    """

    def __init__(self, reward: Reward) -> None:
        if reward not in REWARDS:
            raise ValueError(f"reward must be {', '.join(map(repr, REWARDS))}, got {reward!r}")
        self.reward = reward

    def __call__(self, completion: str, target: Any = None) -> Verdict:
        """Judge the form of ``completion``."""
        return REWARDS[self.reward](completion, target)
