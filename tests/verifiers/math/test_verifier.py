"""Every completion gets a verdict that is cheap, deterministic and blames the right one."""

import asyncio
import multiprocessing
import pickle
import resource
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmenvs.verifiers.math import MathVerifier, Source, verify_math
from llmenvs.verifiers.verdict import Status, Verifier

PIECES = r"""
\frac \sqrt { } ( ) [ ] \{ \} ^ _ + - \cdot / ! | , ; : = < \le \cup \in x y n e i 2 7 10 0.5
\pi \sin \log \sum \int dx \begin{pmatrix} \end{pmatrix} & \\ \text{cm} % $ \pm \binom \infty
\ldots f( or and \boxed{ \overline _2 \left \right ° ½ ² \lim \to 9! ^{99} ' \!
"""
TEX = st.lists(st.sampled_from(PIECES.split()), max_size=40).map(" ".join)
TARGETS = ["7", r"\frac{1}{2}", "x^2+1", "(1,2)", r"\{1,2\}", "x>3", "B", r"5\text{ cm}", "y=2x+3"]

HOSTILE = {
    "power tower": r"\dfrac{5^{(5^{(5^{(5^5)})}-4)}-5}{16}",
    "factorials": "((9!)!)!",
    "a million digits": "7" * 1_000_000,
    "long sum": "1+" * 20_000 + "x",
    "harmonic": "+".join(rf"\frac{{1}}{{{k}}}" for k in range(1, 1_500)),
    "deep brackets": "(" * 900 + "x" + ")" * 900,
    "deep fractions": r"\frac{1}{1+" * 300 + "x" + "}" * 300,
    "deep roots": r"\sqrt{" * 500 + "2" + "}" * 500,
    "prefixes": r"\sin" * 5_000 + "x",
    "signs": "-" * 15_000 + "7",
    "towers of x": "x" + "^x" * 5_000,
    "open braces": "{" * 5_000,
    "bars": "|" * 5_000,
    "thousand roots": r"\{" + ",".join(rf"\sqrt{{{k}}}" for k in range(2, 900)) + r"\}",
    "matrix product": r"\begin{pmatrix}x&y\\y&x\end{pmatrix}" * 40,
    "units": "5" + " cm" * 5_000,
    "big binomial": r"\binom{10^9}{5\cdot 10^8}",
    "huge exponent": "1e99999999",
    "nested sums": r"\sum_{k=1}^{1000}\sum_{j=1}^{1000}\sum_{m=1}^{1000} kjm",
    "superscripts": "²" * 5_000,
    "text": r"\text{" * 5_000,
    "names of Python": '__import__("os").system("true")',
}


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def test_it_is_a_verifier() -> None:
    assert isinstance(MathVerifier(), Verifier)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("target", ["7", "x^2", r"\{1,2\}"])
def test_hostile_answers_are_wrong_and_cheap(name: str, target: str) -> None:
    before = _cpu_s()
    verdict = verify_math(f"\\boxed{{{HOSTILE[name]}}}", target)
    spent_s = _cpu_s() - before

    assert verdict.score == 0.0
    assert spent_s < 1.0  # the limit that the documentation states, not a measure of speed


@pytest.mark.parametrize(
    "text", [r"\boxed{" * 150_000, "$" * 10**6, "answer is " * 10**5, "<" * 10**6]
)
def test_a_megabyte_of_anything_is_searched_within_the_limit(text: str) -> None:
    before = _cpu_s()
    verify_math(text, "7")

    assert _cpu_s() - before < 1.0


@pytest.mark.parametrize(
    "text", ["", "\ud800", "\x00", "\\", "\\boxed{", "\\boxed{}", "{}", "$", "%"]
)
def test_odd_completions_have_no_answer_or_a_wrong_one(text: str) -> None:
    assert verify_math(text, "7").score == 0.0


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=200), st.sampled_from(TARGETS))
def test_no_text_raises_or_fails(text: str, target: str) -> None:
    assert verify_math(f"\\boxed{{{text}}}", target).status in {Status.SCORED, Status.NO_ANSWER}
    assert verify_math(text, target).status in {Status.SCORED, Status.NO_ANSWER}


@settings(max_examples=600, deadline=None)
@given(TEX, st.sampled_from(TARGETS))
def test_no_formula_raises_or_fails_and_verdicts_repeat(text: str, target: str) -> None:
    first = verify_math(f"\\boxed{{{text}}}", target)

    assert first.status in {Status.SCORED, Status.NO_ANSWER}
    assert verify_math(f"\\boxed{{{text}}}", target) == first


@given(st.fractions(max_denominator=10**6), st.fractions(max_denominator=10**6))
def test_rewarded_if_and_only_if_equal(value: object, target: object) -> None:
    verdict = verify_math(f"\\boxed{{{value}}}", str(target))

    assert verdict.success is (value == target)


