"""Problems about reading notations."""

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


@problem(
    level=2,
    draw=lambda dice, n: (dice.choice("MDCLX") * (n % 3) + dice.word(1 + n % 4, "IVXC"),),
    edges=(("IV",), ("MCMXCIX",), ("XL",), ("III",), ("VI",)),
    bugs=(
        ("value < following", "value <= following"),
        ("total -= value", "total += value"),
        ('"D": 500', '"D": 400'),
    ),
)
def read_roman(numeral: str) -> int:
    """Read a Roman numeral.

    The letters are I (1), V (5), X (10), L (50), C (100), D (500) and M (1000). A letter whose
    value is less than that of the letter right after it is subtracted, every other is added. The
    numeral need not be in the usual form: IIX is 1 - 1 + 10.
    """
    values = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
    total = 0
    for index, letter in enumerate(numeral):
        value = values[letter]
        following = values[numeral[index + 1]] if index + 1 < len(numeral) else 0
        if value < following:
            total -= value
        else:
            total += value
    return total


def _draw_postfix(dice: Dice, n: int) -> tuple[str]:
    words, depth = [str(dice.number(0, 9))], 1
    for _ in range(n):
        if depth > 1 and dice.chance(0.5):
            words.append(dice.choice("+-*"))
            depth -= 1
        else:
            words.append(str(dice.number(0, 12)))
            depth += 1
    return (" ".join(words + dice.choices("+-*", depth - 1)),)


@problem(
    level=2,
    draw=_draw_postfix,
    bugs=(
        ("stack.append(left - right)", "stack.append(right - left)"),
        ("right, left = stack.pop(), stack.pop()", "right, left = stack.pop(), stack.pop(0)"),
        ("stack.append(left * right)", "stack.append(left + right)"),
    ),
)
def evaluate_postfix(expression: str) -> int:
    """Evaluate an expression in postfix notation.

    The words of `expression` are separated by spaces. A word is a number, or one of + - * that
    replaces the two values before it by their result: "7 2 -" is 5. The expression is well formed.
    """
    stack: list[int] = []
    for word in expression.split():
        if word not in ("+", "-", "*"):
            stack.append(int(word))
            continue
        right, left = stack.pop(), stack.pop()
        if word == "+":
            stack.append(left + right)
        elif word == "-":
            stack.append(left - right)
        else:
            stack.append(left * right)
    return stack[0]


@problem(
    level=2,
    held_out=True,
    draw=lambda dice, n: (dice.choice(("", "()", "[a]", "({", "])", "[")) + dice.word(n, "()[]x"),),
    edges=(("",), ("x",), ("(]",), ("([)]",), ("([]{x})",), ("((",), ("a)",)),
    bugs=(
        ("opened.pop()[0] != pairs[char]", "not opened.pop()"),
        ("return opened[0][1] if opened else -1", "return -1"),
        ("opened[0][1]", "opened[-1][1]"),
    ),
)
def first_bracket_error(text: str) -> int:
    """Find the first bracket that is wrong.

    `text` holds brackets ()[]{} and other characters, which are ignored. Read it from the left.
    Return the index of the first closing bracket that does not close the innermost open one. If
    there is none, return the index of the first bracket that is never closed. If all is well,
    return -1.
    """
    pairs = {")": "(", "]": "[", "}": "{"}
    opened: list[tuple[str, int]] = []
    for index, char in enumerate(text):
        if char in pairs.values():
            opened.append((char, index))
        elif char in pairs and (not opened or opened.pop()[0] != pairs[char]):
            return index
    return opened[0][1] if opened else -1


def _draw_duration(dice: Dice, n: int) -> tuple[str]:
    units = [unit for unit in "dhms" if dice.chance(0.6)] or ["s"]
    return ("".join(f"{dice.number(0, 9 + 10 * n)}{unit}" for unit in units),)


