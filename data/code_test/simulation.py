"""Problems about carrying out a process step by step."""

from typing import Any

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


@problem(
    level=1,
    draw=lambda dice, n: (dice.word(2 * n, "FFLR"),),
    edges=(("",), ("F",), ("RFLF",), ("LLF",)),
    bugs=(
        ("dx, dy = -dy, dx", "dx, dy = dy, -dx"),
        ("dx, dy = 0, 1", "dx, dy = 1, 0"),
        ('elif move == "R"', 'elif move == "B"'),
    ),
)
def walk_robot(moves: str) -> list[int]:
    """Follow a robot.

    A robot stands at [0, 0] and looks north, the direction of growing y. In `moves`, F lets it go
    one step forward, L turn left by a quarter, and R turn right by a quarter. Return where it
    stands in the end, as a list [x, y].
    """
    x = y = 0
    dx, dy = 0, 1
    for move in moves:
        if move == "F":
            x, y = x + dx, y + dy
        elif move == "L":
            dx, dy = -dy, dx
        elif move == "R":
            dx, dy = dy, -dx
    return [x, y]


@problem(
    level=2,
    draw=lambda dice, n: (dice.number(1, 3 + n), dice.number(1, 5 + n // 2)),
    bugs=(
        ("(place + step - 1) % len(circle)", "(place + step) % len(circle)"),
        ("while len(circle) > 1", "while len(circle) > 2"),
        ("circle = list(range(1, people + 1))", "circle = list(range(people))"),
    ),
)
def last_in_circle(people: int, step: int) -> int:
    """Count out a circle.

    People with the numbers 1 to `people` stand in a circle. Starting with number 1, count from 1 to
    `step`; whoever is counted last leaves, and counting starts anew with the next one. Return the
    number of the person who is left at the end.
    """
    circle = list(range(1, people + 1))
    place = 0
    while len(circle) > 1:
        place = (place + step - 1) % len(circle)
        circle.pop(place)
    return circle[0]


@problem(
    level=3,
    variants={"born": ((3,), (3, 6), (2,)), "stays": ((2, 3), (1, 2))},
    draw=lambda dice, n: (
        [dice.word(2 + n % 5, "#.") for _ in range(2 + n % 4)],
        dice.number(1, 1 + n // 4),
    ),
    edges=((["...", "###", "..."], 1), (["##", "##"], 1), (["#....", ".....", "....#"], 1)),
    bugs=(
        ("if (down, right) != (0, 0)", "if True"),
        ("0 <= x < len(rows[y])", "x < len(rows[y])"),
        ("for _ in range(rounds)", "for _ in range(1, rounds)"),
    ),
)
def living_cells(
    rows: list[str], rounds: int, *, born: tuple[int, ...], stays: tuple[int, ...]
) -> list[str]:
    """Let cells live and die.

    The rows are equally long texts of "#" for living cells and "." for dead ones, and around them
    all is dead for ever. In each round, all cells change at once: a dead cell comes to life if the
    number of living ones among its eight neighbours is in $born, and a living one stays alive if
    that number is in $stays. Return the rows after so many rounds.
    """
    for _ in range(rounds):
        after = []
        for row, line in enumerate(rows):
            cells = ""
            for column, cell in enumerate(line):
                alive = 0
                for down in (-1, 0, 1):
                    for right in (-1, 0, 1):
                        y, x = row + down, column + right
                        if (down, right) != (0, 0):
                            inside = 0 <= y < len(rows) and 0 <= x < len(rows[y])
                            alive += inside and rows[y][x] == "#"
                cells += "#" if alive in (stays if cell == "#" else born) else "."
            after.append(cells)
        rows = after
    return rows


@problem(
    level=3,
    variants={"policy": ("least recently used", "oldest")},
    draw=lambda dice, n: (dice.number(1, 2 + n // 4), dice.word(2 * n, "abcdef"[: 3 + n // 4])),
    edges=((2, "abacab"), (1, "aab"), (2, "abab"), (3, "abcadabc")),
    bugs=(
        ("kept.pop(0)", "kept.pop()"),
        ("len(kept) == size", "len(kept) > size"),
        ("hits += 1\n", "hits += 2\n"),
    ),
)
def cache_hits(size: int, requests: str, *, policy: str) -> int:
    """Count the hits of a cache.

    A cache keeps up to `size` pages, one letter each, and is empty at first. Each request that
    finds its page in the cache is a hit. Otherwise the page is taken in; if the cache is full, the
    $policy page leaves first. (A page's age counts from when it was last taken in.) Return the
    number of hits.
    """
    kept: list[str] = []
    hits = 0
    for page in requests:
        if page in kept:
            hits += 1
            if policy == "least recently used":
                kept.remove(page)
                kept.append(page)
        else:
            if len(kept) == size:
                kept.pop(0)
            kept.append(page)
    return hits


@problem(
    level=2,
    draw=lambda dice, n: (dice.number(1, 1 + n // 4), dice.ints(n, 1, 9)),
    edges=((2, [5, 1, 1, 9]), (3, [4]), (1, [2, 2])),
    bugs=(
        ("free.index(min(free))", "len(ends) % len(free)"),
        ("free[desk] += duration", "free[desk] = duration"),
        ("return ends", "return sorted(ends)"),
    ),
)
def serve_customers(desks: int, minutes: list[int]) -> list[int]:
    """Serve a queue of customers.

    All customers come at minute 0 and queue up; `minutes` says how long each one takes, in the
    order of the queue. Whenever one of the desks is free, the next customer goes there. Return at
    which minute each customer is done, in the order of the queue.
    """
    free = [0] * desks
    ends = []
    for duration in minutes:
        desk = free.index(min(free))
        free[desk] += duration
        ends.append(free[desk])
    return ends


def _draw_commands(dice: Dice, n: int) -> tuple[list[str]]:
    kinds = ["type", "type", "delete", "undo", "redo"]
    commands = []
    for _ in range(n + 1):
        kind = dice.choice(kinds)
        number = dice.number(1, 3)
        commands.append(f"type {dice.word(number)}" if kind == "type" else f"{kind} {number}")
    return (commands,)


@problem(
    level=3,
    draw=_draw_commands,
    edges=(
        (["type ab", "undo 1", "type c", "redo 1"],),
        (["type ab", "delete 5", "undo 1"],),
        (["type a", "type b", "undo 2", "type c"],),
    ),
    bugs=(
        ("del history[now + 1 :]", "pass"),
        ("history[now]\n            del", "history[-1]\n            del"),
        ("max(now - int(rest), 0)", "max(now - 1, 0)"),
    ),
)
def edit_text(commands: list[str]) -> str:
    """Carry out the commands of an editor.

    The text is empty at first. "type W" appends the word W, and "delete N" removes the last N
    characters, or all if there are fewer. "undo N" takes back the last N of these changes that are
    in effect, and "redo N" makes the last N that were taken back again; both stop where there are
    no more. After a new change, what was taken back cannot be made again. Return the text.
    """
    history, now = [""], 0
    for command in commands:
        kind, rest = command.split()
        if kind == "undo":
            now = max(now - int(rest), 0)
        elif kind == "redo":
            now = min(now + int(rest), len(history) - 1)
        else:
            text = history[now]
            del history[now + 1 :]
            text = text + rest if kind == "type" else text[: max(len(text) - int(rest), 0)]
            history.append(text)
            now += 1
    return history[now]


@problem(
    level=4,
    held_out=True,
    draw=lambda dice, n: (
        dice.number(2, 3 + n // 4),
        [[dice.number(0, 2), dice.number(0, 2)] for _ in range(n // 2)],
        dice.word(2 * n, "RRDDLU"),
    ),
    edges=(
        (3, [[0, 1], [0, 2]], "RRDLUR"),
        (4, [[0, 1], [0, 2], [0, 3], [1, 3]], "RRRDLURR"),
        (2, [], "RDLURD"),
        (3, [[0, 1]], "RLR"),
        (3, [[0, 1], [0, 0]], "RLR"),
    ),
    bugs=(
        ("if head in body[1:]", "if head in body"),
        ("body.pop(0)", "body.pop()"),
        ("meals.pop(0)", "meals.pop()"),
    ),
)
def play_snake(size: int, food: list[list[int]], moves: str) -> int:
    """Play the game of snake.

    A snake of one cell sits at row 0, column 0 of a board of `size` by `size` cells, and moves its
    head by one cell for each letter of `moves` (U, D, L or R; row 0 is the top). The first item of
    `food`, a cell [row, column], lies on the board; when the head comes to it, the snake becomes
    one cell longer, since its tail stays in that move, and the next item appears, wherever it is.
    Otherwise the tail moves on first, and then the head. The game is over when the head leaves the
    board or comes to a cell of the snake. Return the number of moves up to that one, or of all
    moves if that never happens. Food that appears under the snake is eaten only by a later move of
    the head to it.
    """
    steps = {"U": (-1, 0), "D": (1, 0), "L": (0, -1), "R": (0, 1)}
    body, meals = [(0, 0)], list(food)
    for count, move in enumerate(moves, start=1):
        head = (body[-1][0] + steps[move][0], body[-1][1] + steps[move][1])
        if not (0 <= head[0] < size and 0 <= head[1] < size):
            return count
        if meals and head == tuple(meals[0]):
            if head in body:
                return count
            meals.pop(0)
        else:
            if head in body[1:]:
                return count
            body.pop(0)
        body.append(head)
    return len(moves)


@problem(
    level=2,
    held_out=True,
    draw=lambda dice, n: (
        {str(coin): dice.number(0, 2) for coin in (1, 2, 5, 10, 20)},
        dice.number(0, 8 + 3 * n),
    ),
    bugs=(
        ("min(stock[str(coin)], amount // coin)", "amount // coin"),
        ("if amount:", "if amount < 0:"),
        ("(20, 10, 5, 2, 1)", "(1, 2, 5, 10, 20)"),
    ),
)
def give_change(stock: dict[str, int], amount: int) -> dict[str, int] | None:
    """Let a machine give change.

    `stock` says how many coins of each value from "1", "2", "5", "10" and "20" the machine holds.
    It goes through the values from the greatest to the smallest and gives as many coins of each as
    it has and as fit into what is still owed. Return how many coins of each value it gives, without
    those that it gives none of, or None if it cannot give the whole amount in this way.
    """
    given: dict[str, int] = {}
    for coin in (20, 10, 5, 2, 1):
        count = min(stock[str(coin)], amount // coin)
        if count:
            given[str(coin)] = count
            amount -= count * coin
    if amount:
        return None
    return given


@problem(
    level=4,
    variants={"rule": (30, 90, 110)},
    draw=lambda dice, n: (dice.word(3 + n, ".#"), dice.number(1, 2 + n)),
    edges=(("#..", 0), ("#.#.", 1)),
    bugs=(
        ("cells[index - 1]", "cells[max(index - 1, 0)]"),
        ("4 * left + 2 * middle + right", "4 * middle + 2 * left + right"),
        ("(index + 1) % len(cells)", "min(index + 1, len(cells) - 1)"),
    ),
)
def ring_automaton(state: str, steps: int, *, rule: int) -> str:
    """Run a cellular automaton on a ring.

    `state` is a text of "#" for 1 and "." for 0, and its last cell is the left neighbour of its
    first. In each step, all cells change at once: from the values of the left neighbour, the cell
    itself and the right neighbour, read as a number k from 0 to 7 with the left one as the highest
    bit, a cell takes the bit of rank k of the number $rule, where rank 0 is the lowest bit. Return
    the state after so many steps.
    """
    cells: list[Any] = [int(char == "#") for char in state]
    for _ in range(steps):
        after = []
        for index, middle in enumerate(cells):
            left, right = cells[index - 1], cells[(index + 1) % len(cells)]
            after.append(rule >> (4 * left + 2 * middle + right) & 1)
        cells = after
    return "".join("#" if cell else "." for cell in cells)
