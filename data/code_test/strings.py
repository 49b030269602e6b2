"""Problems about texts."""

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


@problem(
    level=1,
    variants={"vowels": ("aeiou", "aeiouy", "aou")},
    draw=lambda dice, n: (dice.word(n + 1, "aeiouybcdAEIOUYB "),),
    bugs=((".lower()", ""), ("sum(", "any("), ("in text.lower()", "in set(text.lower())")),
)
def count_vowels(text: str, *, vowels: str) -> int:
    """Count the vowels of a text.

    Return how many characters of `text` are among the letters "$vowels", in upper or lower case.
    """
    return sum(char in vowels for char in text.lower())


@problem(
    level=1,
    variants={"shift": (1, 3, 7, 13)},
    draw=lambda dice, n: (dice.word(n + 1, "abcxyzABCXYZ ,.!"),),
    bugs=((" % 26", ""), ('"a" if char.islower() else "A"', '"a"'), ("+ shift", "+ shift + 1")),
)
def shift_letters(text: str, *, shift: int) -> str:
    """Move every letter along the alphabet.

    Replace each letter of `text` from a to z or A to Z by the one $shift places further on. After z
    comes a, and after Z comes A. All other characters stay as they are.
    """
    shifted = []
    for char in text:
        if char.isalpha():
            first = ord("a" if char.islower() else "A")
            char = chr(first + (ord(char) - first + shift) % 26)
        shifted.append(char)
    return "".join(shifted)


@problem(
    level=1,
    variants={"limit": (2, 3, 4)},
    draw=lambda dice, n: (dice.word(3 * n, "aab"),),
    bugs=((" < limit", " <= limit"), ("run = 1", "run = 0"), ("last = char", "pass")),
)
def squeeze_runs(text: str, *, limit: int) -> str:
    """Shorten runs of equal characters.

    Whenever the same character comes more than $limit times in a row, keep only $limit of them.
    """
    kept: list[str] = []
    run, last = 0, ""
    for char in text:
        if char != last:
            run = 1
            last = char
            kept.append(char)
        elif run < limit:
            run += 1
            kept.append(char)
    return "".join(kept)


@problem(
    level=2,
    draw=lambda dice, n: (dice.word(2 * n, "aabbc"),),
    bugs=(("> best", ">= best"), ('text + " "', "text"), ("start = index", "start = index + 1")),
)
def longest_run(text: str) -> list[object]:
    """Find the longest run of equal characters.

    Return a list of two items: the character of the longest run of equal characters in `text`, made
    of lowercase letters, and the length of the run. Of equally long runs, the first counts. For an
    empty text return ["", 0].
    """
    best, best_char, start = 0, "", 0
    padded = text + " "
    for index in range(1, len(padded)):
        if padded[index] != padded[start]:
            if index - start > best:
                best, best_char = index - start, padded[start]
            start = index
    return [best_char, best]


@problem(
    level=2,
    draw=lambda dice, n: (dice.word(n, "aaab") + dice.word(n, "cd") * (n % 3),),
    bugs=(
        ('str(count) if count > 1 else ""', "str(count)"),
        ("text[start] + (", "("),
        ("end += 1", "end += 2"),
    ),
)
def run_lengths(text: str) -> str:
    """Encode a text by its runs.

    Replace each run of equal characters by the character, followed by the length of the run if that
    is more than 1. So "aaabcc" becomes "a3bc2". The text holds lowercase letters only.
    """
    pieces = []
    start = 0
    while start < len(text):
        end = start
        while end < len(text) and text[end] == text[start]:
            end += 1
        count = end - start
        pieces.append(text[start] + (str(count) if count > 1 else ""))
        start = end
    return "".join(pieces)


@problem(
    level=3,
    draw=lambda dice, n: (dice.word(1 + n % 4, "ab") * (1 + n // 3) + dice.word(n % 2, "ab"),),
    edges=(("a",), ("aaa",), ("abcab",), ("abc",)),
    bugs=(
        ("period = 1", "period = 2"),
        ("text[period:]", "text[period:2 * period]"),
        ("return period", "return len(text) if len(text) % period else period"),
    ),
)
def shortest_period(text: str) -> int:
    """Find the shortest period of a text.

    A text has the period p if each of its characters equals the one p places further on, wherever
    there is one. "abcab" has the period 3. Return the smallest period that is at least 1, which is
    at most the length of the text. The text is not empty.
    """
    period = 1
    while not text.startswith(text[period:]):
        period += 1
    return period


@problem(
    level=3,
    variants={"most": (1, 2)},
    draw=lambda dice, n: (dice.word(2 * n, "abcd"),),
    bugs=(
        ("start += 1", "start = end"),
        ("end - start + 1", "end - start"),
        ("while counts[char] > most", "if counts[char] > most + 1"),
    ),
)
def longest_varied_piece(text: str, *, most: int) -> int:
    """Find the longest piece that repeats no character too often.

    Return the length of the longest piece of consecutive characters of `text` in which no character
    comes more than $most times.
    """
    counts: dict[str, int] = {}
    best = start = 0
    for end, char in enumerate(text):
        counts[char] = counts.get(char, 0) + 1
        while counts[char] > most:
            counts[text[start]] -= 1
            start += 1
        best = max(best, end - start + 1)
    return best


def _draw_prefixed(dice: Dice, n: int) -> tuple[list[str]]:
    prefix = dice.word(dice.number(0, 4), "ab")
    return ([prefix + word for word in dice.words(1 + n % 4, letters="abc")],)


@problem(
    level=1,
    held_out=True,
    draw=_draw_prefixed,
    edges=((["ab", "cd"],), (["", "a"],), (["a"],)),
    bugs=(
        ("all(word", "any(word"),
        ("return shortest[:length]", "return shortest[: length - 1]"),
        ("len(shortest), 0, -1", "1, len(shortest)"),
    ),
)
def common_prefix(words: list[str]) -> str:
    """Find what all words begin with.

    Return the longest text with which every one of `words` begins. The list is not empty.
    """
    shortest = min(words, key=len)
    for length in range(len(shortest), 0, -1):
        if all(word.startswith(shortest[:length]) for word in words):
            return shortest[:length]
    return ""


@problem(
    level=4,
    held_out=True,
    draw=lambda dice, n: (dice.word(n + 2, "ab"), dice.word(1 + n // 4, "ab")),
    bugs=(
        ("len(pattern) - 1, -1, -1", "len(pattern)"),
        ("[1] + [0] * len(pattern)", "[1] * (len(pattern) + 1)"),
        ("ways[index + 1] += ways[index]", "ways[index + 1] = max(ways[index + 1], 1)"),
    ),
)
def count_embeddings(text: str, pattern: str) -> int:
    """Count how often a pattern can be read out of a text.

    Return in how many ways `pattern` is left when characters of `text` are struck out. Two ways
    differ if they strike out other places. "aab" holds "ab" in two ways.
    """
    ways = [1] + [0] * len(pattern)
    for char in text:
        for index in range(len(pattern) - 1, -1, -1):
            if pattern[index] == char:
                ways[index + 1] += ways[index]
    return ways[-1]
