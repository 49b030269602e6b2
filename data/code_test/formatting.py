"""Programs that lay out text: blanks count in their output."""

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem

_BLANKS_COUNT = {"whitespace": "trailing"}


@problem(
    level=1,
    form="stdin",
    draw=lambda dice, n: f"{dice.number(0, 10 ** (1 + n))}\n",
    variants={"mark": (",", "'", " ")},
    edges=("0\n", "999\n", "1000\n", "1234567\n"),
    options=_BLANKS_COUNT,
    bugs=(
        ("len(digits) > 3", "len(digits) > 2"),
        ("[digits[-3:], *groups]", "[*groups, digits[-3:]]"),
        ("mark.join", '"".join'),
    ),
)
def group_digits(text: str, *, mark: str) -> str:
    """Group the digits of a number.

    The input is one whole number, at least 0. Write it with the character "$mark" between groups of
    three digits, counted from the right.
    """
    digits = text.strip()
    groups: list[str] = []
    while len(digits) > 3:
        groups = [digits[-3:], *groups]
        digits = digits[:-3]
    return mark.join([digits, *groups]) + "\n"


@problem(
    level=1,
    form="stdin",
    draw=lambda dice, n: dice.word(1 + n, "abc d").strip() + "\n",
    variants={"corner": ("+", "*")},
    edges=("\n", "a\n", "a b\n"),
    options=_BLANKS_COUNT,
    bugs=(
        ("len(line) + 2", "len(line)"),
        ("| {line} |", "|{line}|"),
        ('edge = corner + "-"', 'edge = "-" + "-"'),
    ),
)
def draw_box(text: str, *, corner: str) -> str:
    """Draw a box around a line.

    The input is one line. Write three lines: the upper edge, the line between "| " and " |", and
    the lower edge. An edge is a row of "-" as long as what stands between the two "|", with a
    "$corner" at each end.
    """
    line = text.split("\n")[0]
    edge = corner + "-" * (len(line) + 2) + corner
    return f"{edge}\n| {line} |\n{edge}\n"


