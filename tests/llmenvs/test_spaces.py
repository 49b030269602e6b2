"""Every string is in the space, and survives the shared memory of vector environments."""

import multiprocessing
import pickle
from copy import deepcopy
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.vector.utils import (
    create_shared_memory,
    read_from_shared_memory,
    write_to_shared_memory,
)
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import UnicodeText

# Gymnasium types these for arrays; a space's own handlers take what the space holds.
write: Any = write_to_shared_memory
read: Any = read_from_shared_memory

any_text = st.text(st.characters(exclude_categories=()), max_size=50)  # lone surrogates too


@given(any_text)
def test_any_string_is_contained_up_to_the_length(text: str) -> None:
    assert text in UnicodeText(50)
    assert text + "x" * 50 not in UnicodeText(49)


@pytest.mark.parametrize("thing", [None, 3, b"bytes", ["text"]])
def test_nothing_else_is_contained(thing: object) -> None:
    assert thing not in UnicodeText(10)


@given(st.lists(any_text, min_size=1, max_size=4))
def test_shared_memory_gives_back_what_was_written(texts: list[str]) -> None:
    space = UnicodeText(50)
    memory = create_shared_memory(space, n=len(texts), ctx=multiprocessing)
    live = read(space, memory, n=len(texts))
    for index, text in enumerate(texts):
        write(space, index, text, memory)

    assert tuple(live) == tuple(texts)
    assert live[:1] == (texts[0],)


def test_a_deep_copy_of_the_shared_view_stays_as_it_was() -> None:
    space = UnicodeText(10)
    memory = create_shared_memory(space, n=1, ctx=multiprocessing)
    live = read(space, memory, n=1)
    write(space, 0, "first", memory)
    kept = deepcopy(live)
    write(space, 0, "2", memory)

    assert kept == ("first",)
    assert tuple(live) == ("2",)


def test_a_text_that_is_too_long_for_the_memory_is_refused() -> None:
    space = UnicodeText(3)
    memory = create_shared_memory(space, n=1, ctx=multiprocessing)

    with pytest.raises(ValueError, match="4 characters but its space holds 3"):
        write(space, 0, "long", memory)


def test_samples_follow_the_seed_and_are_contained() -> None:
    one, two = UnicodeText(1_000, seed=5), UnicodeText(1_000, seed=5)
    samples = [one.sample() for _ in range(50)]

    assert samples == [two.sample() for _ in range(50)]
    assert all(sample in one for sample in samples)
    assert len(set(samples)) > 40
    assert any(not sample.isascii() for sample in samples)


def test_masks_mean_nothing_here() -> None:
    with pytest.raises(ValueError, match="neither a mask nor a probability"):
        UnicodeText(5).sample(mask=(1, None))


def test_equality_is_that_of_the_length() -> None:
    assert UnicodeText(5) == UnicodeText(5, seed=3)
    assert UnicodeText(5) != UnicodeText(6)
    assert UnicodeText(5) != gym.spaces.Text(5)
    assert pickle.loads(pickle.dumps(UnicodeText(5))) == UnicodeText(5)


def test_a_length_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="max_length must be at least 1, got 0"):
        UnicodeText(0)
