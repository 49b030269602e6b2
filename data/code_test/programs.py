"""Problems for whole programs, which read standard input and write standard output."""

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


def _draw_sums(dice: Dice, n: int) -> str:
    rows = [dice.ints(dice.number(1, 2 + n), -99, 99) for _ in range(1 + n % 5)]
    return f"{len(rows)}\n" + "".join(f"{' '.join(map(str, row))}\n" for row in rows)


@problem(
    level=1,
    form="stdin",
    draw=_draw_sums,
    edges=("1\n5\n", "2\n-1 1\n0\n"),
    bugs=(
        ("lines[1 : 1 + int(lines[0])]", "lines[: int(lines[0])]"),
        ("sum(map(int, line.split()))", "max(map(int, line.split()))"),
    ),
)
def sum_lines(text: str) -> str:
    """Add up each line.

    The first line of the input is a number n, at least 1. Each of the n lines that follow holds at
    least one integer, with a space between two. Write the sum of each line, one a line.
    """
    lines = text.splitlines()
    return "".join(f"{sum(map(int, line.split()))}\n" for line in lines[1 : 1 + int(lines[0])])


@problem(
    level=1,
    form="stdin",
    variants={"width": (8, 12, 15)},
    draw=lambda dice, n: "".join(f"{word}\n" for word in dice.words(1 + n, longest=8)),
    edges=("a\n", "abcdefgh\n"),
    options={"whitespace": "trailing"},
    bugs=(
        ("{line:>{width}}", "{line:<{width}}"),
        ("len(lines)", "len(text)"),
    ),
)
def align_right(text: str, *, width: int) -> str:
    """Align lines to the right.

    The input has at least one line, and each is a word of at most 8 letters. Write each word with
    spaces before it so that the line has $width characters, and at the end a line with the number
    of words.
    """
    lines = text.splitlines()
    return "".join(f"{line:>{width}}\n" for line in lines) + f"{len(lines)}\n"


def _draw_grades(dice: Dice, n: int) -> str:
    names = dice.shuffled(["ada", "bo", "cy", "dee", "eli", "fay"])[: 1 + n % 6]
    rows = [f"{dice.choice(names)} {dice.number(0, 100)}\n" for _ in range(2 + n)]
    return "".join(rows)


@problem(
    level=2,
    form="stdin",
    draw=_draw_grades,
    edges=("ada 50\n", "bo 1\nada 2\nbo 2\n"),
    bugs=(
        ("sorted(grades.items())", "grades.items()"),
        (":.2f", ":.1f"),
        ("sum(values) / len(values)", "sum(values) // len(values)"),
    ),
)
def grade_report(text: str) -> str:
    """Report the average grade.

    Each line of the input, of which there is at least one, holds a name and a grade from 0 to 100
    with a space between them. Write a line for each name, in alphabetical order: the name, a space,
    and the average of its grades with two digits behind the point.
    """
    grades: dict[str, list[int]] = {}
    for line in text.splitlines():
        name, grade = line.split()
        grades.setdefault(name, []).append(int(grade))
    rows = [f"{name} {sum(values) / len(values):.2f}\n" for name, values in sorted(grades.items())]
    return "".join(rows)


@problem(
    level=2,
    form="stdin",
    held_out=True,
    draw=lambda dice, n: f"{dice.number(1, 2 + n)} {dice.choice('*#o')}\n",
    edges=("1 *\n", "2 x\n"),
    options={"whitespace": "trailing"},
    bugs=(
        ("int(size) - row - 1", "int(size) - row"),
        ("2 * row + 1", "row + 1"),
    ),
)
def draw_triangle(text: str) -> str:
    """Draw a triangle.

    The input is one line with a height, at least 1, and a character. Write as many lines as the
    height says, which make a triangle that points up: row i, from 1, has 2 * i - 1 of the character
    in a row, and as many spaces before them as it takes for all rows to be centred. No line ends
    with spaces.
    """
    size, mark = text.split()
    lines = [" " * (int(size) - row - 1) + mark * (2 * row + 1) for row in range(int(size))]
    return "\n".join(lines) + "\n"


def _draw_wrap(dice: Dice, n: int) -> str:
    return " ".join(dice.words(2 + 2 * n, longest=7)) + "\n"


@problem(
    level=3,
    form="stdin",
    variants={"width": (10, 14, 20)},
    draw=_draw_wrap,
    edges=("a\n", "abcdefg abcdefg\n"),
    bugs=(
        ("len(line) + 1 + len(word) <= width", "len(line) + len(word) <= width"),
        ("lines.append(line)\n            line = word", "line = word"),
    ),
)
def wrap_words(text: str, *, width: int) -> str:
    """Break a text into lines.

    The input is one line of words with a space between two; no word is longer than 7 letters. Put
    as many words into each line as fit, in their order, with a space between two, so that no line
    has more than $width characters, and write the lines.
    """
    words = text.split()
    lines, line = [], words[0]
    for word in words[1:]:
        if len(line) + 1 + len(word) <= width:
            line = f"{line} {word}"
        else:
            lines.append(line)
            line = word
    return "\n".join([*lines, line]) + "\n"


def _draw_log(dice: Dice, n: int) -> str:
    rows, minute = [], 0
    for _ in range(1 + n):
        minute += dice.number(1, 90)
        rows.append(f"{minute // 60:02}:{minute % 60:02} {dice.choice(('in', 'out'))}\n")
    return "".join(rows)