def _draw_table(dice: Dice, n: int) -> str:
    rows = [dice.words(1 + n % 3, longest=2 + n // 2) for _ in range(1 + n // 2)]
    return "".join(" ".join(row) + "\n" for row in rows)


@problem(
    level=2,
    form="stdin",
    draw=_draw_table,
    variants={"side": ("left", "right")},
    edges=("a bb\nccc d\n", "a\n"),
    options=_BLANKS_COUNT,
    bugs=(
        ("max(len(row[column]) for row in rows)", "len(rows[0][column])"),
        ('" | ".join(cells)', '" ".join(cells)'),
        ('if side == "left"', 'if side == "right"'),
    ),
)
def align_table(text: str, *, side: str) -> str:
    """Align the columns of a table.

    Each line of the input is a row of words separated by single spaces; all rows have equally many.
    Write the rows with " | " between the columns, each word filled up with spaces to the width of
    the longest word of its column, so that the words stand at the $side. Spaces at the end of a
    line do not matter.
    """
    rows = [line.split() for line in text.splitlines()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        pairs = zip(row, widths, strict=True)
        cells = [
            word.ljust(width) if side == "left" else word.rjust(width) for word, width in pairs
        ]
        lines.append(" | ".join(cells).rstrip() + "\n")
    return "".join(lines)


@problem(
    level=2,
    form="stdin",
    draw=lambda dice, n: f"{1 + 2 * (n % 8) + 16 * dice.number(0, 1)} {dice.choice('#*o')}\n",
    edges=("1 x\n", "3 x\n", "5 #\n"),
    options=_BLANKS_COUNT,
    bugs=(
        ("abs(middle - row)", "middle - row"),
        ("size - 2 * blanks", "size - blanks"),
        ("range(size)", "range(middle + 1)"),
    ),
)
def draw_diamond(text: str) -> str:
    """Draw a diamond.

    The input is an odd number and a character, separated by a space. Write as many lines as the
    number says, of which the middle one has so many of the characters side by side; each line above
    and below it has two fewer than its neighbour and is centred.
    """
    words = text.split()
    size = int(words[0])
    middle = size // 2
    lines = []
    for row in range(size):
        blanks = abs(middle - row)
        lines.append(" " * blanks + words[1] * (size - 2 * blanks) + "\n")
    return "".join(lines)


def _draw_paragraph(dice: Dice, n: int) -> str:
    return f"{dice.number(5, 6 + n)}\n{' '.join(dice.words(1 + 2 * n, longest=5))}\n"


@problem(
    level=3,
    form="stdin",
    draw=_draw_paragraph,
    edges=("5\nab cd ef\n", "5\nabcde ab cd\n", "9\na\n"),
    options=_BLANKS_COUNT,
    bugs=(
        ("<= width", "< width"),
        ("len(line) + 1 + len(word)", "len(line) + len(word)"),
        ("lines = [*lines, line]\n    return", "return"),
    ),
)
def wrap_words(text: str) -> str:
    """Break a paragraph into lines.

    The first line of the input is a width, and the second has words separated by single spaces,
    none longer than the width. Write the words in their order, with one space between two words of
    a line, as many on each line as fit into the width.
    """
    first, second = text.splitlines()
    width = int(first)
    lines: list[str] = []
    line = ""
    for word in second.split():
        if not line:
            line = word
        elif len(line) + 1 + len(word) <= width:
            line = f"{line} {word}"
        else:
            lines = [*lines, line]
            line = word
    lines = [*lines, line]
    return "\n".join(lines) + "\n"


@problem(
    level=4,
    form="stdin",
    held_out=True,
    draw=_draw_paragraph,
    edges=("9\na b c d e\n", "7\na b ccccc dd\n", "6\nab ab\n"),
    options=_BLANKS_COUNT,
    bugs=(
        ("gap + (index < wider)", "gap + (index >= slots - wider)"),
        ("gap + (index < wider)", "gap"),
        ("if len(words) == 1 or last", "if len(words) == 1"),
    ),
)
def justify_words(text: str) -> str:
    """Justify a paragraph.

    The first line of the input is a width, and the second has words separated by single spaces,
    none longer than the width. Put as many words on each line as fit with one space between them.
    Then widen the gaps of every line but the last so that it is exactly as wide as the width: the
    gaps of a line differ by at most one space, and the wider ones come first. A line with one word,
    and the last line, stay as they are.
    """
    first, second = text.splitlines()
    width = int(first)
    rows: list[list[str]] = [[]]
    for word in second.split():
        if rows[-1] and len(" ".join([*rows[-1], word])) > width:
            rows.append([])
        rows[-1].append(word)
    lines = []
    for number, words in enumerate(rows, start=1):
        last = number == len(rows)
        if len(words) == 1 or last:
            lines.append(" ".join(words))
            continue
        slots = len(words) - 1
        gap, wider = divmod(width - sum(map(len, words)), slots)
        line = words[0]
        for index, word in enumerate(words[1:]):
            line += " " * (gap + (index < wider)) + word
        lines.append(line)
    return "\n".join(lines) + "\n"


@problem(
    level=2,
    form="stdin",
    draw=lambda dice, n: " ".join(map(str, dice.ints(1 + n, 0, 6))) + "\n",
    variants={"block": ("#", "*")},
    edges=("0\n", "0 0\n", "3\n", "1 0 2\n"),
    options=_BLANKS_COUNT,
    bugs=(
        ("height >= level", "height > level"),
        ("range(max(heights), 0, -1)", "range(1, max(heights) + 1)"),
        ('"-" * len(heights)', '"-" * max(heights)'),
    ),
)
def draw_columns(text: str, *, block: str) -> str:
    """Draw a chart of columns.

    The input is a line of whole numbers from 0 to 9, separated by spaces. Draw a column of "$block"
    characters for each, side by side without gaps, standing on a last line of as many "-" as there
    are columns. The chart is as high as its highest column, and spaces at the end of a line do not
    matter.
    """
    heights = [int(word) for word in text.split()]
    lines = []
    for level in range(max(heights), 0, -1):
        line = "".join(block if height >= level else " " for height in heights)
        lines.append(line.rstrip() + "\n")
    return "".join(lines) + "-" * len(heights) + "\n"


@problem(
    level=3,
    form="stdin",
    held_out=True,
    draw=lambda dice, n: f"{dice.number(0, 6)} {dice.number(28, 31)}\n",
    edges=("0 28\n", "6 31\n", "6 30\n", "0 31\n"),
    options=_BLANKS_COUNT,
    bugs=(
        ('cells = ["  "] * first', 'cells = ["  "] * (first + 1)'),
        ("range(1, days + 1)", "range(1, days)"),
        (".rjust(2)", ".ljust(2)"),
    ),
)
def print_month(text: str) -> str:
    """Print the sheet of a month.

    The input is two numbers: the weekday of the first of the month, from 0 for Monday to 6 for
    Sunday, and the number of days. Write the line "Mo Tu We Th Fr Sa Su", and below it the days in
    weeks, one a line, each number two characters wide with a space in front of a single digit, and
    one space between two days. The first is below its weekday. Spaces at the end of a line do not
    matter.
    """
    first, days = map(int, text.split())
    cells = ["  "] * first
    for day in range(1, days + 1):
        cells.append(str(day).rjust(2))
    weeks = [" ".join(cells[start : start + 7]) for start in range(0, len(cells), 7)]
    return "\n".join(["Mo Tu We Th Fr Sa Su", *weeks]) + "\n"
