"""The local sandbox works from anywhere, replaces what is lost, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from llmenvs.verifiers.code import (
    Call,
    Ending,
    FunctionJob,
    Limits,
    Returned,
    Sandbox,
    SandboxError,
    SandboxUnavailable,
    StdinJob,
    SuiteJob,
    open_sandbox,
)
from llmenvs.verifiers.code.outer import Outer
from llmenvs.verifiers.code.pool import LocalSandbox

LIMITS = Limits(cpu_s=5.0, wall_s=60.0)
ECHO = FunctionJob("def f(x):\n    return x", (Call("f", (1,)),))
SCRIPT = """
import os, sys
from llmenvs.verifiers.code import *
from llmenvs.verifiers.code.outer import Outer
sandbox = open_sandbox("local", outer=Outer(sys.argv[1]), workers=2)
job = FunctionJob("def f(x):\\n    return x", (Call("f", (1,)),))
assert sandbox.run(job, Limits()).calls == (Returned(1),)
"""


def server_pids() -> set[int]:
    """Processes of fork-servers on this machine, as far as this process can see them."""
    found = set()
    for name in os.listdir("/proc"):
        try:
            command = Path(f"/proc/{name}/cmdline").read_bytes() if name.isdigit() else b""
        except OSError:
            continue
        if b"verifiers/code/start.py" in command:
            found.add(int(name))
    return found


def wait_until_gone(pids: set[int]) -> set[int]:
    """Return those of the processes that are there after a while."""
    deadline = time.monotonic() + 10.0
    while (left := pids & server_pids()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def test_many_threads_may_run_jobs_at_once(sandbox: Sandbox) -> None:
    def run(index: int) -> bool:
        job = FunctionJob("def f(x):\n    return x", (Call("f", (index,)),))
        suite = SuiteJob("def f(x):\n    return x", f"assert f({index}) == {index}", ("f",))
        report = sandbox.run(suite, LIMITS).suite
        assert report is not None
        return sandbox.run(job, LIMITS).calls == (Returned(index),) and report.passed

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(40)))


def test_a_server_outlives_the_thread_that_started_it() -> None:
    with open_sandbox() as sandbox:
        results = []
        for _ in range(2):
            thread = threading.Thread(target=lambda: results.append(sandbox.run(ECHO, LIMITS)))
            thread.start()
            thread.join()
        assert [result.calls for result in results] == [(Returned(1),)] * 2


def test_a_lost_server_fails_the_run_and_is_replaced() -> None:
    with open_sandbox(workers=1) as sandbox:
        before = server_pids()
        assert before
        slow = StdinJob("import time; time.sleep(30)")
        killer = threading.Timer(0.5, kill_own_servers)
        killer.start()
        assert sandbox.run(slow, LIMITS).ending is Ending.WORKER_LOST
        killer.join()
        assert sandbox.run(ECHO, LIMITS).calls == (Returned(1),)


def test_a_server_lost_while_idle_is_replaced_unnoticed() -> None:
    with open_sandbox(workers=1) as sandbox:
        assert sandbox.run(ECHO, LIMITS).calls == (Returned(1),)
        assert not wait_until_gone(kill_own_servers())
        assert sandbox.run(ECHO, LIMITS).calls == (Returned(1),)


def kill_own_servers() -> set[int]:
    """Kill the servers of all sandboxes of this process, and return what they were."""
    pids = {pid for pid in server_pids() if is_descendant(pid)}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return pids


def is_descendant(pid: int) -> bool:
    """Whether a process was started from this one."""
    while pid > 1:
        if pid == os.getpid():
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def test_a_closed_sandbox_says_so() -> None:
    sandbox = open_sandbox()
    sandbox.close()
    sandbox.close()
    with pytest.raises(SandboxError, match="closed"):
        sandbox.run(ECHO, LIMITS)


def test_closing_ends_a_run_in_another_thread() -> None:
    sandbox = open_sandbox()
    results = []
    slow = StdinJob("import time; time.sleep(60)")
    thread = threading.Thread(target=lambda: results.append(sandbox.run(slow, LIMITS)))
    thread.start()
    time.sleep(0.5)
    sandbox.close()
    thread.join(timeout=20)
    assert [result.ending for result in results] == [Ending.WORKER_LOST]


def test_nothing_is_left_after_a_close(outer: Outer) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    before = server_pids()
    with open_sandbox("local", outer=outer) as sandbox:
        for _ in range(20):
            sandbox.run(StdinJob("open('x', 'w').write('x')"), LIMITS)
        started = server_pids() - before
    assert started
    assert not wait_until_gone(started)
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_nothing_is_left_after_kill_9(outer: Outer, tmp_path: Path) -> None:
    before = server_pids()
    code = (
        f"{SCRIPT}\nif not os.fork():\n    import time; time.sleep(20); os._exit(0)\n"
        "print('ready', flush=True)\n"
        "sandbox.run(StdinJob('while True: pass'), Limits(cpu_s=99.0, wall_s=99.0))\n"
    )
    command = [sys.executable, "-c", code, outer]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        started = server_pids() - before
        owner.kill()

    assert started
    assert not wait_until_gone(started)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("how", ["script", "exec", "thread", "standard input"])
def test_it_works_from_code_that_nobody_can_import(how: str, tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(SCRIPT)
    layer = [Outer.NAMESPACES.value]
    commands = {
        "script": [str(script), *layer],
        "exec": ["-c", f"exec({SCRIPT!r}, {{'__name__': '__main__'}})", *layer],
        "thread": [
            "-c",
            "import threading\n"
            f"t = threading.Thread(target=exec, args=({SCRIPT!r}, {{}})); t.start(); t.join()",
            *layer,
        ],
        "standard input": ["-", *layer],
    }
    run = subprocess.run(
        [sys.executable, "-W", "error", *commands[how]],
        input=SCRIPT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_a_forked_copy_starts_servers_of_its_own() -> None:
    with open_sandbox() as sandbox:
        assert sandbox.run(ECHO, LIMITS).calls == (Returned(1),)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = sandbox.run(ECHO, LIMITS).calls != (Returned(1),)
                sandbox.close()
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
        assert sandbox.run(ECHO, LIMITS).calls == (Returned(1),)


def test_a_sandbox_that_nobody_closed_ends_with_its_last_reference() -> None:
    sandbox = open_sandbox()
    before = server_pids()
    del sandbox
    assert len(server_pids()) < len(before)


def test_the_backend_must_be_asked_for_by_a_known_name() -> None:
    with pytest.raises(ValueError, match="'firejail'"):
        open_sandbox("firejail")
    with pytest.raises(ValueError, match="workers >= 1, got 0"):
        open_sandbox(workers=0)


def test_what_isolates_nothing_is_named_so_and_never_chosen() -> None:
    with open_sandbox("unsafe-local") as sandbox:
        assert sandbox.name == "unsafe-local"
        assert sandbox.run(ECHO, LIMITS).calls == (Returned(1),)  # honest code alone, on a host
    with open_sandbox() as sandbox:
        assert sandbox.name == "local"
        assert isinstance(sandbox, LocalSandbox)
        assert sandbox.settings.isolated


def test_another_system_is_told_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SandboxUnavailable, match="Linux only, and this is darwin"):
        open_sandbox()
