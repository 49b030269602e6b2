"""A tool's result cut to a number of tokens, with a mark that says so."""

from llmenvs.tokenizers import Tokenizer

_CHARACTERS_PER_TOKEN = 16
"""No tokenizer of text packs more into a token on average; beyond that nothing need be encoded."""


class Truncation:
    """Cuts texts to a number of tokens.

    Args:
        tokenizer: counts.
        max_tokens: of a text, the mark not included.

    >>> from llmenvs.tokenizers import ByteTokenizer
    >>> Truncation(ByteTokenizer(), 4).cut("abcdefgh")
    'abcd… [cut: 4 of 8 characters are left out]'
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens

    def cut(self, text: str) -> str:
        """Return ``text``, or as much of its beginning as fits, and how much is left out."""
        # A token is at least a byte of text, so a short text fits without being encoded.
        if len(text) * 4 <= self._max_tokens:
            return text
        head = text[: self._max_tokens * _CHARACTERS_PER_TOKEN]
        if head == text and len(self._tokenizer.encode(text)) <= self._max_tokens:
            return text
        kept = self._longest_that_fits(head)
        return f"{head[:kept]}… [cut: {len(text) - kept} of {len(text)} characters are left out]"

    def _longest_that_fits(self, text: str) -> int:
        """Return how many characters of ``text`` fit, by halving."""
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if len(self._tokenizer.encode(text[:middle])) <= self._max_tokens:
                low = middle
            else:
                high = middle - 1
        return low
