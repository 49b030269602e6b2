"""Where in a completion stands what is to be checked: a block such as ``<answer>``, or all of it.

Shared by the verifiers that check a text as a text: JSON, patterns, languages, external programs.
What stands in ``<information>`` was written by the environment and never counts.
"""

import re

from llmenvs.verifiers.answer_spans import policy_text
from llmenvs.verifiers.format import without_end_mark

_FENCE = re.compile(r"[ \t]*```[^\n`]*\n(?P<body>.*)\n?```[ \t]*", re.DOTALL)


def checked_text(completion: str, block: str | None) -> str | None:
    """Return what is to be checked, without the white space around it; None if there is none.

    Args:
        completion: what the policy wrote.
        block: the tag whose last block counts, which must be closed, and not stand in ``<think>``
            unless that is the tag; None for all that follows the last ``</think>``.

    >>> checked_text("<answer>1</answer> no: <answer>2</answer>", "answer")
    '2'
    >>> checked_text("<think>1?</think> 2", None)
    '2'
    """
    text = policy_text(without_end_mark(completion))
    if block != "think":
        text = text[text.rfind("</think>") + len("</think>") :] if "</think>" in text else text
    if block is None:
        return text.strip() or None
    bodies = block_bodies(text, block)
    return bodies[-1].strip() or None if bodies else None


def block_bodies(text: str, tag: str) -> list[str]:
    """Return what each closed block holds; of an opening tag within a block, the inner one counts.

    >>> block_bodies("<a>1</a> <a>2 <a>3</a>", "a")
    ['1', '3']
    """
    opening, closing = f"<{tag}>", f"</{tag}>"
    bodies = []
    for piece in text.split(closing)[:-1]:
        start = piece.rfind(opening)
        if start >= 0:
            bodies.append(piece[start + len(opening) :])
    return bodies


def without_fence(text: str) -> str:
    r"""Return what stands in a code fence where ``text`` is one, else ``text``.

    >>> without_fence("```json\n[1]\n```")
    '[1]'
    """
    stripped = text.strip()
    if not (stripped.startswith("```") and stripped.endswith("```")):
        return text
    fence = _FENCE.fullmatch(stripped)
    return fence["body"].rstrip() if fence is not None else text
