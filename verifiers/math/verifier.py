r"""Check a final answer in mathematics against its target.

Three stages: `extract` finds the answer in the completion, `answers` reads it as a typed tree with
our own bounded parser, `compare` decides. Nothing that a completion holds is evaluated as code.
"""

import functools
import re
from dataclasses import dataclass

from llmenvs.verifiers.math.answers import Answer, read_answer, squash
from llmenvs.verifiers.math.client import (
    WORKER,
    AlgebraBudget,
    TargetFailedError,
    TargetOverBudgetError,
    WorkerLostError,
    WorkerTimeoutError,
)
from llmenvs.verifiers.math.compare import Comparer
from llmenvs.verifiers.math.evaluated import is_evaluated
from llmenvs.verifiers.math.extract import DEFAULT_PRIORITIES, Extraction, Source, extract
from llmenvs.verifiers.math.lexer import DEFAULT_READING, Reading
from llmenvs.verifiers.math.limits import Meter, OverBudgetError
from llmenvs.verifiers.math.nodes import (
    Call,
    Constant,
    Node,
    Number,
    Relation,
    Sequence,
    Symbol,
    Text,
    contains_call,
    walk,
)
from llmenvs.verifiers.math.numeric import ALGEBRAIC, LOW_DIGITS, Evaluator, UnevaluableError
from llmenvs.verifiers.math.prose import is_wordy
from llmenvs.verifiers.math.shapes import expand
from llmenvs.verifiers.verdict import Status, Verdict

_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class MathVerifier:
    r"""Score 1.0 if the final answer equals the target, else 0.0.

    Attributes:
        require_evaluated: refuse an answer that still has to be computed, such as ``2 \times 3``
            for 6, ``\frac{6}{8}`` for three quarters or ``\binom{8}{3}`` for 56.
        priorities: where an answer can stand in a completion, the most trusted first.

    A verdict takes at most about a second of CPU time, the worker's included. An answer that needs
    more is wrong; a target that needs more on its own is a TIMEOUT.

    >>> MathVerifier()(r"So the area is \boxed{\frac{\sqrt{12}}{4}}.", r"\frac{\sqrt{3}}{2}").score
    1.0
    """

    require_evaluated: bool = False
    priorities: tuple[Source, ...] = DEFAULT_PRIORITIES

    def __call__(self, completion: str, target: str) -> Verdict:
        r"""Judge ``completion``, which holds only what the policy wrote.

        Args:
            completion: any text.
            target: the right answer: bare, in math delimiters, or in a ``\boxed{…}``.

        Raises:
            ValueError: ``target`` is no text, or empty.
        """
        if not isinstance(target, str) or not target.strip():
            raise ValueError(f"target must be a text with an answer, got {target!r}")
        shown: str | None = None
        try:
            found = extract(completion, self.priorities) if isinstance(completion, str) else None
            if found is None:
                return Verdict.no_answer("no final answer was found")
            shown = found.candidates[-1][:_SHOWN_CHARS] if found.candidates else None
            return self._judge(found, target)
        except WorkerTimeoutError as error:
            return Verdict.undecided(Status.TIMEOUT, reason=str(error), extracted=shown)
        except (WorkerLostError, OSError) as error:
            return Verdict.undecided(Status.ERROR, reason=str(error), extracted=shown)
        except Exception as error:
            reason = f"the verifier failed: {type(error).__name__}"
            return Verdict.undecided(Status.ERROR, reason=reason, extracted=shown)

    def _judge(self, found: Extraction, target: str) -> Verdict:
        expected = _read_target(target)
        if expected is None:
            return Verdict.undecided(Status.TIMEOUT, reason="the target is over budget")
        meter = Meter()
        shown = found.candidates[-1]
        try:
            answer = _read_found(found, expected, meter)
            shown = answer.text
            comparer = Comparer(meter, AlgebraBudget(WORKER).equal)
            if found.hedged and not _all_right(found, expected, comparer):
                return _wrong('boxes joined by "or" are a hedge', shown)
            if not _same(expected, answer, comparer):
                return _wrong("not equal to the target", shown)
        except (TargetOverBudgetError, TargetFailedError) as error:
            # A chain of equations in the answer is compared within itself: then it is the answer
            # that stands in the target's place, and to blame.
            if contains_call(expected.node, ALGEBRAIC):
                raise
            return _wrong(f"over budget: {error}", shown)
        except (OverBudgetError, RecursionError) as error:
            if _over_budget(expected.node):
                return Verdict.undecided(Status.TIMEOUT, reason="the target is over budget")
            return _wrong(f"over budget: {error}", shown)
        if self.require_evaluated and not is_evaluated(answer, expected):
            return _wrong("equal to the target, but not evaluated", shown)
        return Verdict.scored(1.0, success=True, reason="equal to the target",
                              extracted=shown[:_SHOWN_CHARS])  # fmt: skip


def verify_math(completion: str, target: str) -> Verdict:
    r"""Judge ``completion`` with the default settings.

    >>> verify_math("The answer is 0.5.", r"\frac12").success
    True
    """
    return _DEFAULT(completion, target)


_DEFAULT = MathVerifier()


