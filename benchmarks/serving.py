"""Served environments: steps a second with 64 clients, and what sessions cost, beside OpenEnv.

    python benchmarks/serving.py [--clients 64] [--seconds 8] [--repeats 3] [--out FILE]

Server and load share the machine, so the load is lean: `benchmarks/serving_load.py` on raw sockets
(it plays ``llmenvs/GridWorld-v0``, resets included; steps alone are counted). OpenEnv 0.10, in an
environment of its own made under ``build/`` on the first run, serves an environment that costs
nothing, to a load over its web sockets. The runs of both take turns. CPU seconds of each server are
given too, since a shared machine is rarely idle: steps by CPU second is what one core would serve.

Then: the memory of 1,000 open sessions, 10,000 sessions opened and closed, and 200 clients whose
connection is dropped in the middle of a step, whose sessions are stepped again by others.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import cpu_and_packages

HERE = Path(__file__).parent
PEER = HERE.parent / "build" / "peers" / "openenv"
GRID = "llmenvs/GridWorld-v0"


class Server:
    """A server process under measurement."""

    def __init__(self, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.port = port
        self._process = process
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def post(self, path: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Return the reply of the plain protocol."""
        headers = {"content-type": "application/json"}
        self._connection.request("POST", path, json.dumps(payload), headers)
        reply: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return reply

    def num_sessions(self) -> int:
        """Return how many sessions are open."""
        self._connection.request("GET", "/health")
        return int(json.loads(self._connection.getresponse().read())["num_sessions"])

    def cpu_s(self) -> float:
        """Return the CPU seconds of the process so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Return the resident memory in megabytes."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def running(*command: str) -> Iterator[Server]:
    """Run a server, whose command ends with its port, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield Server(port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def ours() -> Any:
    """Return our server of the grid world."""
    return running(sys.executable, "-m", "llmenvs.cli", "serve", "env", GRID, "--port")


def loaded(server: Server, *command: str) -> dict[str, Any]:
    """Run a load program and return its figures, with the server's CPU seconds."""
    before = server.cpu_s()
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    result: dict[str, Any] = json.loads(printed)
    result["server_cpu_s"] = round(server.cpu_s() - before, 2)
    result["steps_per_server_cpu_s"] = round(result["steps"] / result["server_cpu_s"])
    return result


def speed(args: argparse.Namespace) -> dict[str, Any]:
    """Return the steps a second of both stacks, measured in turns."""
    python = str(peer_python())
    program, openenv = str(HERE / "serving_load.py"), str(HERE / "serving_openenv.py")
    words = (str(args.clients), str(args.seconds))
    runs: dict[str, list[dict[str, Any]]] = {"llmenvs": [], "openenv": []}
    with ours() as own, running(python, openenv, "serve") as peer:
        for _ in range(args.repeats):
            plain = (sys.executable, program, str(own.port), *words)
            runs["llmenvs"].append(loaded(own, *plain))
            sockets = (python, openenv, "load", str(peer.port), *words)
            runs["openenv"].append(loaded(peer, *sockets))
    medians = {
        name: {
            figure: statistics.median(run[figure] for run in several)
            for figure in ("steps_per_s", "steps_per_server_cpu_s")
        }
        for name, several in runs.items()
    }
    ratio = medians["llmenvs"]["steps_per_s"] / medians["openenv"]["steps_per_s"]
    return {
        "benchmark": "serving_speed",
        "clients": args.clients,
        "median": medians,
        "best_steps_per_s": {n: max(r["steps_per_s"] for r in rs) for n, rs in runs.items()},
        "ratio_to_openenv": round(ratio, 2),
        "load_average": [round(x, 1) for x in os.getloadavg()],
        "runs": runs,
    }


def sessions() -> dict[str, Any]:
    """Return what sessions cost, and that none is lost or left."""
    with ours() as server:
        empty_mb = server.rss_mb()
        ids = [server.post("/reset", {"seed": n})["session_id"] for n in range(1000)]
        for session_id in ids:
            server.post("/step", {"session_id": session_id, "action": "up"})
        full_mb = server.rss_mb()
        lost = sum(drop_and_resume(server, session_id) != 2 for session_id in ids[:200])
        for session_id in ids:
            server.post("/close", {"session_id": session_id})
        for n in range(10_000):
            session_id = server.post("/reset", {"seed": n})["session_id"]
            server.post("/close", {"session_id": session_id})
        return {
            "benchmark": "serving_sessions",
            "empty_mb": round(empty_mb, 1),
            "with_1000_sessions_mb": round(full_mb, 1),
            "lost_of_200_dropped": lost,
            "open_after_10000": server.num_sessions(),
            "after_10000_mb": round(server.rss_mb(), 1),
        }


def drop_and_resume(server: Server, session_id: str) -> int:
    """Drop the connection of a step, ask for the step again, and return its number."""
    step = {"session_id": session_id, "action": "up", "step": 2}
    body = json.dumps(step).encode()
    head = b"POST /step HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as dropped:
        dropped.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
    return int(server.post("/step", step).get("step", -1))


def peer_python() -> Path:
    """Return the interpreter of OpenEnv's environment, which is made if it is not there."""
    python = PEER / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PEER], check=True)
        packages = ["openenv==0.10.0", "uvicorn[standard]"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def main() -> None:
    """Measure, print, and write a JSON line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "serving.jsonl")
    args = parser.parse_args()
    about = cpu_and_packages(["llmenvs", "fastapi", "uvicorn", "uvloop", "httptools", "msgspec"])
    about["packages"]["openenv"] = "0.10.0"
    lines = [json.dumps({**result, **about}) for result in (speed(args), sessions())]
    for line in lines:
        print(line)
    args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
