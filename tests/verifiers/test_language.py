"""Words are weighed by script, languages that share one are told apart, and hiding does not pay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("py3langid", reason="needs llmenvs[language]")

from llmenvs.verifiers.language import SCRIPTS, LanguageVerifier, primary_language, reasoning_of
from llmenvs.verifiers.language_words import words_of
from llmenvs.verifiers.verdict import Status

TEXTS = {
    "en": "First, we compute the area of the triangle. Then we add both sides, so it is twelve.",
    "zh": "首先计算三角形的面积。然后加上两边。所以答案是十二。",
    "fr": "D'abord, nous calculons l'aire du triangle. Ensuite nous ajoutons les deux côtés.",
    "de": "Zuerst berechnen wir die Fläche. Dann addieren wir die beiden Seiten des Dreiecks.",
    "es": "Primero calculamos el área del triángulo. Luego sumamos los dos lados y es doce.",
    "pt": "Primeiro calculamos a área do triângulo. Depois somamos os dois lados e são doze.",
    "it": "Prima calcoliamo l'area del triangolo. Poi sommiamo i due lati e sono dodici.",
    "nl": "Eerst berekenen we de oppervlakte van de driehoek. Dan tellen we de zijden op.",
    "vi": "Đầu tiên, chúng ta tính diện tích tam giác. Vậy đáp án là mười hai.",
    "ja": "まず、三角形の面積を計算します。次に二つの辺を足します。答えは十二です。",
    "ko": "먼저 삼각형의 넓이를 계산합니다. 그래서 답은 열둘입니다.",
    "ru": "Сначала вычислим площадь треугольника. Поэтому ответ двенадцать.",
    "uk": "Спочатку обчислимо площу трикутника. Тому відповідь дванадцять.",
    "ar": "أولا نحسب مساحة المثلث ثم نجمع الضلعين والجواب هو اثنا عشر.",
    "hi": "पहले हम त्रिभुज का क्षेत्रफल निकालते हैं। इसलिए उत्तर बारह है।",
    "th": "ก่อนอื่นเราคำนวณพื้นที่ของรูปสามเหลี่ยม ดังนั้นคำตอบคือสิบสอง",
}


def share(text: str, language: str) -> float:
    score = LanguageVerifier(language, block=None)(text).score
    assert score is not None
    return score


@pytest.mark.parametrize("language", TEXTS)
def test_a_text_is_in_its_own_language_and_in_no_other(language: str) -> None:
    assert share(TEXTS[language], language) == 1.0
    for other in TEXTS:
        if other != language:
            assert share(TEXTS[language], other) < 0.5, other


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("So it is even, 所以答案是四", 0.5),  # four words, and six characters of 1.5 to a word
        ("So it is even, чётное число же да", 0.5),
        ("题目要求计算素数", 0.0),
        ("Let $x = 3$ and `y = 数`: so it is even", 1 - (1 / 1.5) / (6 + 1 / 1.5)),
    ],
)
def test_words_are_weighed_by_the_stated_rule(text: str, own: float) -> None:
    assert share(text, "en") == pytest.approx(own)


@pytest.mark.parametrize(
    "text",
    [
        "设 $x^2 + 2x = 3$, 则 \\frac{1}{2} 是根, 所以 x 等于三。",
        "三角形ABC的面积等于12, 用GCD函数和 total_sum 计算 x1 即可。",
        "见 https://example.com/some/long/page 上的说明, 然后计算答案。",
        "代码是 ```python\nfor item in things: print(item)\n``` 所以答案是四。",
    ],
)
def test_code_formulas_names_and_links_belong_to_no_language(text: str) -> None:
    assert share(text, "zh") == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "$我们先把两个数相加所以答案是四$",
        "`我们先把两个数相加所以答案是四`",
        "```\n# 我们先把两个数相加\n```",
        "<think>ok then</think><information>x</information> 我们先把两个数相加所以答案是四",
    ],
)
def test_a_language_cannot_be_hidden_in_code_or_formulas(text: str) -> None:
    assert share(f"{text} The answer is four.", "en") < 0.6


@pytest.mark.parametrize(
    "body", ["", " ", "12 + 3 = 15", "...", "x y z", "the", "\u200b", "😀" * 9]
)
def test_reasoning_without_words_scores_0(body: str) -> None:
    verdict = LanguageVerifier("en")(f"<think>{body}</think> 15")

    assert (verdict.score, verdict.status) == (0.0, Status.NO_ANSWER)


def test_to_repeat_a_word_does_not_pay() -> None:
    chinese = TEXTS["zh"]

    assert share(chinese + " so" * 1000, "en") < 0.2
    assert share(chinese + " so" * 3, "en") == share(chinese + " so" * 9, "en")


@pytest.mark.parametrize(
    ("completion", "reasoning"),
    [
        ("<think>a</think> b", "a"),
        ("a</think> b", "a"),
        ("<think>a", "a"),
        ("b", ""),
        ("<think>a</think><information><think>c</think></information><think>b</think>", "a\nb"),
        ("<think>a <information>b</information> c</think>", "a <information>b</information> c"),
        ("<information>a", ""),
    ],
)
def test_the_reasoning_is_what_the_policy_thought(completion: str, reasoning: str) -> None:
    assert reasoning_of(completion, "think") == reasoning


def test_a_page_in_another_language_does_not_count() -> None:
    page = f"<information>{TEXTS['zh']}</information>"
    completion = f"<think>{TEXTS['en']}</think><search>q</search>{page}<think>So it is so.</think>"

    assert LanguageVerifier("en")(completion).score == 1.0


def test_success_is_a_share_and_the_reason_shows_a_foreign_word() -> None:
    text = f"<think>{TEXTS['en']} 答案</think>"

    assert LanguageVerifier("en")(text).success
    verdict = LanguageVerifier("en", min_share=0.99)(text)
    assert not verdict.success
    assert "'答案' is not" in verdict.reason
    assert verdict.parts["foreign"] == pytest.approx(2 / 1.5)


def test_the_language_can_be_the_target_of_its_row() -> None:
    verifier = LanguageVerifier(block=None)

    assert verifier(TEXTS["de"], "de-AT").success
    for bad in (LanguageVerifier("en"), verifier):
        with pytest.raises(ValueError, match="target must be a language exactly where"):
            bad("text", None if bad is verifier else "en")


@pytest.mark.parametrize("language", ["tlh", "", "English", 3])
def test_an_unknown_language_is_refused(language: object) -> None:
    with pytest.raises(ValueError, match="a language must be one of af, am, "):
        primary_language(language)


def test_every_language_has_its_model() -> None:
    for language in SCRIPTS:
        LanguageVerifier(language, block=None)("one two three four five six seven")


@given(st.text(), st.sampled_from(sorted(TEXTS)))
def test_every_text_has_a_share(text: str, language: str) -> None:
    assert 0.0 <= share(text, language) <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    "flood",
    ["a", "$", "\\[", "`a", "word ", "我们", "a_", "a'", "<a", "``` ", "$\n", "la clé est. "],
)
def test_a_megabyte_takes_one_pass(flood: str) -> None:
    assert words_of(flood * (1_000_000 // len(flood))) is not None
    LanguageVerifier("en", block=None)(flood * (300_000 // len(flood)))


def test_numbers_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match=r"min_share=0 and min_words=3"):
        LanguageVerifier("en", min_share=0)
