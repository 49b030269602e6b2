"""Problems about stacks, queues and heaps."""

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


@problem(
    level=2,
    draw=lambda dice, n: ("/" + "/".join(dice.choices(("a", "b", "..", ".", "", "c"), n)),),
    edges=(("/",), ("/..",), ("/a/./b/../c/",), ("//a",), ("/a/.../b",)),
    bugs=(
        ('part not in ("", ".")', 'part not in ("",)'),
        ("if kept:\n                kept.pop()", "kept.append(part)"),
        ('"/" + "/".join(kept)', '"/".join(kept)'),
    ),
)
def simplify_path(path: str) -> str:
    """Simplify an absolute path.

    `path` begins with "/". In it, "." stands for the folder itself and ".." for the one above,
    which is the folder "/" for "/" itself; several slashes are as one, and every other name is a
    folder. Return the shortest path to the same folder: it begins with "/" and, but for "/" itself,
    does not end with it.
    """
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if kept:
                kept.pop()
        elif part not in ("", "."):
            kept.append(part)
    return "/" + "/".join(kept)


@problem(
    level=3,
    variants={"width": (2, 3, 4)},
    draw=lambda dice, n: (dice.ints(n + 2, 0, 9 + n),),
    edges=(([4, 3, 2, 1],), ([1, 2, 3, 4],), ([5],), ([2, 2, 2, 2, 2],)),
    bugs=(
        ("queue[0] <= index - width", "queue[0] < index - width"),
        ("numbers[queue[-1]] <= value", "numbers[queue[-1]] > value"),
        ("index >= width - 1", "index >= width"),
    ),
)
def window_maxima(numbers: list[int], *, width: int) -> list[int]:
    """Find the greatest number of every window.

    For each $width consecutive items of `numbers`, from left to right, return the greatest of them.
    The list is empty if there are fewer than $width items. It may hold thousands.
    """
    maxima = []
    queue: list[int] = []
    for index, value in enumerate(numbers):
        while queue and numbers[queue[-1]] <= value:
            queue.pop()
        queue.append(index)
        if queue[0] <= index - width:
            queue.pop(0)
        if index >= width - 1:
            maxima.append(numbers[queue[0]])
    return maxima


@problem(
    level=4,
    variants={"pause": (1, 2, 3)},
    draw=lambda dice, n: (dice.word(1 + n, "AAABC"),),
    edges=(("AAA",), ("A",), ("AAABBB",), ("ABCD",), ("AABB",)),
    bugs=(
        ("ready[kind] = time + pause + 1", "ready[kind] = time + pause"),
        ("(-left[kind], kind)", "kind"),
        ("time += 1\n    return time", "time += 1\n    return time - 1"),
    ),
)
def schedule_tasks(tasks: str, *, pause: int) -> int:
    """Schedule tasks that need a pause.

    Each letter of `tasks` is a task of one minute, in any order that one likes, one at a time.
    Between two tasks with the same letter at least $pause minutes must pass, in which other tasks
    may be done, or none. Return the smallest number of minutes in which all can be done.
    """
    left = {kind: tasks.count(kind) for kind in sorted(set(tasks))}
    ready = dict.fromkeys(left, 0)
    time = 0
    while any(left.values()):
        able = [kind for kind in left if left[kind] and ready[kind] <= time]
        if able:
            kind = min(able, key=lambda kind: (-left[kind], kind))
            left[kind] -= 1
            ready[kind] = time + pause + 1
        time += 1
    return time


def _draw_operations(dice: Dice, n: int) -> tuple[list[str]]:
    operations, size = [], 0
    for _ in range(n + 2):
        kind = dice.choice(("push", "push", "pop", "low", "low")) if size else "push"
        size += {"push": 1, "pop": -1, "low": 0}[kind]
        operations.append(f"push {dice.number(-5, 9)}" if kind == "push" else kind)
    return (operations,)


@problem(
    level=2,
    held_out=True,
    draw=_draw_operations,
    edges=((["push 3", "push 5", "low", "pop", "low"],), (["push 2", "push 1", "pop", "low"],)),
    bugs=(
        ("answers.append(min(stack))", "answers.append(stack[-1])"),
        ("stack.pop()", "stack.pop(0)"),
        ("answers.append(min(stack))", "answers.append(sorted(stack)[-1])"),
    ),
)
def lowest_on_stack(operations: list[str]) -> list[int]:
    """Keep a stack that knows its lowest number.

    Carry out the operations on a stack that is empty at first: "push N" puts the number N on top,
    "pop" removes the number on top, and "low" asks for the lowest number on the stack. Return the
    answers to all "low" in their order. "pop" and "low" come only while the stack is not empty.
    """
    stack: list[int] = []
    answers = []
    for operation in operations:
        if operation == "pop":
            stack.pop()
        elif operation == "low":
            answers.append(min(stack))
        else:
            stack.append(int(operation.split()[1]))
    return answers


@problem(
    level=3,
    draw=lambda dice, n: (dice.ints(n + 1, 1, 20), dice.number(1, 3)),
    edges=(([5, 5], 1), ([1, 2, 3, 4], 2), ([9], 3)),
    bugs=(
        ("heapq.heappush(largest, value)", "largest.append(value)"),
        ("if len(largest) > rank:", "if len(largest) >= rank + 2:"),
        ("else -1", "else 0"),
    ),
)
def running_rank(numbers: list[int], rank: int) -> list[int]:
    """Keep track of one of the greatest numbers.

    The positive `numbers` come in one by one. After each, note the one that has the given rank
    among those so far: 1 for the greatest, 2 for the next, and so on, where equal numbers count
    each. Note -1 while there are too few. Return the notes.
    """
    import heapq

    largest: list[int] = []
    notes = []
    for value in numbers:
        heapq.heappush(largest, value)
        if len(largest) > rank:
            heapq.heappop(largest)
        notes.append(largest[0] if len(largest) == rank else -1)
    return notes
