"""What a process in a sandbox and the verifier say to each other: frames of tagged JSON.

A frame is the length of its body, as 4 bytes, and the body: one JSON object. Values travel as JSON
where JSON can say them and otherwise under a tag, an object with one key, so that types survive:
``{"tuple": [1, 2]}``. Nothing is ever unpickled. Both ends use this module; only `decode` and
`read_frame` meet bytes that the policy may have forged, and a forged frame can do no more than
carry another value.

Runs inside the sandbox too, so it needs the standard library alone.
"""

import json
import math
import struct
import sys
from binascii import a2b_base64, b2a_base64
from collections import Counter, deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from llmenvs.verifiers.code.values import Iterated, Opaque

HEADER = struct.Struct("<I")
MAX_DEPTH = 100
MAX_ITEMS = 1_000_000
"""Of one iterator; one that goes on is taken to have no end."""
MAX_COLLISIONS = 100
"""Keys of one set or dict with one hash. More would let a set cost time in the square of its size
(Python does not salt the hashes of numbers), and no honest value has them."""

_SAFE_INT = 1 << 53
_ARRAY_KINDS = "biufc"
_MAX_ITEM_BYTES = 16
_MAX_AXES = 32


class ProtocolError(ValueError):
    """A message is not one of this protocol, or a value cannot be said in it."""


def pack_frame(message: dict[str, Any]) -> bytes:
    """Return the frame of a message.

    Raises:
        ProtocolError: it holds what JSON does not know, or is nested too deep.
    """
    try:
        body = json.dumps(message).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"the message cannot be encoded: {error}") from error
    return HEADER.pack(len(body)) + body


READY = pack_frame({"ready": True})
"""The first frame of every run: it is confined, and has not read its job yet."""


def read_frame(buffer: bytearray, max_bytes: int) -> dict[str, Any] | None:
    """Take the first frame out of ``buffer``; None while it is not there in full.

    Raises:
        ProtocolError: the frame is over ``max_bytes`` or is no JSON object.
    """
    if len(buffer) < HEADER.size:
        return None
    (size,) = HEADER.unpack_from(buffer)
    if size > max_bytes:
        raise ProtocolError(f"a message of {size} bytes, over the limit of {max_bytes}")
    end = HEADER.size + size
    if len(buffer) < end:
        return None
    body = bytes(buffer[HEADER.size : end])
    del buffer[:end]
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a message that is no JSON: {type(error).__name__}") from error
    if type(message) is not dict:
        raise ProtocolError(f"a message must be an object, got {type(message).__name__}")
    return message


def encode(value: Any, depth: int = 0) -> Any:
    """Return the value as what JSON can say.

    Subclasses are degraded to their base, iterators are exhausted, and what is not plain data
    becomes `Opaque`.

    Raises:
        ProtocolError: it is nested too deep, or an iterator does not end.

    >>> encode([1, (2.5, {3})])
    [1, {'tuple': [2.5, {'set': [3]}]}]
    """
    kind = type(value)
    if value is None or kind is bool or kind is str or kind is float:
        return value
    if kind is int:
        return value if -_SAFE_INT <= value <= _SAFE_INT else {"int": hex(value)}
    if depth >= MAX_DEPTH:
        raise ProtocolError(f"a value is nested over {MAX_DEPTH} deep")
    if kind is list:
        return [encode(item, depth + 1) for item in value]
    if kind is dict:
        pairs = value.items()
        return {"dict": [[encode(key, depth + 1), encode(item, depth + 1)] for key, item in pairs]}
    if kind is bytes:
        return {"bytes": value.hex()}
    if kind is complex:
        return {"complex": [value.real, value.imag]}
    if kind in _SEQUENCE_TAGS:
        return {_SEQUENCE_TAGS[kind]: [encode(item, depth + 1) for item in value]}
    if kind is Iterated:
        return {"iterated": [encode(item, depth + 1) for item in value.items]}
    if kind is Opaque:
        return {"opaque": value.type_name}
    return _encode_other(value, depth)


_SEQUENCE_TAGS: dict[Any, str] = {tuple: "tuple", set: "set", frozenset: "frozenset"}

_BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, int.__int__),
    (float, float.__float__),
    (complex, complex),
    (str, str.__str__),
    ((bytes), bytes),
    (bytearray, bytes),
    (list, list),
    (tuple, tuple),
    (dict, dict),
    (set, set),
    (frozenset, frozenset),
)


