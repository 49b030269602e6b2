"""Find the program in a completion: the last fenced block, or the text itself where it is code.

Fences are read as in CommonMark, three or more backticks or tildes on a line, with two allowances
that models need: the opening fence may follow other text on its line, and a block that is never
closed runs to the end. The time is linear in the completion.

Left out on purpose: joining several blocks, choosing a block by what it defines, and repairing
code. A policy whose last block is not its program has not answered what it was asked.
"""

import re
from dataclasses import dataclass, field

_PYTHON = frozenset({"python", "python3", "py", "py3", "pycon3", "sage", "ipython"})
_FENCE_CHARS = "`~"
_SHORTEST_FENCE = 3
_THINK_END = "</think>"
_INFORMATION, _INFORMATION_END = "<information>", "</information>"
_INFO_STRING = re.compile(r"\{?\.?([\w+#-]*)[^`~]{0,80}", re.ASCII)
_CODE_LINE = re.compile(
    r"\s*(?:"
    r"(?:async\s+)?def\s+\w+\s*\(|class\s+\w+\s*[(:]|import\s+\w|from\s+[\w.]+\s+import\b|@\w"
    r"|(?:for|while|if|with|try|match)\b[^\n]*:|return\b|lambda\b"
    r"|[\w.\[\], *()]{1,200}[-+*/%&|^]?=(?!=)|[\w.]{1,200}\([^\n]*\)\s*(?:#[^\n]*)?$"
    r")"
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        code: what stands in it, without the indentation of its opening fence.
        language: as written behind the opening fence, in lower case; "" if there is none.
    """

    code: str
    language: str


def extract_code(completion: str) -> str | None:
    r"""Return the program in ``completion``, or None if there is nothing that could be one.

    The last block marked as Python decides; if none is, the last one without a language. Blocks of
    another language never count. Without any block, the whole text is the program if at least one
    of its lines looks like Python. What stands before the last ``</think>`` counts only where
    nothing stands after it, and what stands within ``<information>`` never does.

    >>> extract_code("First:\n```python\na = 1\n```\nBetter:\n```python\na = 2\n```\nIt prints 2.")
    'a = 2\n'
    >>> extract_code("print(sum(map(int, input().split())))")
    'print(sum(map(int, input().split())))'
    >>> extract_code("I do not know.") is None
    True
    """
    scan = _Scan()
    for line in completion.replace("\r\n", "\n").split("\n"):
        scan.take(line)
    scan.finish()
    for part in (scan.answer, scan.thought):
        if part.blocks:
            return _chosen(part.blocks)
        text = "\n".join(part.lines)
        if text.strip():
            return text if any(map(_CODE_LINE.match, part.lines)) else None
    return None


def _chosen(blocks: list[Block]) -> str | None:
    for accepted in (_PYTHON, frozenset({""})):
        for block in reversed(blocks):
            if block.language in accepted and block.code.strip():
                return block.code
    return None


@dataclass(slots=True)
class _Part:
    """Blocks, and the lines outside of them; grows during a scan."""

    blocks: list[Block] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Scan:
    """Reads a text line by line; in at most one of a block and an information span at a time."""

    answer: _Part = field(default_factory=_Part)
    thought: _Part = field(default_factory=_Part)
    fence: str = ""
    indent: int = 0
    language: str = ""
    inside: list[str] = field(default_factory=list)
    in_information: bool = False

    def take(self, line: str) -> None:
        if self.fence:
            self._take_inside(line)
        else:
            self._take_outside(line)

    def finish(self) -> None:
        """Close a block that the text left open, and take a fence off the end of its last line."""
        if not self.fence:
            return
        while self.inside and not self.inside[-1].strip():
            self.inside.pop()
        if self.inside and self.inside[-1].rstrip().endswith(self.fence):
            self.inside[-1] = self.inside[-1].rstrip().removesuffix(self.fence)
        self._close()

    def _take_inside(self, line: str) -> None:
        stripped = line.strip()
        if len(stripped) >= len(self.fence) and stripped == self.fence[0] * len(stripped):
            self._close()
        elif stripped == _THINK_END:
            self._close()
            self._end_thought()
        else:
            prefix = len(line) - len(line.lstrip())
            self.inside.append(line[min(prefix, self.indent) :])

    def _take_outside(self, line: str) -> None:
        line = self._without_information(line)
        head, found, tail = line.rpartition(_THINK_END)
        if found:
            self.answer.lines.append(head)
            self._end_thought()
            line = tail
        opening = _opening_fence(line)
        if opening is None:
            self.answer.lines.append(line)
            return
        self.fence, self.language = opening
        self.indent = len(line) - len(line.lstrip())

    def _without_information(self, line: str) -> str:
        kept = []
        while line:
            if self.in_information:
                _, ended, line = line.partition(_INFORMATION_END)
                self.in_information = not ended
            else:
                before, begun, line = line.partition(_INFORMATION)
                kept.append(before)
                self.in_information = bool(begun)
        return "".join(kept)

    def _close(self) -> None:
        code = "".join(f"{line}\n" for line in self.inside)
        self.answer.blocks.append(Block(code, self.language))
        self.fence, self.inside = "", []

    def _end_thought(self) -> None:
        self.thought.blocks += self.answer.blocks
        self.thought.lines += self.answer.lines
        self.answer = _Part()


def _opening_fence(line: str) -> tuple[str, str] | None:
    """Return the fence and the language of a line that opens a block, or None."""
    end = max(map(line.rfind, _FENCE_CHARS)) + 1
    char = line[end - 1 : end]
    start = len(line[:end].rstrip(char)) if char else 0
    info = _INFO_STRING.fullmatch(line[end:].strip())
    if end - start < _SHORTEST_FENCE or info is None:
        return None
    if char == "~" and line[:start].strip():  # "~~~" within prose is a flourish
        return None
    return char * (end - start), info[1].lower()
