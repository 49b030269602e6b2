"""The same attacks without walls: the program of a throw-away container, and nowhere else.

It takes {"form", "source"} on standard input and judges the solution as many harnesses do: the
solution and its tests in one process, a pass where that ends with status 0. It prints what came of
it: ``earns a pass``, ``leaves processes``, ``runs until it is killed`` or ``fails``.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

TIME_S = 6.0
FUNCTION = """
import sys
sys.path.insert(0, ".")
import solution
for given, wanted in [([1, 2, 3], 14), ([4], 16), ([], 0), ([10, 20], 500)]:
    assert solution.f(given) == wanted
"""


def main() -> None:
    """Judge one solution."""
    if not Path("/.dockerenv").exists():
        sys.exit("an attack without walls is run in a throw-away container only")
    os.chdir("/tmp")  # noqa: S108 (of the container)
    job = json.loads(sys.stdin.readline())
    Path("solution.py").write_text(job["source"], errors="surrogatepass")
    if job["form"] == "program":
        command, given, wanted = ["solution.py"], "3 4\n", "12\n"
    else:
        command, given, wanted = ["-c", FUNCTION], "", None
    before = set(os.listdir("/proc"))
    verdict = judge(command, given, wanted)
    left = {name for name in os.listdir("/proc") if name.isdigit()} - before
    if left and verdict != "earns a pass":
        verdict = "leaves processes"
    sys.stdout.write(f"\n{verdict}\n")


def judge(command: list[str], given: str, wanted: str | None) -> str:
    """Return what came of the solution in its process."""
    process = subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        output, _ = process.communicate(given.encode(), timeout=TIME_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "runs until it is killed"
    if process.returncode == 0 and (wanted is None or output == wanted.encode()):
        return "earns a pass"
    return "fails"


if __name__ == "__main__":
    main()
