"""Whether a completion that grows by a token has come to a stop string, without reading all of it.

Only its last tokens are decoded, enough of them that no stop string that ends in the new token can
begin before: a token that decodes to something has a byte at least, so a stop string of n
characters ends within 4 n such tokens. What is found there is looked for in the whole completion
too, since a piece that begins in the middle of a character reads differently. So the answer is that
of decoding everything each time, whatever the stop string: one that ends inside a token, or in a
character of several tokens.
"""

from collections.abc import Sequence

from llmenvs.tokenizers import Tokenizer

_BYTES_PER_CHARACTER = 4  # UTF-8, at most
_MARGIN = 8  # tokens, for decoders that drop a space at the beginning or before a comma


class StopStrings:
    """The stop strings of one prompt.

    Args:
        tokenizer: of the completion.
        stop_strings: none of them empty.

    >>> from llmenvs.tokenizers import ByteTokenizer
    >>> stop_strings = StopStrings(ByteTokenizer(), ["</answer>"])
    >>> stop_strings.is_in(list(b"<answer>4</answer")), stop_strings.is_in(list(b"4</answer>"))
    (False, True)
    """

    def __init__(self, tokenizer: Tokenizer, stop_strings: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._stop_strings = [stop for stop in stop_strings if stop]
        longest = max(map(len, self._stop_strings), default=0)
        self._num_tokens = _BYTES_PER_CHARACTER * longest + _MARGIN
        self._is_empty: dict[int, bool] = {}

    def is_in(self, token_ids: Sequence[int]) -> bool:
        """Return whether the text of ``token_ids`` has one; it had none without the last token."""
        if not self._stop_strings:
            return False
        start = self._window(token_ids)
        return self._has_stop(token_ids[start:]) and (start == 0 or self._has_stop(token_ids))

    def _has_stop(self, token_ids: Sequence[int]) -> bool:
        text = self._tokenizer.decode(token_ids)
        return any(stop in text for stop in self._stop_strings)

    def _window(self, token_ids: Sequence[int]) -> int:
        """Return where the last tokens begin, not counting those that decode to nothing."""
        needed = self._num_tokens
        for start in range(len(token_ids) - 1, -1, -1):
            needed -= not self._decodes_to_nothing(token_ids[start])
            if needed == 0:
                return start
        return 0

    def _decodes_to_nothing(self, token_id: int) -> bool:
        found = self._is_empty.get(token_id)
        if found is None:
            found = self._is_empty[token_id] = not self._tokenizer.decode([token_id])
        return found
