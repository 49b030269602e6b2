"""Problems about graphs and trees."""

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


def _draw_edges(dice: Dice, n: int, *, share: float = 1.0) -> tuple[int, list[list[int]]]:
    """Return a number of nodes and some edges between different nodes, each pair once."""
    count = n // 2 + 2
    pairs = [[a, b] for a in range(count) for b in range(a)]
    wanted = min(len(pairs), round(share * dice.number(1, count + 1)))
    return count, [list(dice.shuffled(pair)) for pair in dice.shuffled(pairs)[:wanted]]


def _draw_weighted(dice: Dice, n: int) -> tuple[int, list[list[int]]]:
    count, edges = _draw_edges(dice, n, share=1.5)
    return count, [[*edge, dice.number(1, 9)] for edge in edges]


@problem(
    level=2,
    draw=lambda dice, n: _draw_edges(dice, n, share=0.7),
    edges=((1, []), (4, [])),
    bugs=(
        ("parent[root(a)] = root(b)", "parent[a] = b"),
        ("node != parent[node]", "False"),
        ("for node in range(count)", "for node, _ in edges"),
    ),
)
def count_components(count: int, edges: list[list[int]]) -> int:
    """Count the connected parts of a graph.

    The nodes are the numbers from 0 to `count` - 1, and each of `edges` is a list of the two nodes
    that it joins. Return the number of parts: within one, every node can be reached from every
    other over edges, and no edge leads out of it. A node without edges is a part of its own.
    """
    parent = list(range(count))

    def root(node: int) -> int:
        while node != parent[node]:
            node = parent[node]
        return node

    for a, b in edges:
        parent[root(a)] = root(b)
    return len({root(node) for node in range(count)})


@problem(
    level=2,
    draw=lambda dice, n: ([-1] + [dice.number(0, node) for node in range(n)],),
    edges=(([-1],), ([-1, 0, 1, 2],)),
    bugs=(
        ("depths[parents[node]] + 1", "depths[node - 1] + 1"),
        ("max(depths)", "depths[-1]"),
        ("depths = [0]", "depths = [1]"),
    ),
)
def tree_height(parents: list[int]) -> int:
    """Find the height of a tree.

    `parents[i]` is the parent of node i, which is always a node with a smaller number; node 0 is
    the root and has -1. Return the number of edges on the longest way from the root to a node.
    """
    depths = [0]
    for node in range(1, len(parents)):
        depths.append(depths[parents[node]] + 1)
    return max(depths)


@problem(
    level=3,
    draw=lambda dice, n: ([dice.word(n % 5 + 2, "....#") for _ in range(2 + n % 4)],),
    edges=(
        (["."],),
        (["#."],),
        ([".#", "#."],),
        (["..", ".."],),
        (["..#...", "#.#.#.", "#...#."],),
        (["....", "###.", "....", ".###", "...."],),
    ),
    bugs=(
        ("0 <= x < len(grid[0])", "0 <= x < len(grid)"),
        ("[(-1, 0), (1, 0), (0, -1), (0, 1)]", "[(1, 0), (0, 1)]"),
        ("steps[row, column] + 1", "steps[row, column] + 2"),
    ),
)
def shortest_way_out(grid: list[str]) -> int:
    """Find the shortest way through a maze.

    The rows of `grid` are equally long texts of "." for free cells and "#" for walls. A step leads
    to one of the four neighbours that is free. Return the smallest number of steps from the top
    left cell to the bottom right one, or -1 if there is no way or one of the two is a wall.
    """
    goal = len(grid) - 1, len(grid[0]) - 1
    if grid[0][0] == "#" or grid[-1][-1] == "#":
        return -1
    steps = {(0, 0): 0}
    queue = [(0, 0)]
    for row, column in queue:
        for down, right in [(-1, 0), (1, 0), (0, -1), (0, 1)]:
            y, x = row + down, column + right
            inside = 0 <= y < len(grid) and 0 <= x < len(grid[0])
            if inside and grid[y][x] == "." and (y, x) not in steps:
                steps[y, x] = steps[row, column] + 1
                queue.append((y, x))
    return steps.get(goal, -1)


