"""`UnicodeText`, the space of every text, and its handlers for Gymnasium's shared memory.

`gymnasium.spaces.Text` holds strings over a fixed character set, by default letters and digits
alone, and its shared-memory handlers index that set, so text does not survive `AsyncVectorEnv`.
Here a text travels as a byte count and its UTF-8 bytes; lone surrogates, which a Python string may
hold, pass through both.
"""

import multiprocessing
import string
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, overload

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils.shared_memory import (
    create_shared_memory,
    read_from_shared_memory,
    write_to_shared_memory,
)
from numpy.typing import NDArray

_SAMPLE_LENGTH = 64
"""Longest sample: uniform lengths up to a megabyte would make every random rollout crawl."""
_SAMPLE_CHARACTERS = string.printable + "éßλЖ中文あ한🙂\u00a0\u2212\u0301"
_COUNT_BYTES = 8
_BYTES_PER_CHARACTER = 4


class UnicodeText(gym.spaces.Text):
    r"""Every string of at most ``max_length`` characters, the empty one among them.

    Samples have up to 64 characters, of printable ASCII and a few of other scripts.

    Args:
        max_length: in characters (code points), at least 1.
        seed: of the samples.

    >>> space = UnicodeText(100)
    >>> "naïve 你好\x00" in space, "x" * 101 in space, 7 in space
    (True, False, False)
    """

    def __init__(self, max_length: int, *, seed: int | np.random.Generator | None = None) -> None:
        if max_length < 1:
            raise ValueError(f"max_length must be at least 1, got {max_length}")
        super().__init__(max_length, min_length=0, charset=_SAMPLE_CHARACTERS, seed=seed)

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """Return a random string of up to 64 characters.

        Raises:
            ValueError: a mask or a probability was given: neither has a meaning here.
        """
        if mask is not None or probability is not None:
            raise ValueError("UnicodeText.sample takes neither a mask nor a probability")
        length = self.np_random.integers(0, min(self.max_length, _SAMPLE_LENGTH), endpoint=True)
        return "".join(self.np_random.choice(self.character_list, size=length))

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a string that is not too long."""
        return isinstance(x, str) and len(x) <= self.max_length

    @property
    def is_np_flattenable(self) -> bool:
        """False: there is no fixed character set to index."""
        return False

    def __repr__(self) -> str:
        return f"UnicodeText({self.max_length})"

    def __eq__(self, other: object, /) -> bool:
        return isinstance(other, UnicodeText) and self.max_length == other.max_length

    __hash__ = None  # type: ignore[assignment]  # spaces are mutable: they hold their RNG


class _SharedTexts(Sequence[str]):
    """The texts in a shared buffer, read when asked for.

    `AsyncVectorEnv` reads the buffer once, at construction, and then expects what it got to follow
    the memory as an array does. It hands out deep copies, and a deep copy of this is a plain tuple.
    """

    def __init__(self, rows: NDArray[np.uint8]) -> None:
        self._rows = rows  # (num_envs, 8 + 4 * max_length)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        row = self._rows[index]
        count = int(row[:_COUNT_BYTES].view(np.uint64)[0])
        text: bytes = row[_COUNT_BYTES : _COUNT_BYTES + count].tobytes()
        return text.decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))

    def __deepcopy__(self, memo: dict[int, Any]) -> tuple[str, ...]:
        return tuple(self)

    def __repr__(self) -> str:
        return repr(tuple(self))


def _row_bytes(space: UnicodeText) -> int:
    return _COUNT_BYTES + _BYTES_PER_CHARACTER * space.max_length


@create_shared_memory.register(UnicodeText)
def _create(space: UnicodeText, n: int = 1, ctx: ModuleType = multiprocessing) -> Any:
    return ctx.Array("B", n * _row_bytes(space))


@read_from_shared_memory.register(UnicodeText)
def _read(space: UnicodeText, shared_memory: Any, n: int = 1) -> _SharedTexts:
    flat = np.frombuffer(shared_memory.get_obj(), dtype=np.uint8)
    return _SharedTexts(flat.reshape(n, _row_bytes(space)))


@write_to_shared_memory.register(UnicodeText)
def _write(space: UnicodeText, index: int, values: str, shared_memory: Any) -> None:
    if len(values) > space.max_length:
        raise ValueError(
            f"observation has {len(values)} characters but its space holds {space.max_length}: "
            "make the environment with a larger max_observation_length"
        )
    text = np.frombuffer(values.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    width = _row_bytes(space)
    flat = np.frombuffer(shared_memory.get_obj(), dtype=np.uint8)
    row = flat[index * width : (index + 1) * width]
    row[:_COUNT_BYTES].view(np.uint64)[0] = len(text)
    row[_COUNT_BYTES : _COUNT_BYTES + len(text)] = text