@problem(
    level=3,
    form="stdin",
    draw=_draw_log,
    edges=("09:00 in\n", "09:00 out\n", "09:00 in\n09:30 in\n10:00 out\n"),
    bugs=(
        ('kind == "in" and since is None', 'kind == "in"'),
        ("total += minute - since", "total = minute - since"),
        ("60 * int(clock[:2])", "100 * int(clock[:2])"),
    ),
)
def minutes_present(text: str) -> str:
    """Count the minutes that somebody was there.

    Each line of the input, of which there is at least one, is a time of one day as HH:MM, a space,
    and "in" or "out"; the times rise. "in" while already in, and "out" while already out, change
    nothing. At first nobody is in. Write the number of minutes between "in" and "out", all added
    up; a stay that never ends does not count.
    """
    total, since = 0, None
    for line in text.splitlines():
        clock, kind = line.split()
        minute = 60 * int(clock[:2]) + int(clock[3:])
        if kind == "in" and since is None:
            since = minute
        elif kind == "out" and since is not None:
            total += minute - since
            since = None
    return f"{total}\n"


@problem(
    level=3,
    form="stdin",
    held_out=True,
    draw=lambda dice, n: (
        f"{dice.number(1, 3 + n)}\n"
        + "".join(f"{dice.choice(('push', 'top', 'pop'))} {dice.number(-9, 9)}\n" for _ in range(n))
    ),
    edges=("3\n", "1\npush 4\npop 0\npop 0\n", "2\npush 1\npush 2\npush 3\ntop 0\n"),
    bugs=(
        ("if len(stack) < limit", "if len(stack) <= limit"),
        ('out.append("empty")', "pass"),
        ("stack[-1]", "stack[0]"),
    ),
)
def bounded_stack(text: str) -> str:
    """Run a stack of limited height.

    The first line of the input is how much the stack holds, at least 1. Each line after it is a
    command and a number. "push x" puts x on the stack, or writes "full" if there is no room.
    "top x" writes the number on top, and "pop x" takes it off and writes it; x means nothing there.
    Both write "empty" if the stack is. Write each on a line of its own, and at last a line with the
    height of the stack.
    """
    first, *commands = text.splitlines()
    limit = int(first)
    stack: list[int] = []
    out: list[str] = []
    for command in commands:
        name, number = command.split()
        if name == "push":
            if len(stack) < limit:
                stack.append(int(number))
            else:
                out.append("full")
        elif not stack:
            out.append("empty")
        else:
            out.append(str(stack[-1]))
            if name == "pop":
                stack.pop()
    return "".join(f"{line}\n" for line in [*out, str(len(stack))])


def _draw_maze(dice: Dice, n: int) -> str:
    rows = dice.grid(2 + n % 6, 2 + (2 * n) % 7, "...#")
    rows[0][0] = "S"
    rows[-1][-1] = "E"
    return "".join("".join(row) + "\n" for row in rows)


@problem(
    level=4,
    form="stdin",
    draw=_draw_maze,
    edges=("SE\n", "S#\n#E\n", "S.\n.E\n"),
    bugs=(
        ('!= "#"', '== "."'),
        ("distance + 1", "distance + 2"),
        ('return "no way\\n"', 'return "-1\\n"'),
    ),
)
def shortest_walk(text: str) -> str:
    """Find the shortest walk through a maze.

    The lines of the input are equally long: "S" is where to begin, "E" where to end, "." is free
    and "#" is a wall. A step leads to a cell that shares an edge. Write the smallest number of
    steps from S to E, or "no way" if there is none.
    """
    rows = text.split()
    cells = {(r, c): cell for r, row in enumerate(rows) for c, cell in enumerate(row)}
    start = next(place for place, cell in cells.items() if cell == "S")
    reached = {start}
    border = [(start, 0)]
    for (row, column), distance in border:
        if cells[row, column] == "E":
            return f"{distance}\n"
        for place in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            if place not in reached and cells.get(place, "#") != "#":
                reached.add(place)
                border.append((place, distance + 1))
    return "no way\n"


def _draw_votes(dice: Dice, n: int) -> str:
    return "".join(f"{dice.choice(('red', 'blue', 'green', 'gold'))}\n" for _ in range(1 + n))


@problem(
    level=2,
    form="stdin",
    draw=_draw_votes,
    edges=("red\n", "red\nblue\n", "red\nblue\nblue\n"),
    bugs=(
        ("if count == most", "if count >= 0"),
        ("sorted(", "list("),
        ("2 * most > len(votes)", "2 * most >= len(votes)"),
    ),
)
def election(text: str) -> str:
    """Count votes.

    Each line of the input, of which there is at least one, is a vote: the name of a party. Write
    the names of all parties that have the greatest number of votes, in alphabetical order with a
    space between two, and on the next line "majority" if one party has more than half of all votes,
    else "no majority".
    """
    votes = text.split()
    counts = {name: votes.count(name) for name in votes}
    most = max(counts.values())
    winners = sorted(name for name, count in counts.items() if count == most)
    verdict = "majority" if 2 * most > len(votes) else "no majority"
    return f"{' '.join(winners)}\n{verdict}\n"


def _draw_table(dice: Dice, n: int) -> str:
    rows = [",".join(dice.words(1 + n % 4, longest=6)) for _ in range(1 + n % 5)]
    return "".join(f"{row}\n" for row in rows)


@problem(
    level=2,
    form="stdin",
    draw=_draw_table,
    edges=("a\n", "a,bb\nccc,d\n"),
    options={"whitespace": "trailing"},
    bugs=(
        ("max(len(row[column]) for row in rows)", "len(rows[0][column])"),
        ('" | ".join', '"|".join'),
    ),
)
def print_table(text: str) -> str:
    """Print a table.

    Each line of the input, of which there is at least one, holds the words of a row with a comma
    between two; all rows have as many. Write the rows with " | " between two words, and each word
    filled up with spaces on its right to the length of the longest word of its column.
    """
    rows = [line.split(",") for line in text.splitlines()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        " | ".join(f"{word:<{width}}" for word, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "".join(f"{line}\n" for line in lines)