@problem(
    level=3,
    draw=lambda dice, n: _draw_edges(dice, n + 1),
    edges=(
        (3, []),
        (2, [[0, 1], [1, 0]]),
        (3, [[0, 2], [1, 2], [2, 1]]),
        (4, [[3, 0], [2, 0], [0, 1]]),
    ),
    bugs=(
        ("task = min(ready)", "task = ready[0]"),
        ("task = min(ready)", "task = max(ready)"),
        ("if missing[after] == 0", "if missing[after] >= 0 and after not in ready"),
        ("if len(order) == count else []", ""),
    ),
)
def first_order(count: int, rules: list[list[int]]) -> list[int]:
    """Put tasks into an order.

    The tasks are the numbers from 0 to `count` - 1. A rule [a, b] says that task a must come before
    task b. Return the order of all tasks that keeps every rule; of several, the one that is
    smallest when they are compared item by item. Return an empty list if there is none.
    """
    missing = [0] * count
    for _, after in rules:
        missing[after] += 1
    ready = [task for task in range(count) if missing[task] == 0]
    order = []
    while ready:
        task = min(ready)
        ready.remove(task)
        order.append(task)
        for before, after in rules:
            if before == task:
                missing[after] -= 1
                if missing[after] == 0:
                    ready.append(after)
    return order if len(order) == count else []


@problem(
    level=3,
    held_out=True,
    draw=lambda dice, n: _draw_edges(dice, n + 2, share=0.9),
    edges=(
        (3, [[0, 1], [1, 2], [2, 0]]),
        (1, []),
        (4, [[0, 1], [2, 3], [1, 2], [3, 0]]),
        (4, [[0, 1], [1, 2], [1, 3], [2, 3]]),
        (5, [[0, 1], [1, 2], [2, 3], [3, 4], [4, 0]]),
    ),
    bugs=(
        ("for start in range(count)", "for start in range(1)"),
        ("team[start] = 0", "team[start] = start % 2"),
        ("elif team[other] == team[node]", "elif team[other] == team[node] == 1"),
    ),
)
def two_teams(count: int, rivals: list[list[int]]) -> list[int] | None:
    """Divide players into two teams.

    The players are the numbers from 0 to `count` - 1, and the two players of each pair in `rivals`
    must be in different teams, 0 and 1. Return the team of each player, or None if that cannot be.
    Among players who are linked by rivalries, the one with the smallest number is in team 0.
    """
    team = [-1] * count
    for start in range(count):
        if team[start] != -1:
            continue
        team[start] = 0
        pending = [start]
        while pending:
            node = pending.pop()
            for a, b in rivals:
                if node in (a, b):
                    other = b if node == a else a
                    if team[other] == -1:
                        team[other] = 1 - team[node]
                        pending.append(other)
                    elif team[other] == team[node]:
                        return None
    return team


@problem(
    level=4,
    draw=_draw_weighted,
    edges=(
        (2, []),
        (3, [[0, 1, 9], [1, 2, 1], [0, 2, 2]]),
        (3, [[2, 1, 1], [1, 0, 1]]),
        (3, [[0, 1, 500], [1, 2, 700]]),
    ),
    bugs=(
        ("if length < distances[end]", "if distances[end] == unreachable"),
        ("(b, a)", "(a, b)"),
        ("distances[start] + weight", "weight"),
        ("-1 if distance == unreachable else distance", "distance"),
    ),
)
def cheapest_routes(count: int, roads: list[list[int]]) -> list[int]:
    """Find the cheapest routes from one town.

    The towns are the numbers from 0 to `count` - 1. A road [a, b, toll] can be used in both
    directions at the same positive toll. Return, for each town, the smallest sum of tolls of a
    route from town 0, or -1 if there is none. For town 0 that is 0.
    """
    unreachable = 10**9
    distances = [0] + [unreachable] * (count - 1)
    changed = True
    while changed:
        changed = False
        for a, b, weight in roads:
            for start, end in ((a, b), (b, a)):
                length = distances[start] + weight
                if length < distances[end]:
                    distances[end] = length
                    changed = True
    return [-1 if distance == unreachable else distance for distance in distances]


