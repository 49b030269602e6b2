"""Problems about counting, grouping and looking up."""

from typing import Any

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


@problem(
    level=2,
    variants={"top": (1, 2, 3)},
    draw=lambda dice, n: (" ".join(dice.words(2 * n, longest=1, letters="abcdeABC")),),
    bugs=(
        (".lower()", ""),
        ("(-words.count(word), word)", "-words.count(word)"),
        ("(-words.count(word), word)", "(words.count(word), word)"),
    ),
)
def commonest_words(text: str, *, top: int) -> list[str]:
    """Find the most frequent words.

    The words of `text` are separated by spaces, and upper and lower case are the same. Return the
    $top most frequent words in lower case, the most frequent first; words that come equally often
    are in alphabetical order. Return fewer if the text has fewer different words.
    """
    words = text.lower().split()
    return sorted(dict.fromkeys(words), key=lambda word: (-words.count(word), word))[:top]


def _draw_anagrams(dice: Dice, n: int) -> tuple[list[str]]:
    roots = dice.words(1 + n // 3, longest=4, letters="abco")
    return (["".join(dice.shuffled(dice.choice(roots))) for _ in range(n)],)


@problem(
    level=2,
    draw=_draw_anagrams,
    edges=((["ab", "aab", "ba", "aba"],),),
    bugs=(
        ('"".join(sorted(word))', '"".join(sorted(set(word)))'),
        ("sorted(set(members))", "sorted(members)"),
        ("if len(group) > 1", "if group"),
    ),
)
def anagram_groups(words: list[str]) -> list[list[str]]:
    """Group the words that have the same letters.

    Two words belong together if one can be made of the other by changing the order of its letters.
    Return the groups that hold at least two different words. A group lists its different words in
    alphabetical order, and the groups are in the order of their first words.
    """
    by_letters: dict[str, list[str]] = {}
    for word in words:
        by_letters.setdefault("".join(sorted(word)), []).append(word)
    groups = [sorted(set(members)) for members in by_letters.values()]
    return sorted(group for group in groups if len(group) > 1)


def _draw_stock(dice: Dice, n: int) -> dict[str, int]:
    return {
        name: dice.number(1, 9)
        for name in sorted(set(dice.words(n, longest=1, letters="abcdefgh")))
    }


@problem(
    level=1,
    draw=lambda dice, n: (_draw_stock(dice, n), _draw_stock(dice, n)),
    bugs=(
        ("if left > 0", "if left >= 0"),
        ("stock.items():", "order.items():"),
        ("- order.get(name, 0)", "- order.get(name, 1)"),
    ),
)
def take_from_stock(stock: dict[str, int], order: dict[str, int]) -> dict[str, int]:
    """Work out what is left in stock.

    `stock` says how many pieces there are of each article, and `order` how many are taken. Return
    the stock afterwards, without the articles of which nothing is left. Of an article that the
    stock has too few of, all are taken; an article that the stock does not have is ignored.
    """
    remaining: dict[str, int] = {}
    for name, pieces in stock.items():
        left = pieces - order.get(name, 0)
        if left > 0:
            remaining[name] = left
    return remaining


@problem(
    level=2,
    draw=lambda dice, n: (
        [" ".join(dice.words(dice.number(0, 3), longest=1, letters="abcde")) for _ in range(n)],
    ),
    bugs=(
        ("set(line.split())", "line.split()"),
        ("start=1", "start=0"),
        ("sorted(set(line.split()))", "sorted(line)"),
    ),
)
def line_index(lines: list[str]) -> dict[str, list[int]]:
    """Make an index of words.

    `lines` holds words separated by spaces. Return a dict with every word as a key, and the numbers
    of the lines that hold it as the value, ascending and each once. The first line has number 1.
    """
    index: dict[str, list[int]] = {}
    for number, line in enumerate(lines, start=1):
        for word in sorted(set(line.split())):
            index.setdefault(word, []).append(number)
    return index


def _draw_tree(dice: Dice, depth: int) -> Any:
    if depth <= 0 or dice.chance(0.3):
        return dice.number(0, 99)
    names = sorted(set(dice.words(3, longest=1, letters="abcd")))
    return {name: _draw_tree(dice, depth - 1) for name in names}


@problem(
    level=3,
    variants={"separator": (".", "/", "->")},
    draw=lambda dice, n: (
        {name: _draw_tree(dice, n // 5) for name in sorted(set(dice.words(1 + n // 2, longest=2)))},
    ),
    bugs=(
        ("+ separator +", "+"),
        ("pending.append((full, inner))", "flat[full] = 0"),
        ("if isinstance(inner, dict):", "if isinstance(inner, dict) and inner and not path:"),
    ),
)
def flatten_keys(tree: dict[str, Any], *, separator: str) -> dict[str, int]:
    """Flatten nested dicts.

    `tree` maps names to numbers or to further such dicts, to any depth. Return one dict that maps
    the path of every number to it: the names on the way, joined by "$separator".
    """
    flat: dict[str, int] = {}
    pending: list[tuple[str, Any]] = [("", tree)]
    while pending:
        path, node = pending.pop()
        for name, inner in node.items():
            full = path + separator + name if path else name
            if isinstance(inner, dict):
                pending.append((full, inner))
            else:
                flat[full] = inner
    return flat


@problem(
    level=2,
    held_out=True,
    draw=lambda dice, n: (
        {name: dice.number(0, 5) for name in sorted(set(dice.words(n, longest=2)))},
    ),
    edges=(({},), ({"a": 0, "b": 0},)),
    bugs=(
        ("other > points", "other >= points"),
        ("other > points", "other < points"),
        ("in scores.values()", "in set(scores.values())"),
    ),
)
def competition_ranks(scores: dict[str, int]) -> dict[str, int]:
    """Rank players by their points.

    Return the rank of each player. The most points have rank 1, and equal points have equal ranks.
    After a rank that several players share, as many ranks are left out: 1, 2, 2, 4.
    """
    return {
        name: 1 + sum(other > points for other in scores.values())
        for name, points in scores.items()
    }


def _draw_payments(dice: Dice, n: int) -> tuple[list[list[Any]]]:
    payments = []
    for _ in range(n):
        payer, *others = dice.shuffled("ABCDE")
        payments.append([payer, dice.number(1, 30), "".join(sorted(others[: dice.number(1, 3)]))])
    return (payments,)


@problem(
    level=3,
    draw=_draw_payments,
    bugs=(
        ("amount * len(guests)", "amount"),
        ("if balance", "if balance > 0"),
        ("get(payer, 0) + amount", "get(payer, 0) - amount"),
    ),
)
def settle_balances(payments: list[list[Any]]) -> dict[str, int]:
    """Work out who owes how much.

    Each payment is a list [payer, amount, guests]: the payer spent `amount` on each person in the
    text `guests`, one letter a person. Return each person's balance, what others owe to it less
    what it owes to others, without those whose balance is 0.
    """
    balances: dict[str, int] = {}
    for payer, amount, guests in payments:
        balances[payer] = balances.get(payer, 0) + amount * len(guests)
        for guest in guests:
            balances[guest] = balances.get(guest, 0) - amount
    return {name: balance for name, balance in balances.items() if balance}


def _draw_ballots(dice: Dice, n: int) -> tuple[list[str]]:
    names = "ABCD"[: 2 + n % 3]
    return (["".join(dice.shuffled(names)) for _ in range(n + 1)],)


@problem(
    level=4,
    held_out=True,
    draw=_draw_ballots,
    edges=(
        (["ABC", "ABC", "BCA", "BCA", "CBA"],),
        (["BA", "AB"],),
        (["ACB", "ABC", "BAC", "CAB", "CAB"],),
    ),
    bugs=(
        ("2 * counts[leader] > len(ballots)", "2 * counts[leader] >= 0"),
        ("min(running, key=lambda name: (counts[name], name))", "min(running)"),
        ("(counts[name], name))\n        running", "(-counts[name], name))\n        running"),
    ),
)
def instant_runoff(ballots: list[str]) -> str:
    """Hold an election with runoffs.

    Each ballot ranks all candidates, one letter each, the favourite first. A ballot counts for the
    first of its candidates that is still running. Whoever has more than half of the ballots wins.
    While nobody has, the candidate with the fewest ballots is out, of several the one that comes
    first in the alphabet. Return the winner. There is at least one ballot.
    """
    running = sorted(ballots[0])
    while True:
        counts = dict.fromkeys(running, 0)
        for ballot in ballots:
            favourite = next(name for name in ballot if name in counts)
            counts[favourite] += 1
        leader = max(running, key=lambda name: counts[name])
        if 2 * counts[leader] > len(ballots):
            return leader
        loser = min(running, key=lambda name: (counts[name], name))
        running = [name for name in running if name != loser]