@problem(
    level=1,
    held_out=True,
    draw=_draw_duration,
    bugs=(
        ('"m": 60', '"m": 100'),
        ('number = ""\n', "pass\n"),
        ("total += ", "total = "),
    ),
)
def read_duration(text: str) -> int:
    """Read a duration.

    `text` is made of whole numbers, each followed by a unit: d for days, h for hours, m for minutes
    or s for seconds, as in "2h30m". Return the sum in seconds.
    """
    seconds = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    total, number = 0, ""
    for char in text:
        if char in seconds:
            total += int(number) * seconds[char]
            number = ""
        else:
            number += char
    return total


def _draw_csv(dice: Dice, n: int) -> tuple[str]:
    fields = []
    for _ in range(1 + n // 2):
        field = dice.word(dice.number(0, 4), 'ab ,"')
        quoted = any(char in field for char in ',"') or dice.chance(0.3)
        fields.append('"' + field.replace('"', '""') + '"' if quoted else field)
    return (",".join(fields),)


@problem(
    level=3,
    draw=_draw_csv,
    edges=(('"a""b",',), (',""',), ('"a,b",c',)),
    bugs=(
        ('elif char == "," and not quoted', 'elif char == ","'),
        ("index += 1\n                field", "field"),
        ("return [*fields, field]", "return [*fields, field] if field else fields"),
    ),
)
def split_csv_line(line: str) -> list[str]:
    r"""Split a line of comma-separated values.

    Fields are separated by commas. A field may stand in double quotes: then it may hold commas, and
    two double quotes in it stand for one. Return the fields without the enclosing quotes. Spaces
    belong to the fields. The line is well formed, and an empty line has one empty field.
    """
    fields: list[str] = []
    field, quoted, index = "", False, 0
    while index < len(line):
        char = line[index]
        if char == '"':
            if quoted and line[index + 1 : index + 2] == '"':
                index += 1
                field += char
            else:
                quoted = not quoted
        elif char == "," and not quoted:
            fields.append(field)
            field = ""
        else:
            field += char
        index += 1
    return [*fields, field]


def _draw_sum(dice: Dice, depth: int) -> str:
    if depth <= 0:
        return str(dice.number(0, 20))
    left, right = _draw_sum(dice, depth - 1), _draw_sum(dice, dice.number(0, depth - 1))
    both = f"{left}{dice.choice(('+', '-', '*', ' - ', ' * '))}{right}"
    return f"({both})" if dice.chance(0.4) else both


@problem(
    level=4,
    draw=lambda dice, n: (_draw_sum(dice, 1 + n // 4),),
    edges=(("7",), ("2+3*4",), ("10-4-3",), ("2*(3+4)*5",), ("(1)",), ("8-(2-1)",)),
    bugs=(
        ("result -= product()", "result = product() - result"),
        ("result *= atom()", "result += atom()"),
        ("value = total()", "value = product()"),
    ),
)
def evaluate_sum(expression: str) -> int:
    """Evaluate an arithmetic expression.

    `expression` holds whole numbers, the operators + - * and parentheses, with spaces anywhere but
    within numbers. Multiplication goes before addition and subtraction, and operators of one rank
    apply from the left. Return the value.
    """
    text = expression.replace(" ", "") + "$"
    position = 0

    def take() -> str:
        nonlocal position
        position += 1
        return text[position - 1]

    def atom() -> int:
        if text[position] == "(":
            take()
            value = total()
            take()
            return value
        digits = ""
        while text[position].isdigit():
            digits += take()
        return int(digits)

    def product() -> int:
        result = atom()
        while text[position] == "*":
            take()
            result *= atom()
        return result

    def total() -> int:
        result = product()
        while text[position] in "+-":
            if take() == "+":
                result += product()
            else:
                result -= product()
        return result

    return total()


def _draw_pattern(dice: Dice, depth: int) -> str:
    text = ""
    for _ in range(dice.number(1, 2)):
        text += dice.word(dice.number(0, 2), "abc")
        if depth > 0:
            text += f"{dice.number(0, 3) if depth < 3 else 11}[{_draw_pattern(dice, depth - 1)}]"
    return text


@problem(
    level=3,
    draw=lambda dice, n: (_draw_pattern(dice, n // 6) + dice.word(n % 3, "xy"),),
    edges=(("2[a3[b]]c",), ("12[a]",), ("0[a]b",)),
    bugs=(
        ("count * 10 + int(char)", "int(char)"),
        ("before + text * times", "text * times"),
        ("stack.append((text, count))", "stack.append(('', count))"),
    ),
)
def expand_pattern(pattern: str) -> str:
    """Write out a pattern.

    A pattern is made of lowercase letters, which stand for themselves, and of parts n[p], a whole
    number and a pattern in brackets, which stand for n times p: "2[ab3[c]]" is "abcccabccc".
    Return the text that it stands for. The pattern is well formed.
    """
    stack: list[tuple[str, int]] = []
    text, count = "", 0
    for char in pattern:
        if char.isdigit():
            count = count * 10 + int(char)
        elif char == "[":
            stack.append((text, count))
            text, count = "", 0
        elif char == "]":
            before, times = stack.pop()
            text = before + text * times
        else:
            text += char
    return text


def _draw_version(dice: Dice, n: int) -> str:
    return ".".join(
        str(dice.number(0, 2 if n < 6 else 11)) for _ in range(dice.number(1, 1 + n // 3))
    )


@problem(
    level=2,
    draw=lambda dice, n: (_draw_version(dice, n + 3), _draw_version(dice, n + 3)),
    edges=(("1.10", "1.9"), ("1", "1.0.0"), ("2", "1.9"), ("1.0", "1.0.1")),
    bugs=(
        ("int(part)", "part"),
        ("[0] * (width - len(parts))", "[]"),
        ("return -1 if ours < theirs else 1", "return 1 if ours < theirs else -1"),
    ),
)
def compare_versions(first: str, second: str) -> int:
    """Compare two version numbers.

    A version is made of whole numbers separated by dots. The first numbers that differ decide, and
    numbers that are missing at the end count as 0. Return -1 if `first` is the older one, 1 if it
    is the newer one, and 0 if they are the same.
    """
    width = max(first.count("."), second.count(".")) + 1
    padded = []
    for version in (first, second):
        parts = version.split(".")
        padded.append([int(part) for part in parts] + [0] * (width - len(parts)))
    ours, theirs = padded
    if ours == theirs:
        return 0
    return -1 if ours < theirs else 1


def _draw_match(dice: Dice, n: int) -> tuple[str, str]:
    text = dice.word(n % 7, "ab")
    pattern = "".join(dice.choice((char, char, char, "?", "*", "*a")) for char in text)
    return text, pattern.replace("**", "*") + dice.choice(("", "", "*", "?"))


@problem(
    level=4,
    held_out=True,
    draw=_draw_match,
    edges=(("", "*"), ("ab", "a"), ("a", "?"), ("", "?"), ("abb", "*b"), ("aab", "a*b")),
    bugs=(
        ("match(i, j + 1) or ", ""),
        ("return i == len(text)", "return True"),
        ('in ("?", text[i])', "== text[i]"),
    ),
)
def wildcard_match(text: str, pattern: str) -> bool:
    """Match a text against a pattern with wildcards.

    In `pattern`, "*" stands for any number of characters, also none, and "?" for exactly one
    character. Every other character stands for itself. Return whether the pattern matches the whole
    of `text`.
    """

    def match(i: int, j: int) -> bool:
        if j == len(pattern):
            return i == len(text)
        if pattern[j] == "*":
            return match(i, j + 1) or (i < len(text) and match(i + 1, j))
        return i < len(text) and pattern[j] in ("?", text[i]) and match(i + 1, j + 1)

    return match(0, 0)
