"""The options of a command are the fields of a dataclass: name, type, default and help."""

import argparse
from dataclasses import dataclass, field
from typing import Literal

import pytest

from llmenvs.commands.config_options import add_options, options_of, read_options


@dataclass(frozen=True)
class Inner:
    """Inside.

    Attributes:
        depth: how deep.
    """

    depth: int = 3


@dataclass(frozen=True)
class Outer:
    """Outside.

    Attributes:
        rate: of everything, 100 % at most,
            and more.
        limit: the most; none is no limit.
        kind: which one.
        loud: say more.
        inner: what is inside.
    """

    rate: float = 0.5
    limit: int | None = None
    kind: Literal["a", "b"] | None = "a"
    loud: bool = False
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.rate > 1.0:
            raise ValueError(f"rate must be at most 1, got {self.rate!r}")


def parse(*words: str) -> Outer:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_options(parser, Outer)
    outer: Outer = read_options(parser.parse_args(words), Outer)
    return outer


def test_without_options_all_is_as_in_the_dataclass() -> None:
    assert parse() == Outer()


def test_options_are_read_as_their_types() -> None:
    words = ["--rate", "0.1", "--limit", "7", "--kind", "none", "--loud", "--depth", "9"]

    assert parse(*words) == Outer(0.1, 7, None, loud=True, inner=Inner(9))
    assert parse("--limit", "none", "--kind", "b", "--no-loud") == Outer(kind="b")


def test_help_is_what_the_docstring_says() -> None:
    helps = {option.flag: option.help for option in options_of(Outer)}

    assert helps["--rate"] == "of everything, 100 % at most, and more."
    assert helps["--depth"] == "how deep."
    parser = argparse.ArgumentParser()
    add_options(parser, Outer)
    assert "(default: 0.5)" in parser.format_help()


def test_an_impossible_value_names_the_option() -> None:
    with pytest.raises(ValueError, match=r"--rate must be at most 1, got 2\.0"):
        parse("--rate", "2")
    with pytest.raises(argparse.ArgumentError, match="invalid choice: 'c'"):
        parse("--kind", "c")