def _wrong(reason: str, shown: str) -> Verdict:
    return Verdict.scored(0.0, success=False, reason=reason, extracted=shown[:_SHOWN_CHARS])


@functools.lru_cache(maxsize=4096)
def _read_target(target: str) -> Answer | None:
    """Return what the target means, or None where reading it is over budget."""
    try:
        text = target
        prose = len(target) > 40 and is_wordy(target)
        if prose or r"\boxed" in target or r"\fbox" in target:
            found = extract(target, unclosed=True)
            if found is not None and found.source is Source.BOXED:
                text = ", ".join(found.boxes)
            elif found is not None and found.source is Source.STATEMENT:
                text = found.candidates[0]
        return read_answer(text)
    except (OverBudgetError, RecursionError):
        return None


def _several(node: Node) -> bool:
    """Return whether a target has several values, or a value of several parts."""
    spread = expand(node)
    if isinstance(spread, Relation):
        return isinstance(spread.operands[-1], Sequence)
    return isinstance(spread, Sequence) and len(spread.items) > 1


def _read_found(found: Extraction, expected: Answer, meter: Meter) -> Answer:
    """Return the answer: the first candidate that is mathematics, or the last one as text."""
    candidates = list(found.candidates)
    if len(found.boxes) > 1 and _several(expected.node):
        last = _read_as(found.boxes[-1], expected, meter)
        alone = isinstance(last.node, Sequence) and (
            isinstance(expected.node, Sequence)
            and (len(last.node.items), last.node.kind)
            == (len(expected.node.items), expected.node.kind)
        )
        if not alone:
            candidates = [", ".join(found.boxes)]
    answer: Answer | None = None
    for candidate in candidates:
        answer = _read_as(candidate, expected, meter)
        if not isinstance(answer.node, Text):
            break
    return answer or Answer("", Text(""))


_PAIR = re.compile(r"-?\d+,\d+")
_LETTER_E = re.compile(r"\d[eE][+-]?\d")


def _read_as(text: str, expected: Answer, meter: Meter) -> Answer:
    """Return what ``text`` means, its ambiguous notations read in the way of the target."""
    reading = DEFAULT_READING
    if _LETTER_E.search(text):
        euler = any(item == Constant("e") for item in walk(expected.node))
        reading = Reading(scientific=not euler)
    answer = read_answer(text, reading, meter)
    if "," in text:
        plural = _several(expected.node)
        if plural and isinstance(answer.node, Number):
            return read_answer(text, Reading(grouping=False), meter)
        if not plural and _PAIR.fullmatch(answer.text) and isinstance(answer.node, Sequence):
            return read_answer(text, Reading(decimal_comma=True), meter)
    return answer


_DECIMAL_COMMA = re.compile(r"-?(?:\d+,\d{2}|0,\d+|\d{4,},\d+)")


def _same(expected: Answer, answer: Answer, comparer: Comparer) -> bool:
    target, given = expected.node, answer.node
    if isinstance(target, Text) or isinstance(given, Text):
        return _same_text(expected, answer)
    if _DECIMAL_COMMA.fullmatch(expected.text) and not isinstance(given, Sequence):
        target = read_answer(expected.text, Reading(decimal_comma=True)).node
    if comparer.same(target, given):
        return True
    if _is_choice(target):
        return _chosen(answer.text) == target
    return _is_word(expected.text) and expected.text.casefold() == answer.text.casefold()


def _is_word(text: str) -> bool:
    """Return whether ``text`` is a bare word such as ``Yes``, which case does not change."""
    return text.isalpha() and len(text) > 2


def _same_text(expected: Answer, answer: Answer) -> bool:
    ours, theirs = squash(expected.text), squash(answer.text)
    if ours == theirs or expected.node == answer.node:
        return True
    if _is_choice(expected.node):
        return _chosen(answer.text) == expected.node
    parts = [sorted(re.split(r"\s*(?:,|;|\band\b)\s*", text)) for text in (ours, theirs)]
    return len(parts[0]) > 1 and parts[0] == parts[1]


_CHOICE = re.compile(
    r"(?:\\text\s*\{)?\s*(?:(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s+)?"
    r"(?:\(([A-Ja-j])\)|([A-J])(?:[).:]|$))"
)


def _is_choice(node: Node) -> bool:
    return isinstance(node, Symbol) and node.name in "ABCDEFGHIJ"


def _chosen(text: str) -> Node | None:
    """Return the letter of a multiple choice that stands before its text: ``(B) 12``."""
    match = _CHOICE.match(text)
    return Symbol((match.group(1) or match.group(2)).upper()) if match is not None else None


def _all_right(found: Extraction, expected: Answer, comparer: Comparer) -> bool:
    answers = (_read_as(box, expected, comparer.meter) for box in found.boxes)
    return all(_same(expected, answer, comparer) for answer in answers)


def _over_budget(node: Node) -> bool:
    """Return whether the target alone takes more work than it may."""
    try:
        for item in walk(node):
            if isinstance(item, Call):
                Evaluator(LOW_DIGITS, Meter()).value(item)
                break
    except (OverBudgetError, RecursionError):
        return True
    except UnevaluableError:
        return False
    return False
