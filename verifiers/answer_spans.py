"""Read the policy's own answer out of what it wrote, or out of a whole transcript.

The answer is what the last ``<answer>`` that is closed encloses. What stands in ``<information>``
is not the policy's and never counts, also where the closing tag was lost because a page was cut.
Of a transcript in a chat template only what follows the first assistant header is read, since
Search-R1's prompt holds an example, ``<answer> Beijing </answer>``, on which its own scorer grades
a policy that answers nothing.
"""

import re

_ASSISTANT = re.compile(
    r"<\|im_start\|>assistant|<\|start_header_id\|>assistant<\|end_header_id\|>"
)
_ANSWER = re.compile(r"<(/?)answer>")
_INFORMATION = re.compile(r"<(/?)information>")


def extract_answer(completion: str) -> str | None:
    """Return the policy's last answer, stripped, or None where no ``<answer>`` is closed.

    An opening tag that is only mentioned, as in "between <answer> tags", begins nothing: an answer
    begins at the last opening tag before its closing one. The cost is linear.

    >>> extract_answer("<think> Rome? </think> <answer> Paris </answer>")
    'Paris'
    >>> extract_answer("<information> <answer> Rome </answer> </information>") is None
    True
    """
    answer: str | None = None
    start: int | None = None
    text = policy_text(completion)
    for tag in _ANSWER.finditer(text):
        if not tag[1]:
            start = tag.end()
        elif start is not None:
            answer = text[start : tag.start()]
            start = None
    return None if answer is None else answer.strip()


def policy_text(transcript: str) -> str:
    """Return what the policy wrote: without a prompt, each ``<information>`` span as one space.

    The space keeps what stands on both sides of a span from forming a tag.
    """
    text = assistant_text(transcript)
    if "<information>" not in text:
        return text
    kept: list[str] = []
    start, inside = 0, False
    for tag in _INFORMATION.finditer(text):
        if not tag[1] and not inside:
            kept.append(text[start : tag.start()])
            inside = True
        elif tag[1] and inside:
            start, inside = tag.end(), False
    if not inside:
        kept.append(text[start:])
    return " ".join(kept)


def assistant_text(transcript: str) -> str:
    """Return what follows the first assistant header, or all of it where there is none."""
    header = _ASSISTANT.search(transcript)
    return transcript if header is None else transcript[header.end() :]


def information_blocks(transcript: str) -> list[str]:
    """Return what was retrieved, block by block, stripped: what ``<information>`` encloses."""
    blocks: list[str] = []
    start: int | None = None
    text = assistant_text(transcript)
    for tag in _INFORMATION.finditer(text):
        if not tag[1] and start is None:
            start = tag.end()
        elif tag[1] and start is not None:
            blocks.append(text[start : tag.start()].strip())
            start = None
    return blocks
