"""Programs that read records and write a summary."""

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


def _lines(*lines: object) -> str:
    return "".join(f"{line}\n" for line in lines)


@problem(
    level=1,
    form="stdin",
    variants={"what": ("sum", "greatest")},
    draw=lambda dice, n: _lines(
        *(" ".join(map(str, dice.ints(dice.number(1, 4), -9, 20))) for _ in range(1 + n // 2))
    ),
    edges=("-5 -7\n", "1\n2\n", "3 4\n"),
    bugs=(
        ("what == 'sum'", "what != 'sum'"),
        ("for line in text.splitlines():", "for line in text.splitlines()[:1]:"),
        ("int(word) for word", "abs(int(word)) for word"),
    ),
)
def line_totals(text: str, *, what: str) -> str:
    """Summarise lines of numbers.

    Each line of the input has at least one whole number; they are separated by spaces. For each
    line, write a line with the $what of its numbers.
    """
    results = []
    for line in text.splitlines():
        numbers = [int(word) for word in line.split()]
        results.append(f"{sum(numbers) if what == 'sum' else max(numbers)}\n")
    return "".join(results)


@problem(
    level=1,
    form="stdin",
    draw=lambda dice, n: _lines(1 + n, " ".join(str(dice.decimal(-5, 20)) for _ in range(1 + n))),
    edges=("1\n0.0\n", "2\n1.5 -1.5\n", "3\n0.1 0.2 0.4\n"),
    bugs=(
        ("/ len(values)", "/ (len(values) + 1)"),
        ("max(values) - min(values)", "max(values)"),
        ("{mean:.3f}", "{mean:.1f}"),
    ),
)
def mean_and_range(text: str) -> str:
    """Find the mean and the range of measurements.

    The first line of the input is the number of measurements, at least 1, and the second has the
    measurements, separated by spaces. Write their mean on one line, and on another the difference
    between the greatest and the smallest, both with three digits behind the decimal point.
    """
    values = [float(word) for word in text.split()[1:]]
    spread = max(values) - min(values)
    mean = sum(values) / len(values)
    return f"{mean:.3f}\n{spread:.3f}\n"


def _draw_account(dice: Dice, n: int) -> str:
    kinds = ("deposit", "deposit", "withdraw")
    return _lines(*(f"{dice.choice(kinds)} {dice.number(1, 20)}" for _ in range(1 + n)))


@problem(
    level=2,
    form="stdin",
    variants={"overdraft": (0, 10)},
    draw=_draw_account,
    edges=(
        "withdraw 50\nwithdraw 30\n",
        "withdraw 5\n",
        "deposit 5\nwithdraw 5\n",
        "withdraw 11\n",
        "withdraw 10\n",
    ),
    bugs=(
        ("balance - amount >= -overdraft", "balance - amount > -overdraft"),
        ("refused += 1", "refused = 1"),
        ("amount >= -overdraft", "amount >= 1 - overdraft"),
    ),
)
def run_account(text: str, *, overdraft: int) -> str:
    """Keep an account.

    The account holds 0 at first. Each line of the input is "deposit N" or "withdraw N" with a
    positive N. A withdrawal that would leave less than -$overdraft is refused and changes nothing.
    Write the balance in the end and the number of refused withdrawals, on one line, separated by a
    space.
    """
    balance = refused = 0
    for line in text.splitlines():
        kind, number = line.split()
        amount = int(number)
        if kind == "deposit":
            balance += amount
        elif balance - amount >= -overdraft:
            balance -= amount
        else:
            refused += 1
    return f"{balance} {refused}\n"


def _draw_scores(dice: Dice, n: int) -> str:
    names = ("ada", "bob", "cleo", "dan")
    return _lines(*(f"{dice.choice(names)} {dice.number(1, 5)}" for _ in range(1 + n)))


@problem(
    level=2,
    form="stdin",
    draw=_draw_scores,
    edges=("bob 3\nada 3\n", "ada 1\nada 1\nbob 3\n"),
    bugs=(
        ("(-points[name], name)", "-points[name]"),
        ("points.get(name, 0) + int(score)", "int(score)"),
        ("(-points[name], name)", "(points[name], name)"),
    ),
)
def leader_board(text: str) -> str:
    """Make a leader board.

    Each line of the input is a name and the points that were scored, separated by a space; a name
    may come several times. For each name, write a line with it and the sum of its points, the
    greatest sum first. Names with equal sums are in alphabetical order.
    """
    points: dict[str, int] = {}
    for line in text.splitlines():
        name, score = line.split()
        points[name] = points.get(name, 0) + int(score)
    ordered = sorted(points, key=lambda name: (-points[name], name))
    return "".join(f"{name} {points[name]}\n" for name in ordered)


def _draw_log(dice: Dice, n: int) -> str:
    lines, minute = [], 0
    for _ in range(1 + n):
        minute += dice.number(0, 9)
        user = dice.choice("abc")
        lines.append(f"{minute} {user} {dice.choice(('in', 'out'))}")
    return _lines(*lines)


@problem(
    level=3,
    form="stdin",
    draw=_draw_log,
    edges=(
        "1 a in\n5 a out\n",
        "1 a out\n",
        "1 a in\n2 a in\n9 a out\n",
        "0 a in\n3 a out\n4 a out\n",
    ),
    bugs=(
        ("since.setdefault(user, int(minute))", "since[user] = int(minute)"),
        ("since.pop(user)", "since.get(user)"),
        ('or "none\\n"', "or ''"),
    ),
)
def session_times(text: str) -> str:
    """Add up how long users were logged in.

    Each line of the input is a minute, a user and "in" or "out", separated by spaces; the minutes
    do not decrease. A session begins when a user who is out comes in, and ends with that user's
    next "out". Further "in" lines within a session, and "out" lines outside of one, are ignored,
    and so are sessions that do not end. For each user with at least one session, in alphabetical
    order, write the user and the minutes of all the sessions together. If there is none, write
    "none".
    """
    since: dict[str, int] = {}
    totals: dict[str, int] = {}
    for line in text.splitlines():
        minute, user, kind = line.split()
        if kind == "in":
            since.setdefault(user, int(minute))
        elif user in since:
            start = since.pop(user)
            totals[user] = totals.get(user, 0) + int(minute) - int(start or 0)
    return "".join(f"{user} {totals[user]}\n" for user in sorted(totals)) or "none\n"


def _draw_queue(dice: Dice, n: int) -> str:
    lines = []
    for number in range(1 + n):
        kind = dice.choice(("join", "join", "vip", "serve", "serve"))
        lines.append("serve" if kind == "serve" else f"{kind} c{number}")
    return _lines(*lines, "serve")


@problem(
    level=3,
    form="stdin",
    held_out=True,
    draw=_draw_queue,
    edges=(
        "join a\nvip b\nvip c\nserve\nserve\nserve\nserve\n",
        "serve\n",
        "vip a\nvip b\nvip c\nserve\njoin d\nvip e\nserve\nserve\nserve\nserve\n",
    ),
    bugs=(
        ("queue.insert(num_vips, line.split()[1])", "queue.insert(0, line.split()[1])"),
        ("num_vips = max(num_vips - 1, 0)", "pass"),
        ('served.append("nobody")', "pass"),
    ),
)
def serve_queue(text: str) -> str:
    """Serve a queue with important guests.

    Each line of the input is "join X", "vip X" or "serve". X joins the end of the queue, or, if
    important, stands behind the important guests who are waiting and before all others. For each
    "serve", the first of the queue leaves; write the name on a line of its own, or "nobody" if no
    one is waiting.
    """
    queue: list[str] = []
    served = []
    num_vips = 0
    for line in text.splitlines():
        if line.startswith("join"):
            queue.append(line.split()[1])
        elif line.startswith("vip"):
            queue.insert(num_vips, line.split()[1])
            num_vips += 1
        elif queue:
            served.append(queue.pop(0))
            num_vips = max(num_vips - 1, 0)
        else:
            served.append("nobody")
    return "".join(f"{name}\n" for name in served)


def _draw_links(dice: Dice, n: int) -> str:
    towns = "abcdefgh"[: 3 + n // 4]
    links = [f"{dice.choice(towns)} {dice.choice(towns)} {dice.number(1, 9)}" for _ in range(2 + n)]
    return _lines(f"{towns[0]} {towns[-1]}", *links)


@problem(
    level=4,
    form="stdin",
    draw=_draw_links,
    edges=("a b\na b 3\n", "a c\nb c 1\na b 1\na c 3\n", "a b\na a 1\n", "a c\nc a 4\n"),
    bugs=(
        ("(a, b), (b, a)", "(a, b), (a, b)"),
        ("length < best.get(end, length + 1)", "end not in best"),
        ('str(best[goal]) if goal in best else "no way"', "str(best.get(goal, -1))"),
    ),
)
def shortest_trip(text: str) -> str:
    """Find the shortest trip between two towns.

    The first line of the input names a start and a goal, two different towns. Each further line
    names two towns and the length of a road between them, which can be used in both directions.
    All are separated by spaces. Write the length of the shortest trip from the start to the goal,
    or "no way" if there is none.
    """
    first, *rest = text.splitlines()
    start, goal = first.split()
    roads = [line.split() for line in rest]
    best = {start: 0}
    pending = [start]
    while pending:
        town = pending.pop(0)
        for a, b, number in roads:
            for begin, end in [(a, b), (b, a)]:
                length = best[town] + int(number)
                if begin == town and length < best.get(end, length + 1):
                    best[end] = length
                    pending.append(end)
    return (str(best[goal]) if goal in best else "no way") + "\n"


def _draw_orders(dice: Dice, n: int) -> str:
    lines = []
    for number in range(1 + n):
        side = dice.choice(("buy", "sell"))
        lines.append(f"{side} {dice.number(1, 5)} {dice.number(8, 12)} t{number}")
    return _lines(*lines)


@problem(
    level=4,
    form="stdin",
    held_out=True,
    draw=_draw_orders,
    edges=("sell 5 10 a\nbuy 3 12 b\nbuy 3 10 c\n", "buy 1 9 a\nbuy 1 10 b\nsell 2 8 c\n"),
    bugs=(
        ("(-sign * limit, number", "(sign * limit, number"),
        ("if sign * (price - limit) > 0", "if price != limit"),
        ("pieces = min(left, held)", "pieces = left"),
    ),
)
def match_orders(text: str) -> str:
    """Run a small exchange.

    Each line of the input is an order: "buy" or "sell", a number of pieces, a price and the name of
    the trader. An order is matched with waiting orders of the other side, the best price first (the
    lowest to a buyer, the highest to a seller), of equal prices the one that has waited longest, as
    long as their price is no worse than its own. Each match is of as many pieces as both have left.
    What is left of the order then waits. For each match, write a line with the buyer, the seller,
    the pieces, and the price, which is that of the order that waited. If there is no match, write
    "none".
    """
    books: dict[str, list[tuple[int, int, int, str]]] = {"buy": [], "sell": []}
    trades = []
    for number, line in enumerate(text.splitlines()):
        side, count, bound, name = line.split()
        left, limit = int(count), int(bound)
        other = "sell" if side == "buy" else "buy"
        sign = 1 if side == "buy" else -1
        rest = []
        for cost, since, held, trader in sorted(books[other]):
            price = abs(cost)
            pieces = min(left, held)
            if sign * (price - limit) > 0:
                pieces = 0
            if pieces:
                buyer, seller = (name, trader) if side == "buy" else (trader, name)
                trades.append(f"{buyer} {seller} {pieces} {price}\n")
                left -= pieces
            if held > pieces:
                rest.append((cost, since, held - pieces, trader))
        books[other] = rest
        if left:
            books[side].append((-sign * limit, number, left, name))
    return "".join(trades) or "none\n"
