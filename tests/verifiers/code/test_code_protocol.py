"""Plain data arrives as it was sent, and no bytes at all do more than be refused."""

import json
import math
import struct
import time
from collections import Counter, OrderedDict, deque, namedtuple
from enum import IntEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.code import Iterated, Opaque
from llmenvs.verifiers.code.protocol import (
    HEADER,
    ProtocolError,
    decode,
    encode,
    pack_frame,
    read_frame,
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(1 << 200), max_value=1 << 200)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.binary()
)
hashables = st.deferred(  # deferred, for a shorter repr
    lambda: scalars | st.tuples(scalars, scalars) | st.frozensets(scalars, max_size=4)
)
plain = st.recursive(
    hashables,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.sets(hashables)
        | st.dictionaries(hashables, inner)
    ),
    max_leaves=20,
)


def same(a: Any, b: Any) -> bool:
    """Equality with exact types all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, set | frozenset):
        return a == b and Counter(map(type, a)) == Counter(map(type, b))
    return bool(a == b)


def through(value: Any) -> Any:
    """Send a value over the wire."""
    buffer = bytearray(pack_frame({"value": encode(value)}))
    message = read_frame(buffer, 1 << 24)
    assert message is not None
    assert not buffer
    return decode(message["value"])


@given(plain)
def test_plain_data_arrives_with_its_types(value: Any) -> None:
    assert same(through(value), value)


def test_what_json_has_no_word_for_arrives() -> None:
    assert math.isnan(through(float("nan")))
    assert through([float("inf"), -float("inf")]) == [math.inf, -math.inf]
    assert math.copysign(1, through(-0.0)) == -1
    assert through("\ud800\0") == "\ud800\0"
    assert through(True) is True
    assert type(through(1)) is int


def test_subclasses_arrive_as_their_base() -> None:
    class Liar(int):
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

    class Color(IntEnum):
        RED = 3

    point = namedtuple("point", "x y")

    assert type(through(Liar(7))) is int
    assert through(Liar(7)) != 14
    assert same(through(Color.RED), 3)
    assert same(through(point(1, 2)), (1, 2))
    assert same(through(OrderedDict(a=1)), {"a": 1})
    assert same(through(bytearray(b"x")), b"x")
    assert same(through(np.float64(2.5)), 2.5)
    assert same(through(np.int32(2)), 2)
    assert same(through(np.bool_(True)), True)


def test_iterators_arrive_as_what_they_gave() -> None:
    assert through(iter([1, 2])) == Iterated((1, 2))
    assert through(x for x in "ab") == Iterated(("a", "b"))
    assert through(range(2)) == Iterated((0, 1))
    assert through(deque([1])) == Iterated((1,))
    assert through({"a": 1}.keys()) == Iterated(("a",))
    assert through(iter([1])) != [1]


def test_objects_arrive_as_their_type_alone() -> None:
    class Pretender:
        @property  # type: ignore[misc]  # what isinstance believes
        def __class__(self) -> type:
            return int

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

    arrived = through(Pretender())

    assert type(arrived) is Opaque
    assert arrived != arrived
    with pytest.raises(TypeError, match="not plain data"):
        bool(arrived)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float32", ">f8", "complex128"])
def test_arrays_of_numbers_arrive(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    arrived = through(array)

    assert arrived.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(arrived, array)


def test_arrays_of_objects_do_not() -> None:
    assert type(through(np.array([object()]))) is Opaque


def test_what_has_no_end_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ProtocolError, match="nested over"):
        encode(endless)

    def forever() -> Any:
        while True:
            yield 0

    with pytest.raises(ProtocolError, match="iterator gave over"):
        encode(forever())


@given(st.binary(max_size=200))
def test_forged_bytes_are_refused_or_wait_for_more(body: bytes) -> None:
    for data in (body, HEADER.pack(len(body)) + body):
        try:
            message = read_frame(bytearray(data), 1 << 20)
        except ProtocolError:
            continue
        assert message is None or type(message) is dict


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(
            st.sampled_from(
                [
                    "int",
                    "bytes",
                    "complex",
                    "tuple",
                    "set",
                    "frozenset",
                    "dict",
                    "iterated",
                    "opaque",
                    "array",
                ]
            ),
            inner,
            min_size=1,
            max_size=1,
        )
    ),
    max_leaves=15,
)


@given(json_values)
def test_forged_values_are_refused_or_plain(encoded: Any) -> None:
    try:
        value = decode(json.loads(json.dumps(encoded)))
    except ProtocolError:
        return
    encode(value)  # only types that this module knows


@pytest.mark.parametrize(
    "encoded",
    [
        {"array": ["|O", [1], "AAAAAAAAAAA="]},
        {"array": ["<f8", [1 << 50], "AAAAAAAAAAA="]},
        {"array": ["<f8", [-1, -1], "AAAAAAAAAAA="]},
        {"array": ["<f8", [True], "AAAAAAAAAAA="]},
        {"complex": ["1", 2.0]},
        {"dict": [[[1], 2]]},
        {"dict": "ab"},
        {"int": 5},
        {"tuple": {"a": 1}},
        {"a": 1, "b": 2},
        {},
    ],
)
def test_values_that_no_encoder_sends_are_refused(encoded: Any) -> None:
    with pytest.raises(ProtocolError):
        decode(encoded)


def test_nesting_does_not_exhaust_the_stack() -> None:
    body = b"[" * 200_000 + b"]" * 200_000
    with pytest.raises(ProtocolError):
        read_frame(bytearray(HEADER.pack(len(body)) + body), 1 << 24)


def test_a_set_made_to_be_slow_is_refused_in_time() -> None:
    keys = [{"int": hex(7 + index * ((1 << 61) - 1))} for index in range(100_000)]
    start = time.process_time()
    with pytest.raises(ProtocolError, match="one hash"):
        decode({"set": keys})
    assert time.process_time() - start < 5.0  # building the set would take minutes


def test_a_frame_over_the_limit_is_refused_by_its_header() -> None:
    with pytest.raises(ProtocolError, match="over the limit of 100"):
        read_frame(bytearray(struct.pack("<I", 101)), 100)
