"""How much does a completion repeat itself? A penalty for n-grams that come again.

Yeo et al., 2025, arXiv:2502.03373, appendix C.2, as open-r1 and TRL have it: the share of n-grams
that are not distinct, times ``max_penalty``. It sees loops, which are the cheapest way to length.
"""

from collections.abc import Hashable, Sequence
from typing import Any

from llmenvs.verifiers.length import Encode, Unit, check_unit, refuse_target
from llmenvs.verifiers.verdict import Verdict


def repeated_share(items: Sequence[Hashable], *, ngram: int) -> float:
    """Return the share of n-grams that came before, in [0, 1); 0.0 where there are none.

    Raises:
        ValueError: ``ngram`` is below 1.

    >>> repeated_share([5, 5, 5, 5, 5], ngram=2)
    0.75
    """
    if ngram < 1:
        raise ValueError(f"ngram must be at least 1, got {ngram}")
    total = len(items) - ngram + 1
    if total < 1:
        return 0.0
    distinct = set(zip(*(items[shift:] for shift in range(ngram)), strict=False))
    return 1 - len(distinct) / total


class RepetitionVerifier:
    """Score 0.0 for a completion that repeats no n-gram, down to ``max_penalty`` for a loop.

    The score is in [``max_penalty``, 0] and is meant to be added to that of an answer. A success is
    a repeated share of at most ``max_repeated``. ``target`` is None.

    Args:
        ngram: items of an n-gram, at least 1.
        max_penalty: below 0, or 0.
        max_repeated: largest share of repeated n-grams of a success, in [0, 1].
        unit: what the items are: "words", in lower case as in open-r1, "characters" (for scripts
            without spaces) or "tokens", as in TRL.
        tokenizer: as of `LengthVerifier`.

    Raises:
        ValueError: an argument is out of range; on a call, ``target`` is not None.

    >>> RepetitionVerifier(ngram=2)("so so so so so", None).score
    -0.75
    """

    def __init__(
        self,
        *,
        ngram: int = 3,
        max_penalty: float = -1.0,
        max_repeated: float = 0.2,
        unit: Unit = "words",
        tokenizer: Encode | None = None,
    ) -> None:
        repeated_share((), ngram=ngram)
        if not float("-inf") < max_penalty <= 0 or not 0 <= max_repeated <= 1:
            raise ValueError(
                "need a finite max_penalty <= 0 and 0 <= max_repeated <= 1, "
                f"got {max_penalty=} and {max_repeated=}"
            )
        check_unit(unit, tokenizer)
        self.ngram = ngram
        self.max_penalty = max_penalty
        self.max_repeated = max_repeated
        self.unit = unit
        self.tokenizer = tokenizer

    def __call__(self, completion: str, target: Any = None) -> Verdict:
        """Judge how much ``completion`` repeats itself."""
        refuse_target(target)
        share = repeated_share(self._items(completion), ngram=self.ngram)
        return Verdict.scored(
            share * self.max_penalty if share else 0.0,  # not -0.0
            success=share <= self.max_repeated,
            parts={"repeated": share},
            reason=f"{share:.0%} of its {self.ngram}-grams came before",
        )

    def _items(self, completion: str) -> Sequence[Hashable]:
        if self.tokenizer is not None:
            return self.tokenizer(completion)
        return completion if self.unit == "characters" else completion.lower().split()
