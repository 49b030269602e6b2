"""What users ask of their files: templates of requests and their plans."""

from datetime import date

import numpy as np

from llmenvs.worlds.files import File, FilesWorld
from llmenvs.worlds.names import among, one, people, some
from llmenvs.worlds.scenario import Result, Scenario, Step, Template

FOLDERS = ("notes", "invoices", "recipes", "travel", "minutes")
WORDS = (
    "amber basil canyon delta echo falcon garnet harbor indigo juniper kestrel lantern meadow "
    "nectar orchid pepper quartz raven saffron timber umber velvet willow zephyr"
)
TOPICS = ("parking permit", "door code", "wifi password", "locker number", "member number")


def _files(rng: np.random.Generator) -> FilesWorld:
    """Four or five files in each of five folders, and a protected one."""
    world = FilesWorld(today=date(2026, among(rng, 1, 12), among(rng, 1, 28)))
    for folder in FOLDERS:
        for name in some(rng, WORDS.split(), among(rng, 4, 5)):
            lines = (_line(rng) for _ in range(among(rng, 2, 5)))
            world.files[f"/{folder}/{name}.txt"] = File("".join(f"{line}\n" for line in lines))
    for name in ("network.conf", "backup.conf"):
        content = f"retries = {among(rng, 2, 90)}\nport = {among(rng, 2_000, 9_000)}\n"
        world.files[f"/system/{name}"] = File(content)
    return world


def _line(rng: np.random.Generator) -> str:
    words = some(rng, WORDS.split(), 3)
    return f"{' '.join(words)} {among(rng, 100, 999)}"


def _path(rng: np.random.Generator, world: FilesWorld) -> str:
    return one(rng, [path for path in world.files if not path.startswith("/system/")])


def _new_name(rng: np.random.Generator) -> str:
    return f"{one(rng, WORDS.split())}-{among(rng, 10, 99)}.txt"


def _hide(rng: np.random.Generator, world: FilesWorld) -> tuple[str, str, str]:
    """Put a line with a code into a file; return its path, its topic and its code."""
    path, topic = _path(rng, world), one(rng, TOPICS)
    code = f"{among(rng, 10_000, 99_999)}"
    world.files[path] = File(f"{world.files[path].content}{topic}: {code}\n")
    return path, topic, code


def _find(rng: np.random.Generator) -> Scenario:
    world = _files(rng)
    path, topic, code = _hide(rng, world)
    request = one(
        rng,
        (
            f"I wrote down my {topic} somewhere. What is it, and in which file?",
            f"Find the {topic} in my files and tell me it and the path of the file.",
        ),
    )
    return Scenario(
        world,
        request,
        (Step("find_text", {"text": topic}),),
        "{0[matches][0][text]}, in {0[matches][0][path]}.",
        facts=(code, path),
    )


def _count(rng: np.random.Generator) -> Scenario:
    world = _files(rng)
    folder = one(rng, FOLDERS)
    request = one(
        rng,
        (
            f"How many files are in /{folder}, and how large is the first by name?",
            f"Tell me the number of files in my {folder} folder and the size of the alphabetically "
            "first one.",
        ),
    )
    return Scenario(
        world,
        request,
        (Step("list_folder", {"path": f"/{folder}"}),),
        "There are {0[count]} files; {0[files][0][name]} has {0[files][0][size]} characters.",
        facts=(Result(0, "count"), Result(0, "files", 0, "size")),
    )


def _first_line_number(rng: np.random.Generator) -> Scenario:
    world = _files(rng)
    path, topic, _ = _hide(rng, world)
    folder = path.rsplit("/", 1)[0]
    request = one(
        rng,
        (
            f"In which line of which file under {folder} does my {topic} stand?",
            f"My {topic} is noted in some file in {folder}. Which file, and which line of it?",
        ),
    )
    return Scenario(
        world,
        request,
        (Step("find_text", {"text": topic, "path": folder}),),
        "Line {0[matches][0][line]} of {0[matches][0][path]}.",
        facts=(Result(0, "matches", 0, "line"), path),
    )


