"""A declaration becomes an automaton that reads each block once and names the first fault."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.tag_grammar import TEXT, compile_grammar, is_blank

DECLARATIONS = {
    "<a> <b>": "ab",
    "<a>?": "a?",
    "<a>+ <b>*": "a+b*",
    "(<a> | <b>)* <c>": "(a|b)*c",
    "<a> (<b> <c>? | <c>)": "a(bc?|c)",
    "(<a>? <b>?)+": "(a?b?)+",
    "((<a> | <b> <c>)+ <a>)?": "((a|bc)+a)?",
}


@pytest.mark.parametrize("declaration", DECLARATIONS)
def test_it_accepts_what_the_same_regular_expression_accepts(declaration: str) -> None:
    grammar = compile_grammar(declaration)
    pattern = re.compile(DECLARATIONS[declaration])
    sequences = itertools.chain(*(itertools.product("abc", repeat=n) for n in range(6)))
    for sequence in sequences:
        text = "".join(f"<{tag}>1</{tag}>" for tag in sequence)

        assert (grammar.match(text).fault == "") == bool(pattern.fullmatch("".join(sequence))), text


@given(st.lists(st.sampled_from(["<a>", "</a>", "<b>", "</b>", "x", " "]), max_size=12))
def test_what_is_accepted_is_spelled_out_by_its_blocks(pieces: list[str]) -> None:
    text = "".join(pieces)
    match = compile_grammar("(<a> | <b>)*").match(text)

    spelled = "".join(f"<{block.tag}>{block.body}</{block.tag}>" for block in match.blocks)
    if not match.fault:
        assert text.replace(" ", "") == spelled.replace(" ", "")
    for block in match.blocks:
        assert text[block.start :].startswith(f"<{block.tag}>{block.body}</{block.tag}>")


@given(st.text())
def test_every_text_has_a_match(text: str) -> None:
    assert isinstance(compile_grammar("<think> text").match(text).fault, str)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("<b>1</b>", "<b> at the start, at character 0, where <a> must follow"),
        ("<a>1</a>", "the text ends after </a>, where <b> must follow"),
        ("<a>1</a><a>2</a>", "<a> after </a>, at character 8, where <b> must follow"),
        ("<a>1</a><b>2</b><b>3</b>", "where the end must follow"),
        ("<a>1<b>2</b></a>", "<b> within <a> at character 4"),
        ("<a>1", "<a> at character 0 is never closed"),
        ("<a> </a>", "<a> at character 0 is empty"),
        ("</a>", "</a> without <a> at character 0"),
        ("<a>1</a> so <b>2</b>", "text 'so' outside of the blocks at character 9"),
    ],
)
def test_the_first_fault_is_named_with_its_place(text: str, fault: str) -> None:
    assert fault in compile_grammar("<a> <b>").match(text).fault


def test_a_raw_block_is_not_read_and_an_empty_one_may_be_blank() -> None:
    grammar = compile_grammar("<page raw> <note empty>")

    match = grammar.match("<page><note>1</note><page></page><note> </note>")

    assert match.fault == ""
    assert [block.body for block in match.blocks] == ["<note>1</note><page>", " "]


def test_text_is_a_part_where_the_grammar_has_it() -> None:
    grammar = compile_grammar("<think> text")

    assert [block.tag for block in grammar.match("<think>1</think> 2").blocks] == ["think", TEXT]
    assert grammar.match("<think>1</think> ").fault.endswith("where text must follow")
    assert "text at the start" in grammar.match("0 <think>1</think> 2").fault


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("", "a grammar must be a text such as"),
        ("<a", "a block must stand at '<a'"),
        ("<a> |", "a block must stand at the end"),
        ("(<a>", r"a \) must stand at the end"),
        ("<a>)", r"unexpected at '\)'"),
        ("*", r"a block must stand at '\*'"),
        ("<a raw> <a>", "must have the same words everywhere"),
        ("<text>", "cannot be called 'text'"),
        ("(" * 60 + "<a>" + ")" * 60, "too many"),
        ("<a>" * 5000, "at most 10000 characters"),
    ],
)
def test_a_bad_declaration_is_answered_with_its_place(declaration: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile_grammar(declaration)


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "\u2060\ufeff", "\u3164", "\x00"])
def test_what_cannot_be_seen_is_blank(text: str) -> None:
    assert is_blank(text)
    assert not is_blank(text + ".")
    assert not is_blank(text + "中")