@problem(
    level=4,
    held_out=True,
    draw=_draw_weighted,
    edges=((2, []), (3, [[0, 1, 9], [1, 2, 1], [0, 2, 2]]), (2, [[0, 1, 4]])),
    bugs=(
        ("key=lambda edge: edge[2]", "key=lambda edge: -edge[2]"),
        ("if group[a] != group[b]:", "if True:"),
        ("len(set(group)) == 1", "True"),
    ),
)
def cheapest_network(count: int, cables: list[list[int]]) -> int:
    """Connect all houses as cheaply as possible.

    The houses are the numbers from 0 to `count` - 1, and a cable [a, b, price] can be laid between
    two of them. Return the smallest sum of prices of cables that link every house with every other,
    directly or over others, or -1 if all cables together do not.
    """
    group = list(range(count))
    total = 0
    for a, b, price in sorted(cables, key=lambda edge: edge[2]):
        if group[a] != group[b]:
            total += price
            old, new = group[a], group[b]
            group = [new if name == old else name for name in group]
    return total if len(set(group)) == 1 else -1


@problem(
    level=4,
    draw=lambda dice, n: _draw_edges(dice, n + 2, share=1.1),
    edges=((2, [[0, 1]]), (3, [[0, 1], [1, 2], [2, 0]]), (5, [[0, 1], [1, 2], [2, 0], [3, 2]])),
    bugs=(
        ("if [a, b] != skipped", "if a != skipped[0]"),
        ("sorted([a, b])", "[a, b]"),
        ("if target not in seen", "if target in seen"),
    ),
)
def bridges(count: int, edges: list[list[int]]) -> list[list[int]]:
    """Find the edges that a graph cannot do without.

    The nodes are the numbers from 0 to `count` - 1, and each of `edges` is a list of two nodes; no
    pair comes twice. Return the edges whose removal leaves their two nodes without a way from one
    to the other. Each is a list with the smaller node first, and the list is in ascending order.
    """
    found = []
    for skipped in edges:
        source, target = skipped
        seen, pending = {source}, [source]
        while pending:
            node = pending.pop()
            for a, b in edges:
                if [a, b] != skipped and node in (a, b):
                    other = b if node == a else a
                    if other not in seen:
                        seen.add(other)
                        pending.append(other)
        if target not in seen:
            a, b = skipped
            found.append(sorted([a, b]))
    return sorted(found)


@problem(
    level=3,
    variants={"long": (2, 3), "short": (1,)},
    draw=lambda dice, n: (
        dice.number(3, 4 + n // 3),
        [dice.number(0, 2), dice.number(0, 2)],
        [dice.number(0, 2), dice.number(0, 2)],
    ),
    edges=((3, [0, 0], [1, 1]), (4, [0, 0], [3, 3]), (5, [0, 0], [4, 4])),
    bugs=(
        ("(short, long), (long, short)", "(short, long)"),
        ("moves[row, column] + 1", "len(moves)"),
        ("for side in (-1, 1)", "for side in (1,)"),
    ),
)
def leaper_moves(size: int, start: list[int], goal: list[int], *, long: int, short: int) -> int:
    """Move a leaper over a chess board.

    A leaper jumps $long cells along one axis and $short along the other, in any of the eight ways,
    and must stay on the board of `size` by `size` cells. A cell is a list [row, column], counted
    from 0. Return the smallest number of jumps from `start` to `goal`, or -1 if it cannot be done.
    """
    jumps = [
        (down * up, right * side)
        for down, right in [(short, long), (long, short)]
        for up in (-1, 1)
        for side in (-1, 1)
    ]
    moves = {(start[0], start[1]): 0}
    queue = [(start[0], start[1])]
    for row, column in queue:
        for down, right in jumps:
            y, x = row + down, column + right
            if 0 <= y < size and 0 <= x < size and (y, x) not in moves:
                moves[y, x] = moves[row, column] + 1
                queue.append((y, x))
    return moves.get((goal[0], goal[1]), -1)
