"""The program of a completion is found where it stands, in linear time, and nowhere else."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.code.extract import extract_code

CASES = {
    "the last block decides": ("```python\na = 1\n```\nor\n```python\na = 2\n```\n", "a = 2\n"),
    "a block marked as Python goes before one that is not marked": (
        "```python\na = 1\n```\nIt prints\n```\n1\n```",
        "a = 1\n",
    ),
    "a block without a language counts": ("```\na = 1\n```", "a = 1\n"),
    "a block of another language does not": ("```cpp\nint a;\n```", None),
    "an empty block is none": ("```python\na = 1\n```\n```python\n\n```", "a = 1\n"),
    "tildes": ("~~~py\na = 1\n~~~", "a = 1\n"),
    "longer fences hold shorter ones": ('````py\na = """\n```\n"""\n````', 'a = """\n```\n"""\n'),
    "an unclosed block runs to the end": ("Sure:\n```python\na = 1\nb = 2", "a = 1\nb = 2\n"),
    "a fence at the end of the last line closes": ("```python\na = 1```", "a = 1\n"),
    "an opening fence may follow text": ("Solution:```python\na = 1\n```", "a = 1\n"),
    "indentation of the fence is taken off": (
        "1. so\n   ```py\n   def f():\n       return 1\n   ```",
        "def f():\n    return 1\n",
    ),
    "information strings": ('```{.python title="a"}\na = 1\n```', "a = 1\n"),
    "windows line ends": ("```python\r\na = 1\r\n```\r\n", "a = 1\n"),
    "capitals": ("```Python\na = 1\n```", "a = 1\n"),
    "raw code": ("import sys\nprint(sys.stdin.read())", "import sys\nprint(sys.stdin.read())"),
    "a raw one-liner": ("n = int(input())", "n = int(input())"),
    "a raw function after a comment": ("# sum\ndef f(a): return a", "# sum\ndef f(a): return a"),
    "prose": ("I am sorry, I do not know how to do this.", None),
    "nothing": ("", None),
    "blanks": (" \n\t\n", None),
    "a thought before the answer does not count": (
        "<think>\n```python\na = 1\n```\n</think>\n```python\na = 2\n```",
        "a = 2\n",
    ),
    "a thought counts where nothing follows it": (
        "<think>\n```python\na = 1\n```\n</think>\n",
        "a = 1\n",
    ),
    "a thought that leaves its block open": (
        "<think>\n```python\na = 1\n</think>\n```python\na = 2\n```",
        "a = 2\n",
    ),
    "an answer in words after a thought is no program": (
        "<think>\n```python\na = 1\n```\n</think>\nI give up.",
        None,
    ),
    "information never counts": (
        "<information>\n```python\na = 1\n```\n</information>\nfine",
        None,
    ),
    "information that is never closed": (
        "a = 1<information>\n```python\na = 2\n```",
        "a = 1\n\n\n",
    ),
    "a tag within a program is text": (
        '```python\ns = "</think><information>"\n```',
        's = "</think><information>"\n',
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_program_is_found(name: str) -> None:
    completion, expected = CASES[name]
    assert extract_code(completion) == expected


@given(st.text(alphabet="ab =\n", max_size=60).filter(lambda code: code.strip()))
def test_a_program_comes_out_of_its_block_as_it_was(code: str) -> None:
    assert extract_code(f"Here:\n```python\n{code}\n```\nDone.") == code + "\n"


@given(st.text(max_size=200))
def test_any_text_has_a_program_or_none(text: str) -> None:
    found = extract_code(text)
    assert found is None or found.strip()


@pytest.mark.parametrize(
    "piece",
    [
        "```\n",
        "`",
        "` ",
        "~~~",
        "```python\n",
        "<information>",
        "</think>\n",
        "x(",
        "=",
        "(\n",
        " ",
    ],
)
def test_the_time_is_linear(piece: str) -> None:
    """A quadratic scan of a megabyte would take minutes of CPU time."""
    started = time.process_time()
    extract_code(piece * (2**20 // len(piece)) + "?")

    assert time.process_time() - started < 10
