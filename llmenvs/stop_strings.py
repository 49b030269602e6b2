"""Cutting what a policy wrote after the first stop string, as text and as tokens."""

from collections.abc import Sequence

from llmenvs.tokenizers import Tokenizer
from llmenvs.transcript import Completion


def end_of_first_stop(text: str, stop_strings: Sequence[str]) -> int | None:
    """Return where the stop string that ends first ends in ``text``; None where there is none.

    >>> end_of_first_stop("<search>a</search> b</answer>", ["</answer>", "</search>"])
    18
    """
    starts = ((text.find(stop), len(stop)) for stop in stop_strings)
    return min((start + length for start, length in starts if start >= 0), default=None)


def cut_after_stop(action: str, stop_strings: Sequence[str], tokenizer: Tokenizer) -> str:
    """Return ``action`` up to and with the first stop string, or itself where nothing follows.

    A `Completion` with token ids loses the tokens after the one that completes the stop string,
    which is kept whole, and their log-probabilities. Ids out of the vocabulary are left for the
    environment to refuse.
    """
    end = end_of_first_stop(action, stop_strings)
    text = str(action) if end is None else action[:end]
    if not isinstance(action, Completion):
        return text
    ids = action.token_ids
    if ids and max(ids) < tokenizer.vocab_size:
        decoded = tokenizer.decode(ids)
        end_of_ids = end_of_first_stop(decoded, stop_strings)
        if end_of_ids is not None and end_of_ids < len(decoded):
            return Completion.from_tokens(
                tokenizer,
                ids,
                logprobs=action.logprobs,
                stop_strings=stop_strings,
                policy_version=action.policy_version,
            )
    if len(text) == len(action):
        return action
    return Completion(
        text, token_ids=ids, logprobs=action.logprobs, policy_version=action.policy_version
    )
