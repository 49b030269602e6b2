"""One episode as a sequence of tokens that knows who wrote each of them.

`Completion` is what the policy wrote in one turn, `Segment` one contribution, `Transcript` the
growing record. The ids that a policy sampled are stored as they came and never encoded again: BPE
does not round-trip, so re-encoding would put the policy's log-probabilities on other tokens. Adding
a turn costs time in its own tokens, not in those before it.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, NotRequired, TypedDict, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from llmenvs.tokenizers import Tokenizer


class Message(TypedDict):
    """One message of the text view, as chat APIs have it."""

    role: str
    content: str
    name: NotRequired[str]


class Author(StrEnum):
    """Who wrote a segment."""

    PROMPT = "prompt"
    POLICY = "policy"
    ENVIRONMENT = "environment"


class Completion(str):
    """What the policy wrote in one turn: a `str` that may also carry how it was sampled.

    Args:
        text: the decoded text, without the end-of-turn token, cut after a stop string.
        token_ids: the ids as sampled, with the end-of-turn token if it was sampled; None for a
            policy that has only text. They need not decode to exactly ``text``: the token that
            completes a stop string may reach beyond it, and is kept whole.
        logprobs: of those ids under the policy that sampled them, in nats; None if unknown.
        policy_version: the version of the weights that wrote it, counted by the trainer.

    Raises:
        ValueError: a negative id, log-probabilities without ids or of another length, or one that
            is above 0 or not a number.

    >>> completion = Completion("up", token_ids=[7, 2], logprobs=[-0.5, -0.1])
    >>> completion == "up", completion.token_ids
    (True, (7, 2))
    """

    token_ids: tuple[int, ...] | None
    logprobs: tuple[float, ...] | None
    policy_version: int | None

    def __new__(
        cls,
        text: str,
        *,
        token_ids: Iterable[int] | None = None,
        logprobs: Iterable[float] | None = None,
        policy_version: int | None = None,
    ) -> "Completion":
        """Validate and build; a `str` is made in ``__new__``."""
        self = super().__new__(cls, text)
        self.token_ids = None if token_ids is None else tuple(int(i) for i in token_ids)
        self.logprobs = None if logprobs is None else tuple(float(x) for x in logprobs)
        self.policy_version = policy_version
        self._validate()
        return self

    @classmethod
    def from_tokens(
        cls,
        tokenizer: Tokenizer,
        token_ids: Sequence[int],
        *,
        logprobs: Sequence[float] | None = None,
        stop_strings: Sequence[str] = (),
        policy_version: int | None = None,
    ) -> "Completion":
        """Return the completion that ends where the text of ``token_ids`` first stops.

        The token that completes a stop string is the last one and kept whole; the text ends with
        the stop string. Tokens after it are dropped, with their log-probabilities.
        """
        text = tokenizer.decode(token_ids)
        count = len(token_ids)
        if _first_stop(text, stop_strings) is not None:
            count = _tokens_to_stop(tokenizer, token_ids, stop_strings)
            text = tokenizer.decode(token_ids[:count])
            text = text[: _first_stop(text, stop_strings)]
        return cls(
            text,
            token_ids=token_ids[:count],
            logprobs=None if logprobs is None else logprobs[:count],
            policy_version=policy_version,
        )

    def _validate(self) -> None:
        if self.token_ids is not None and any(i < 0 for i in self.token_ids):
            raise ValueError(f"token_ids must be at least 0, got {min(self.token_ids)}")
        if self.logprobs is None:
            return
        if self.token_ids is None or len(self.logprobs) != len(self.token_ids):
            count = None if self.token_ids is None else len(self.token_ids)
            raise ValueError(
                "logprobs must have one entry for each of token_ids, "
                f"got {len(self.logprobs)} for {count}"
            )
        wrong = [x for x in self.logprobs if not x <= 1e-6]  # a rounding error above 0 is none
        if wrong:
            raise ValueError(f"logprobs must be numbers of at most 0, got {wrong[0]}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (str(self), self.token_ids, self.logprobs, self.policy_version)


def _rebuild(
    text: str,
    token_ids: tuple[int, ...] | None,
    logprobs: tuple[float, ...] | None,
    policy_version: int | None,
) -> Completion:
    return Completion(text, token_ids=token_ids, logprobs=logprobs, policy_version=policy_version)


def _first_stop(text: str, stop_strings: Sequence[str]) -> int | None:
    """Return where the stop string that ends first ends in ``text``, or None."""
    ends = [text.find(stop) + len(stop) for stop in stop_strings if stop in text]
    return min(ends, default=None)


def _tokens_to_stop(
    tokenizer: Tokenizer, token_ids: Sequence[int], stop_strings: Sequence[str]
) -> int:
    """Return the least number of leading tokens whose text holds a stop string, by bisection."""
    low, high = 0, len(token_ids)
    while high - low > 1:
        middle = (low + high) // 2
        if _first_stop(tokenizer.decode(token_ids[:middle]), stop_strings) is None:
            low = middle
        else:
            high = middle
    return high


class TokenView(Sequence[int]):
    """The first tokens of an append-only buffer: read-only, and made in constant time.

    It behaves as a tuple of its items: it has a length, compares equal to views, tuples and lists
    of the same items, and pickles alone, without the rest of the buffer. ``numpy.asarray`` of it is
    a fresh array of shape (T,), int64 for ids and bool for masks. It is not an ndarray, because
    Gymnasium's vector environments stack ndarrays in infos and fail on unequal lengths.
    """

    __slots__ = ("_buffer", "_dtype", "_length")
    __hash__ = None  # type: ignore[assignment]  # it equals lists, which have no hash

    def __init__(self, buffer: "array[int] | bytearray", length: int, dtype: str) -> None:
        self._buffer = buffer
        self._length = length
        self._dtype = dtype

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[int, ...]: ...
    def __getitem__(self, index: int | slice) -> int | tuple[int, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(self._length)))
        if not -self._length <= index < self._length:
            raise IndexError(f"index {index} is out of range for {self._length} tokens")
        item = self._buffer[index % self._length]
        return bool(item) if self._dtype == "bool" else item

    def __iter__(self) -> Iterator[int]:
        return iter(self.__array__().tolist())

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001 (NumPy's protocol)
        # Slicing copies under the interpreter's lock; a memoryview held while another thread
        # appends would make that append fail.
        values = np.frombuffer(self._buffer[: self._length], dtype=self._dtype)
        return values.astype(self._dtype if dtype is None else dtype, copy=True)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TokenView):
            return (
                self._dtype == other._dtype
                and self._length == other._length
                and self._buffer[: self._length] == other._buffer[: other._length]
            )
        if isinstance(other, list | tuple):
            return len(other) == self._length and all(
                a == b for a, b in zip(self, other, strict=True)
            )
        return NotImplemented

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._buffer[: self._length], self._length, self._dtype)


class Segment(NamedTuple):
    """One contribution to a transcript; a named tuple, since two are made in every step.

    Attributes:
        author: who wrote it.
        text: as the environment or the policy has it, without what a chat template adds.
        token_ids: its tokens, what a chat template adds included.
        messages: the text view; a prompt may be several messages.
        logprobs: of a completion's tokens, if the policy told them.
        policy_version: of a completion, if the policy told it.
    """

    author: Author
    text: str
    token_ids: tuple[int, ...]
    messages: tuple[Message, ...]
    logprobs: tuple[float, ...] | None = None
    policy_version: int | None = None


class Transcript:
    """The tokens of an episode in the order in which the model saw them. It only grows.

    A *run* is a sequence of turns of which each one's tokens begin with those before it. An episode
    is one run, unless its renderer starts another by `start_run`, since its chat template changes
    what it wrote before. Tokens, mask, log-probabilities and spans are those of the current run;
    segments, messages and text those of the episode; `runs` has them all.

    Args:
        mask_environment: False lets what the environment wrote after the prompt count as generated,
            to show in an ablation what that does; a policy never sampled it.

    >>> transcript = Transcript()
    >>> transcript.add_prompt([{"role": "user", "content": "Hi"}], "Hi", [72, 105])
    >>> transcript.add_completion("!", [33, 256])
    >>> transcript.token_ids, transcript.generated_mask
    (TokenView([72, 105, 33, 256]), TokenView([False, False, True, True]))
    """

    def __init__(self, *, mask_environment: bool = True) -> None:
        self._mask_environment = mask_environment
        self._token_ids: array[int] = array("q")
        self._generated = bytearray()
        self._segments: list[Segment] = []
        self._turn_spans: list[tuple[int, int]] = []
        self._finished_runs: list[Transcript] = []

    def __len__(self) -> int:
        """Return the number of tokens of this run."""
        return len(self._token_ids)

    @property
    def token_ids(self) -> TokenView:
        """All tokens of this run so far, (T,)."""
        return TokenView(self._token_ids, len(self._token_ids), "int64")

    @property
    def generated_mask(self) -> TokenView:
        """True where the policy generated the token, (T,)."""
        return TokenView(self._generated, len(self._generated), "bool")

    @property
    def logprobs(self) -> NDArray[np.float32]:
        """Of the policy's tokens as it told them, (T,); NaN elsewhere and where it told none."""
        logprobs = np.full(len(self._token_ids), np.nan, np.float32)
        for (start, stop), segment in zip(self._turn_spans, self.turns, strict=True):
            if segment.logprobs is not None:
                logprobs[start:stop] = segment.logprobs
        return logprobs

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Everything that was written, in order."""
        return tuple(self._segments)

    @property
    def completions(self) -> tuple[Segment, ...]:
        """The segments of the policy, one for each turn."""
        return tuple(s for s in self._segments if s.author is Author.POLICY)

    @property
    def turn_spans(self) -> tuple[tuple[int, int], ...]:
        """Where the tokens of each turn of the policy in this run start and stop."""
        return tuple(self._turn_spans)

    @property
    def turns(self) -> tuple[Segment, ...]:
        """The segments of the policy in this run, one for each of `turn_spans`."""
        completions = self.completions
        return completions[len(completions) - len(self._turn_spans) :]

    @property
    def runs(self) -> tuple["Transcript", ...]:
        """The runs of this episode, each with all that was said until its end; the last is this."""
        return (*self._finished_runs, self)

    @property
    def messages(self) -> list[Message]:
        """The text view: who said what."""
        return [message for segment in self._segments for message in segment.messages]

    @property
    def text(self) -> str:
        """All segments' texts, concatenated."""
        return "".join(segment.text for segment in self._segments)

    def add_prompt(self, messages: Sequence[Message], text: str, token_ids: Sequence[int]) -> None:
        """Append the text with which the episode starts."""
        self._add(Segment(Author.PROMPT, text, tuple(token_ids), tuple(messages)), generated=False)

    def add_observation(
        self, messages: Sequence[Message], text: str, token_ids: Sequence[int]
    ) -> None:
        """Append text that the environment wrote in answer to a completion."""
        self._add(
            Segment(Author.ENVIRONMENT, text, tuple(token_ids), tuple(messages)),
            generated=not self._mask_environment,
        )

    def start_run(self, messages: Sequence[Message], text: str, token_ids: Sequence[int]) -> None:
        """Append what the environment wrote, and go on from a context that was rendered anew.

        Args:
            messages: what is new.
            text: what is new.
            token_ids: the whole context, which counts as the environment's.
        """
        finished = self.copy()
        finished._finished_runs = []
        self._finished_runs.append(finished)
        self._token_ids, self._generated, self._turn_spans = array("q"), bytearray(), []
        self._add(
            Segment(Author.ENVIRONMENT, text, tuple(token_ids), tuple(messages)), generated=False
        )

    def add_completion(
        self,
        text: str,
        token_ids: Sequence[int],
        *,
        logprobs: tuple[float, ...] | None = None,
        policy_version: int | None = None,
    ) -> None:
        """Append what the policy wrote.

        Args:
            text: the completion.
            token_ids: the ids as sampled, or an encoding of the text if there are none.
            logprobs: of the sampled ids.
            policy_version: of the weights that wrote it.
        """
        start = len(self._token_ids)
        self._turn_spans.append((start, start + len(token_ids)))
        message: Message = {"role": "assistant", "content": text}
        self._add(
            Segment(Author.POLICY, text, tuple(token_ids), (message,), logprobs, policy_version),
            generated=True,
        )

    def copy(self) -> "Transcript":
        """Return a transcript that grows on its own from here."""
        copied = Transcript(mask_environment=self._mask_environment)
        copied._token_ids = self._token_ids[:]
        copied._generated = self._generated[:]
        copied._segments = self._segments[:]
        copied._turn_spans = self._turn_spans[:]
        copied._finished_runs = self._finished_runs[:]  # they no longer grow
        return copied

    def _add(self, segment: Segment, *, generated: bool) -> None:
        self._segments.append(segment)
        self._token_ids.fromlist(list(segment.token_ids))  # twice as fast as extend
        self._generated.extend((b"\x01" if generated else b"\x00") * len(segment.token_ids))