@pytest.mark.parametrize("target", ["", "  ", None, 7, ["7"]])
def test_a_bad_target_is_an_error_that_names_it(target: object) -> None:
    with pytest.raises(ValueError, match="target must be a text with an answer, got "):
        verify_math(r"\boxed{7}", target)  # type: ignore[arg-type]


def test_a_target_that_alone_is_over_budget_is_no_fault_of_the_policy() -> None:
    verdict = verify_math(r"\boxed{7}", "10^{10^{10}}")

    assert verdict.status is Status.TIMEOUT
    assert verdict.score is None


def test_require_evaluated_refuses_what_still_has_to_be_computed() -> None:
    strict = MathVerifier(require_evaluated=True)
    pairs = [("6", r"2 \times 3"), ("56", r"\binom{8}{3}"), (r"\frac34", r"\frac68"), ("3", "6/2")]

    assert all(verify_math(f"\\boxed{{{a}}}", t).success for t, a in pairs)
    assert not any(strict(f"\\boxed{{{a}}}", t).success for t, a in pairs)


@pytest.mark.parametrize(
    ("target", "answer"),
    [("6", "6"), (r"\frac34", r"\frac34"), ("0.75", "3/4"), ("2000", r"2\times10^3"), ("7", "x=7"),
     (r"2\frac12", "2.5"), (r"2\sqrt3", r"2\sqrt{3}"), ("x^2+2x", "x(x+2)"), ("5", r"5\text{ cm}")],
)  # fmt: skip
def test_require_evaluated_accepts_values(target: str, answer: str) -> None:
    assert MathVerifier(require_evaluated=True)(f"\\boxed{{{answer}}}", target).success


def test_priorities_are_an_option() -> None:
    text = r"\boxed{6} <answer>7</answer>"

    assert MathVerifier()(text, "6").success
    assert MathVerifier(priorities=(Source.ANSWER_TAG, Source.BOXED))(text, "7").success


def test_a_verifier_travels_between_processes() -> None:
    strict = MathVerifier(require_evaluated=True)

    assert pickle.loads(pickle.dumps(strict)) == strict


SERIES = [(r"\boxed{\sum_{n=1}^{\infty}\frac{1}{n^2}}", r"\frac{\pi^2}{6}")] * 8


def test_threads_share_the_worker() -> None:
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(lambda pair: verify_math(*pair), SERIES))

    assert all(verdict.success for verdict in verdicts)


def test_it_works_under_asyncio() -> None:
    async def score() -> list[bool | None]:
        verdicts = await asyncio.gather(*(asyncio.to_thread(verify_math, *p) for p in SERIES[:3]))
        return [verdict.success for verdict in verdicts]

    assert asyncio.run(score()) == [True] * 3


def _in_child(queue: "multiprocessing.queues.Queue[bool | None]") -> None:
    queue.put(verify_math(*SERIES[0]).success)


def test_a_forked_child_gets_a_worker_of_its_own() -> None:
    assert verify_math(*SERIES[0]).success
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()

    assert queue.get(timeout=60) is True
    child.join(timeout=60)
    assert child.exitcode == 0
    assert verify_math(*SERIES[0]).success


def test_verdicts_do_not_depend_on_the_thread() -> None:
    found: list[float | None] = []
    thread = threading.Thread(
        target=lambda: found.append(verify_math(r"\boxed{\sqrt{3+2\sqrt2}}", r"1+\sqrt2").score)
    )
    thread.start()
    thread.join()

    assert found == [1.0]


@pytest.mark.parametrize(
    "answer",
    [r"3.2e5\overline7", r"\sum 0.333... = \lim n", r"x=\sum_{k=1}^{\infty} f(k)=\infty"],
)
def test_what_sympy_cannot_read_in_an_answer_is_wrong(answer: str) -> None:
    verdict = verify_math(f"\\boxed{{{answer}}}", "7")

    assert (verdict.status, verdict.score) == (Status.SCORED, 0.0)


@pytest.mark.parametrize(
    "answer", [r"\geq 7", ">7", r"7\text{ or more}", r"\text{at least }7", r"\text{not }7", "7,8"]
)
def test_an_answer_that_says_more_or_less_than_the_target_is_wrong(answer: str) -> None:
    assert verify_math(f"\\boxed{{{answer}}}", "7").score == 0.0


@pytest.mark.parametrize("joined", [r"\boxed{7} or \boxed{8}", r"either \boxed{8} or \boxed{7}"])
def test_boxes_joined_by_or_are_a_hedge(joined: str) -> None:
    assert verify_math(joined, "7").score == 0.0
    assert verify_math(r"\boxed{\frac12} or \boxed{0.5}", "1/2").score == 1.0
