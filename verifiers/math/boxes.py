r"""Find ``\boxed{…}`` with real brace matching, and decide which boxes belong together."""

import re
from typing import NamedTuple

from llmenvs.verifiers.math.tables import split_words

_MAX_BOXES = 64
_OPENING = re.compile(r"\\{1,2}(?:boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)
_MAX_GAP = 70
_SHORT_GAP = 10
_DELIMITERS = re.compile(r"\\(?:text|quad|qquad|mathrm|[()\[\],; ])|[${}]")
_SENTENCE = re.compile(r"[.!?](?:\s|$)|\n\s*\n")
_HEDGES = frozenset({"or", "either"})
_BREAKS = frozenset(
    split_words(
        "but not no wait actually so thus hence therefore then instead however guess guessed wrong "
        "correct correction sorry is was should recheck"
    )
)


class Box(NamedTuple):
    """A box: where it starts and ends in the text, and what it holds."""

    start: int
    end: int
    content: str


def closing_boxes(text: str, *, unclosed: bool) -> tuple[list[Box], bool]:
    r"""Return the boxes of the closing statement in order, and whether "or" joins any of them.

    The closing statement is the longest run of boxes up to the last one in which each follows the
    one before it closely: after a comma, a semicolon or "and", and within the same sentence.

    >>> [box.content for box in closing_boxes(r"\boxed{1}. So \boxed{2} and \boxed{3}",
    ...                                       unclosed=False)[0]]
    ['2', '3']
    """
    boxes = _find(text, unclosed=unclosed)
    if not boxes:
        return [], False
    run = [boxes[-1]]
    hedged = False
    for box in reversed(boxes[:-1]):
        link = joint(text[box.end : run[0].start])
        if link is None:
            break
        hedged |= link == "or"
        run.insert(0, box)
    return run, hedged


def _find(text: str, *, unclosed: bool) -> list[Box]:
    start = len(text)
    for _ in range(_MAX_BOXES):
        earlier = max(text.rfind(r"\boxed", 0, start), text.rfind(r"\fbox", 0, start))
        if earlier < 0:
            break
        start = earlier
    found: list[Box] = []
    stack: list[tuple[int, int] | None] = []  # the start of a box and of its content
    for match in _OPENING.finditer(text, max(0, start - 1)):
        mark = match.group()
        if mark == "{":
            stack.append(None)
        elif mark == "}":
            opened = stack.pop() if stack else None
            if opened is not None:
                found.append(Box(opened[0], match.end(), text[opened[1] : match.start()]))
        elif len(mark) > 2:
            stack.append((match.start(), match.end()))
    if unclosed:
        opened = next((entry for entry in stack if entry is not None), None)
        if opened is not None and not any(box.start > opened[0] for box in found):
            found.append(Box(opened[0], len(text), text[opened[1] :]))
    return _outermost([box for box in found if box.content.strip()])


def _outermost(boxes: list[Box]) -> list[Box]:
    """Return the boxes that are in no other, by position; they come ordered by their ends."""
    kept: list[Box] = []
    for box in boxes:
        while kept and kept[-1].start > box.start:
            kept.pop()
        kept.append(box)
    return kept


def joint(gap: str) -> str | None:
    """Return "and" or "or" where two boxes with ``gap`` between them belong together."""
    if len(gap) > _MAX_GAP or _SENTENCE.search(gap):
        return None
    plain = _DELIMITERS.sub(" ", gap).strip()
    words = set(re.findall(r"[a-z]+", plain.lower()))
    if words & _BREAKS:
        return None
    if words & _HEDGES:
        return "or"
    if len(plain) < _SHORT_GAP or words & {"and"} or re.search(r"[,;&]", gap):
        return "and"
    return None
