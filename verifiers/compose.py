"""Make one verifier of several: a weighted sum, a product, or a gate.

All parts are kept: each verifier's score under its name, and its own parts under ``name/part``.
Where one of them cannot decide, neither can the whole: the sum of what is left would be another
reward. A gate that is closed does not ask the rest.

The verifiers get the same completion. They get the same target too, unless ``targets`` names the
entry of a target mapping that is theirs, or None for those that take none.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from llmenvs.verifiers.verdict import Status, Verdict, Verifier

SAME = "*"
"""Stands in ``targets`` for the whole target."""

Targets = Mapping[str, str | None]
_SHOWN_CHARS = 300


class WeightedSum:
    """Score the weighted sum of the scores; a success is where all of ``required`` succeed.

    The weights are taken as they are: with weights that add up to 1 over scores in [0, 1] the score
    is in [0, 1]. A weight may be negative, or the score of a punishment.

    Args:
        verifiers: name -> verifier, at least one.
        weights: name -> finite weight, for each of them.
        required: names of those that must succeed; by default all with a positive weight.
        targets: name -> the key of its target in a mapping, None for no target, or `SAME`; those
            that are not named get the whole target.

    Raises:
        ValueError: the names do not agree, or a weight is not finite; on a call, the target lacks
            an entry, or a verifier refuses its target.

    >>> from llmenvs.verifiers import FormatVerifier, MathVerifier
    >>> verifier = WeightedSum(
    ...     {"format": FormatVerifier("r1"), "answer": MathVerifier()},
    ...     weights={"format": 0.2, "answer": 0.8},
    ...     targets={"format": None},
    ... )
    >>> verifier("So it is 4", "4").score
    0.8
    """

    def __init__(
        self,
        verifiers: Mapping[str, Verifier],
        *,
        weights: Mapping[str, float],
        required: tuple[str, ...] | None = None,
        targets: Targets | None = None,
    ) -> None:
        self._components = _Components(verifiers, targets)
        self.blocking = self._components.blocking
        if set(weights) != set(verifiers) or not all(map(math.isfinite, weights.values())):
            raise ValueError(
                f"weights must be finite and for {sorted(verifiers)}, got {dict(weights)!r}"
            )
        positive = tuple(name for name in verifiers if weights[name] > 0)
        self.required = positive if required is None else tuple(required)
        if not set(self.required) <= set(verifiers):
            raise ValueError(f"required must be of {sorted(verifiers)}, got {self.required!r}")
        self.weights = dict(weights)

    def __call__(self, completion: str, target: Any = None) -> Verdict:
        """Judge ``completion`` by all the verifiers."""
        verdicts = self._components.judge(completion, target)
        undecided = _undecided(verdicts)
        if undecided is not None:
            return undecided
        score = math.fsum(self.weights[name] * _score(verdicts[name]) for name in verdicts)
        success = all(verdicts[name].success for name in self.required)
        return _combined(score, verdicts, success=success)


class Product:
    """Score the product of the scores; a success is where all succeed.

    The verifiers' scores should be in [0, 1]: two punishments would multiply to a reward, so that a
    negative score counts as 0.

    Args:
        verifiers: name -> verifier, at least one.
        targets: as of `WeightedSum`.

    Raises:
        ValueError: there is no verifier, or ``targets`` names none of them; on a call, as
            `WeightedSum`.

    >>> from llmenvs.verifiers import LengthVerifier, MathVerifier
    >>> short = LengthVerifier(max_length=13, margin=8)
    >>> verifier = Product({"short": short, "answer": MathVerifier()}, targets={"short": None})
    >>> verifier("I believe it is 4", "4").parts["short"], verifier("It is 4", "4").score
    (0.5, 1.0)
    """

    def __init__(
        self, verifiers: Mapping[str, Verifier], *, targets: Targets | None = None
    ) -> None:
        self._components = _Components(verifiers, targets)
        self.blocking = self._components.blocking

    def __call__(self, completion: str, target: Any = None) -> Verdict:
        """Judge ``completion`` by all the verifiers."""
        verdicts = self._components.judge(completion, target)
        undecided = _undecided(verdicts)
        if undecided is not None:
            return undecided
        score = math.prod(max(0.0, _score(verdict)) for verdict in verdicts.values())
        success = all(verdict.success for verdict in verdicts.values())
        return _combined(score, verdicts, success=success)


class Gate:
    """Score what ``reward`` scores where ``condition`` succeeds, else ``closed``.

    "Accuracy counts only if the format holds". Where the condition fails, the reward is not looked
    at, so that a check that costs much is spared. A success is where both succeed.

    Args:
        condition: the verifier that opens the gate, by its success.
        reward: the verifier whose score counts.
        closed: the score where the gate is closed; finite.
        targets: as of `WeightedSum`, for the names "condition" and "reward".

    Raises:
        ValueError: ``closed`` is not finite, or ``targets`` has another name; on a call, as
            `WeightedSum`.

    >>> from llmenvs.verifiers import FormatVerifier, MathVerifier
    >>> verifier = Gate(FormatVerifier("r1"), MathVerifier(), targets={"condition": None})
    >>> verifier("<think>2 + 2</think><answer>4</answer>", "4").score, verifier("4", "4").score
    (1.0, 0.0)
    """

    def __init__(
        self,
        condition: Verifier,
        reward: Verifier,
        *,
        closed: float = 0.0,
        targets: Targets | None = None,
    ) -> None:
        if not math.isfinite(closed):
            raise ValueError(f"closed must be finite, got {closed!r}")
        self._components = _Components({"condition": condition, "reward": reward}, targets)
        self.blocking = self._components.blocking
        self.closed = closed

    def __call__(self, completion: str, target: Any = None) -> Verdict:
        """Judge ``completion`` by the condition and, where it succeeds, by the reward."""
        verdicts: dict[str, Verdict] = {}
        for name, verdict in self._components.in_turn(completion, target):
            verdicts[name] = verdict
            if name == "condition" and verdict.success is not True:
                break
        condition = verdicts["condition"]
        if condition.success is False:
            return _combined(self.closed, verdicts, success=False)
        undecided = _undecided(verdicts)
        if undecided is not None:
            return undecided
        reward = verdicts["reward"]
        return _combined(_score(reward), verdicts, success=bool(reward.success))


class _Components:
    """The verifiers of a composition, and which target each of them gets."""

    def __init__(self, verifiers: Mapping[str, Verifier], targets: Targets | None) -> None:
        if not verifiers:
            raise ValueError("a composition must have at least one verifier")
        unknown = set(targets or {}) - set(verifiers)
        if unknown:
            raise ValueError(f"targets must be for {sorted(verifiers)}, got {sorted(unknown)}")
        self.verifiers = dict(verifiers)
        self.targets = dict(targets or {})

    @property
    def blocking(self) -> bool:
        """Whether one of them waits for a sandbox, see `CodeVerifier`."""
        return any(getattr(verifier, "blocking", False) for verifier in self.verifiers.values())

    def in_turn(self, completion: str, target: Any) -> Iterator[tuple[str, Verdict]]:
        """Yield each name and verdict; every target is looked up first, so that none is missed."""
        own = {name: self._target(name, target) for name in self.verifiers}
        for name, verifier in self.verifiers.items():
            yield name, verifier(completion, own[name])

    def judge(self, completion: str, target: Any) -> dict[str, Verdict]:
        """Return the verdict of each."""
        return dict(self.in_turn(completion, target))

    def _target(self, name: str, target: Any) -> Any:
        key = self.targets.get(name, SAME)
        if key is None or key == SAME:
            return None if key is None else target
        if not isinstance(target, Mapping) or key not in target:
            raise ValueError(f"target must have {key!r}, which {name!r} needs, got {target!r}")
        return target[key]


def _undecided(verdicts: Mapping[str, Verdict]) -> Verdict | None:
    """Return the verdict on the whole where one of the parts has none."""
    for name, verdict in verdicts.items():
        if not verdict.decided:
            return Verdict(
                None,
                None,
                verdict.status,
                _parts(verdicts),
                f"{name}: {verdict.reason}",
                verdict.extracted,
            )
    return None


def _combined(score: float, verdicts: Mapping[str, Verdict], *, success: bool) -> Verdict:
    """Return the verdict on the whole where every part that counts has one."""
    shown = "; ".join(
        f"{name}: {verdict.reason[:_SHOWN_CHARS]}" for name, verdict in verdicts.items()
    )
    extracted = [v.extracted for v in verdicts.values() if v.extracted is not None]
    nothing = all(verdict.status is Status.NO_ANSWER for verdict in verdicts.values())
    status = Status.NO_ANSWER if nothing else Status.SCORED
    last = extracted[-1] if extracted else None
    return Verdict(score, success, status, _parts(verdicts), shown, last)


def _parts(verdicts: Mapping[str, Verdict]) -> dict[str, float]:
    parts: dict[str, float] = {}
    for name, verdict in verdicts.items():
        if verdict.score is not None:
            parts[name] = verdict.score
        parts.update({f"{name}/{part}": value for part, value in verdict.parts.items()})
    return parts


def _score(verdict: Verdict) -> float:
    return 0.0 if verdict.score is None else verdict.score