def _note(rng: np.random.Generator) -> Scenario:
    world = _files(rng)
    path = _path(rng, world)
    line = f"call {people(rng, 1)[0]} about {one(rng, WORDS.split())} {among(rng, 10, 99)}"
    request = one(
        rng,
        (
            f'Add the line "{line}" at the end of {path} and tell me how many lines it has then.',
            f'Please append "{line}" to {path}. How many lines is that file now?',
        ),
    )
    if rng.random() < 0.5:
        world.failing["append_line"] = 1
    return Scenario(
        world,
        request,
        (Step("append_line", {"path": path, "line": line}),),
        "It has {0[lines]} lines now.",
        facts=(Result(0, "lines"),),
    )


def _rename(rng: np.random.Generator) -> Scenario:
    world = _files(rng)
    path, topic, _ = _hide(rng, world)
    to = f"/archive/{_new_name(rng)}"
    request = one(
        rng,
        (
            f"Move the file that holds my {topic} to {to}. Where was it before?",
            f"Whichever file has the {topic} in it: move it to {to} and tell me its old path.",
        ),
    )
    return Scenario(
        world,
        request,
        (
            Step("find_text", {"text": topic}),
            Step("move_file", {"path": Result(0, "matches", 0, "path"), "to": to}),
        ),
        "It was {1[from]}, and is {1[to]} now.",
        facts=(path,),
    )


def _copy(rng: np.random.Generator) -> Scenario:
    world = _files(rng)
    path, to = _path(rng, world), f"/backup/{_new_name(rng)}"
    request = one(
        rng,
        (
            f"Make a copy of {path} at {to} and tell me how many characters it has.",
            f"I need the very content of {path} in a new file {to} as well. What is its size?",
        ),
    )
    return Scenario(
        world,
        request,
        (
            Step("read_file", {"path": path}),
            Step("write_file", {"path": to, "content": Result(0, "content")}),
        ),
        "{1[path]} is written, with {1[size]} characters.",
        facts=(Result(1, "size"),),
    )


def _delete(rng: np.random.Generator) -> Scenario:
    world = _files(rng)
    _, topic, code = _hide(rng, world)
    request = one(
        rng,
        (
            f"Tell me my {topic} once more, then delete the file it is in.",
            f"Delete the file with my {topic}, but tell me the {topic} first.",
        ),
    )
    return Scenario(
        world,
        request,
        (
            Step("find_text", {"text": topic}),
            Step("delete_file", {"path": Result(0, "matches", 0, "path")}),
        ),
        "{0[matches][0][text]}. The file is deleted.",
        facts=(code,),
    )


def _protected(rng: np.random.Generator) -> Scenario:
    world = _files(rng)
    path = one(rng, ("/system/network.conf", "/system/backup.conf"))
    request = one(
        rng,
        (
            f"Delete {path}. If that is not allowed, tell me which port it sets.",
            f"Remove {path}, please; if you may not, what is the port in it?",
        ),
    )
    port = world.files[path].content.split()[-1]
    return Scenario(
        world,
        request,
        (
            Step("read_file", {"path": path}),
            Step("decline", {"path": path, "reason": "protected"}),
        ),
        "That file is protected. It says: {0[content]}",
        facts=(port,),
    )


def _occupied(rng: np.random.Generator) -> Scenario:
    world = _files(rng)
    path = _path(rng, world)
    line = _line(rng)
    request = one(
        rng,
        (
            f'Write "{line}" into a new file {path}. If there is one already, keep it as it is and '
            "tell me how many lines it has.",
            f'Make the file {path} with the text "{line}", but never lose what is there: if it '
            "exists, how many lines has it?",
        ),
    )
    return Scenario(
        world,
        request,
        (
            Step("read_file", {"path": path}),
            Step("decline", {"path": path, "reason": "would_overwrite"}),
        ),
        "There is a file already; it has {0[lines]} lines.",
        facts=(Result(0, "lines"),),
    )


TEMPLATES = (
    Template("find", "read", _find),
    Template("count", "read", _count),
    Template("which-line", "read", _first_line_number),
    Template("note", "write", _note),
    Template("move", "write", _rename),
    Template("copy", "write", _copy),
    Template("delete", "write", _delete),
    Template("protected", "refuse", _protected),
    Template("occupied", "refuse", _occupied),
)
