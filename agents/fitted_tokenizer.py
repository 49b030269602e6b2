"""A byte-level BPE fitted to an environment's texts, so that a small model reads few tokens."""

from collections.abc import Iterable

from llmenvs.tokenizers import FastTokenizer

_END_OF_TURN = "<|end|>"


def fit_tokenizer(texts: Iterable[str], *, vocab_size: int) -> FastTokenizer:
    """Return a tokenizer with byte fallback, whose merges come from ``texts``.

    A token may span words: there is no split before merging, so that a sentence which the
    environment always says becomes one token.

    Args:
        texts: the messages to fit it to.
        vocab_size: at least 257, for the bytes and the end of a turn.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[_END_OF_TURN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return FastTokenizer(tokenizer, end_of_turn=_END_OF_TURN)
