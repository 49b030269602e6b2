"""What an environment needs of a tokenizer, the byte tokenizer, and adapters for Hugging Face's.

Text is encoded literally: where a page or a policy spells ``<|im_end|>``, those are characters, not
the special token, or any text could end a turn. Special tokens enter only as ids.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Tokenizer(Protocol):
    """A map between text and ids from 0 to ``vocab_size - 1``, without special tokens added."""

    @property
    def vocab_size(self) -> int:
        """One more than the largest id."""
        ...

    @property
    def end_of_turn_id(self) -> int | None:
        """The id with which a policy ends its turn; None if the tokenizer has none."""
        ...

    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``; defined for every string, lone surrogates included."""
        ...

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of ``token_ids``, special tokens left out."""
        ...


class ByteTokenizer:
    """UTF-8 bytes as ids 0 to 255, and 256 to end a turn.

    A lone surrogate is encoded as its three bytes; bytes that are not UTF-8 decode to U+FFFD.

    >>> ByteTokenizer().encode("é!")
    [195, 169, 33]
    >>> ByteTokenizer().decode([72, 105, 256])
    'Hi'
    """

    vocab_size = 257
    end_of_turn_id: int | None = 256

    def encode(self, text: str) -> list[int]:
        """Return the UTF-8 bytes of ``text``."""
        return list(text.encode("utf-8", "surrogatepass"))

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of the bytes among ``token_ids``."""
        return bytes(i for i in token_ids if i < 256).decode("utf-8", "replace")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByteTokenizer)

    def __hash__(self) -> int:
        return hash(ByteTokenizer)


class TransformersTokenizer:
    """A tokenizer of the ``transformers`` package; ``end_of_turn_id`` is its end-of-sequence token.

    Args:
        tokenizer: a `transformers.PreTrainedTokenizerBase`.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.vocab_size: int = len(tokenizer)
        self.end_of_turn_id: int | None = tokenizer.eos_token_id

    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``, in which special tokens are spelled out."""
        if not text:
            return []
        ids: list[int] = self.tokenizer.encode(
            _without_surrogates(text), add_special_tokens=False, split_special_tokens=True
        )
        return ids

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of ``token_ids``, special tokens left out."""
        text: str = self.tokenizer.decode(
            list(token_ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text


class FastTokenizer:
    """A `tokenizers.Tokenizer`, the Rust object itself.

    Args:
        tokenizer: it is set to encode special tokens as plain text.
        end_of_turn: the token, such as ``"<|im_end|>"``, that ends a turn, if there is one.

    Raises:
        ValueError: ``end_of_turn`` is not in the vocabulary.
    """

    def __init__(self, tokenizer: Any, *, end_of_turn: str | None = None) -> None:
        tokenizer.encode_special_tokens = True
        self.tokenizer = tokenizer
        self.vocab_size: int = tokenizer.get_vocab_size(with_added_tokens=True)
        self.end_of_turn_id: int | None = None
        if end_of_turn is not None:
            self.end_of_turn_id = tokenizer.token_to_id(end_of_turn)
            if self.end_of_turn_id is None:
                raise ValueError(f"end_of_turn must be in the vocabulary, got {end_of_turn!r}")

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        # The flag is not part of the JSON as which the Rust object pickles.
        self.tokenizer.encode_special_tokens = True

    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``, in which special tokens are spelled out."""
        if not text:
            return []
        ids: list[int] = self.tokenizer.encode(
            _without_surrogates(text), add_special_tokens=False
        ).ids
        return ids

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of ``token_ids``, special tokens left out."""
        text: str = self.tokenizer.decode(list(token_ids), skip_special_tokens=True)
        return text


def as_tokenizer(tokenizer: Any) -> Tokenizer:
    """Return ``tokenizer`` as a `Tokenizer`, adapting those of transformers and tokenizers.

    Neither package is imported: the class of the object tells where it is from.

    Raises:
        TypeError: it is none of the three kinds.
    """
    for ancestor in type(tokenizer).__mro__:
        package = ancestor.__module__.partition(".")[0]
        if package == "transformers":
            return TransformersTokenizer(tokenizer)
        if package == "tokenizers":
            return FastTokenizer(tokenizer)
    if isinstance(tokenizer, Tokenizer):
        return tokenizer
    raise TypeError(
        "tokenizer must have vocab_size, end_of_turn_id, encode and decode, or come from "
        f"transformers or tokenizers, got {type(tokenizer).__name__}"
    )


def _without_surrogates(text: str) -> str:
    """Replace lone surrogates, which no Rust string can hold, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
