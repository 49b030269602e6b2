"""Any text becomes terms, the same ones wherever and whenever it is split."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.retrievers import WordTokenizer


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("?! -- \t\n", []),
        ("The cat's 9 lives", ["cat", "s", "9", "lives"]),
        ("BEYONCÉ Beyonce\u0301 beyonce", ["beyonce"] * 3),
        ("São Paulo, Zürich, Łódź", ["sao", "paulo", "zurich", "łodz"]),
        ("straße STRASSE", ["strasse", "strasse"]),
        ("ﬁne ① \uff12\uff10\uff12\uff16", ["fine", "1", "2026"]),
        ("東京タワー tower", ["東", "京", "タ", "ワ", "ー", "tower"]),
        ("snake_case", ["snake", "case"]),
        ("\ud800 lone", ["lone"]),
        ("to be or not to be", []),
    ],
)
def test_text_is_split_into_folded_words(text: str, terms: list[str]) -> None:
    assert WordTokenizer()(text) == terms


@given(st.text(st.characters(codec=None)))
def test_every_string_has_terms_that_split_into_themselves(text: str) -> None:
    terms = WordTokenizer(stop_words=())(text)

    assert all(terms)
    assert WordTokenizer(stop_words=())(" ".join(terms)) == terms


def test_a_stemmer_joins_the_forms_of_a_word_on_every_thread() -> None:
    tokenizer = WordTokenizer(stemmer="english")

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(tokenizer, ["programming programs programmed"] * 50))

    assert found == [["program"] * 3] * 50


def test_settings_survive_json_and_pickle() -> None:
    tokenizer = WordTokenizer(stop_words=("foo",), stemmer="german")

    assert WordTokenizer.from_dict(tokenizer.to_dict()) == tokenizer
    assert pickle.loads(pickle.dumps(tokenizer)) == tokenizer


def test_an_unknown_stemmer_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="got 'klingon'"):
        WordTokenizer(stemmer="klingon")


def test_settings_of_another_version_are_refused() -> None:
    with pytest.raises(ValueError, match="tokenizer version must be 1, got 99"):
        WordTokenizer.from_dict({**WordTokenizer().to_dict(), "version": 99})