def _encode_other(value: Any, depth: int) -> Any:
    for base, degrade in _BASES:
        if issubclass(type(value), base):  # not isinstance, which asks the value's __class__
            return encode(degrade(value), depth)
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "ndarray"):
        if issubclass(type(value), numpy.ndarray):
            return _encode_array(numpy.asarray(value))
        if issubclass(type(value), numpy.generic):
            return encode(value.item(), depth + 1)
    if isinstance(value, deque | range | memoryview) or hasattr(type(value), "__next__"):
        return _encode_iterable(value, depth)
    if type(value).__name__ in ("dict_keys", "dict_values", "dict_items", "odict_keys"):
        return _encode_iterable(value, depth)
    return {"opaque": str(type(value).__name__)}


def _encode_iterable(iterable: Iterable[Any], depth: int) -> dict[str, Any]:
    items = list(islice(iterable, MAX_ITEMS + 1))
    if len(items) > MAX_ITEMS:
        raise ProtocolError(f"an iterator gave over {MAX_ITEMS} items")
    return {"iterated": [encode(item, depth + 1) for item in items]}


def _encode_array(array: Any) -> dict[str, Any]:
    if array.dtype.kind not in _ARRAY_KINDS or array.dtype.itemsize > _MAX_ITEM_BYTES:
        return {"opaque": f"ndarray of {array.dtype}"}
    plain = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return {
        "array": [
            plain.dtype.str,
            list(array.shape),
            b2a_base64(plain.tobytes(), newline=False).decode(),
        ]
    }


def decode(encoded: Any) -> Any:
    """Return the value that `encode` was given, with only types that this module knows.

    Raises:
        ProtocolError: it is nothing that `encode` returns.

    >>> decode(encode({"a": (1, float("inf")), "b": b"x"}))
    {'a': (1, inf), 'b': b'x'}
    """
    try:
        return _decode(encoded)
    except ProtocolError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise ProtocolError(f"a value that cannot be decoded: {type(error).__name__}") from error


def _decode(encoded: Any) -> Any:
    kind = type(encoded)
    if kind is list:
        return [_decode(item) for item in encoded]
    if kind is not dict:
        return encoded
    ((tag, body),) = encoded.items()
    return _DECODERS[tag](body)


def _decode_items(body: Any) -> list[Any]:
    if type(body) is not list:
        raise ProtocolError(f"items must be a list, got {type(body).__name__}")
    return [_decode(item) for item in body]


def _decode_keys(body: Any) -> list[Any]:
    keys = _decode_items(body)
    commonest = Counter(map(hash, keys)).most_common(1)
    # Equal keys are one: only different ones with one hash are a chain.
    if commonest and commonest[0][1] > MAX_COLLISIONS:
        raise ProtocolError(f"over {MAX_COLLISIONS} keys with one hash")
    return keys


def _decode_dict(body: Any) -> dict[Any, Any]:
    if type(body) is not list:
        raise ProtocolError(f"pairs must be a list, got {type(body).__name__}")
    keys = _decode_keys([key for key, _ in body])
    return dict(zip(keys, (_decode(item) for _, item in body), strict=True))


def _decode_complex(body: Any) -> complex:
    real, imaginary = body
    if type(real) is not float or type(imaginary) is not float:
        raise ProtocolError("the parts of a complex number must be floats")
    return complex(real, imaginary)


def _decode_array(body: Any) -> Any:
    import numpy as np  # only where there is an array

    name, shape, text = body
    dtype = np.dtype(str(name))
    if dtype.kind not in _ARRAY_KINDS or dtype.itemsize > _MAX_ITEM_BYTES:
        raise ProtocolError(f"no array of {dtype} may be sent")
    if len(shape) > _MAX_AXES or not all(type(size) is int and size >= 0 for size in shape):
        raise ProtocolError("the shape of an array must be a few sizes")
    data = a2b_base64(text, strict_mode=True)
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ProtocolError("the bytes of an array do not fit its shape")
    return np.frombuffer(data, dtype).reshape(shape).copy()


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "int": lambda body: int(body, 16),
    "bytes": bytes.fromhex,
    "complex": _decode_complex,
    "tuple": lambda body: tuple(_decode_items(body)),
    "set": lambda body: set(_decode_keys(body)),
    "frozenset": lambda body: frozenset(_decode_keys(body)),
    "dict": _decode_dict,
    "iterated": lambda body: Iterated(tuple(_decode_items(body))),
    "opaque": lambda body: Opaque(str(body)),
    "array": _decode_array,
}
