"""A Docker engine that is private to one test run: nothing is installed, nothing is left.

Debian's packages are unpacked into the user's cache, and the daemon runs in network and mount
namespaces of its own, without a bridge and without iptables, with its data in memory.

    python docker_engine.py [--data size=2g]

prints one JSON object, {"address", "pid"} or {"problem"}, and stops the engine when its standard
input ends, as it does with whoever started it.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PACKAGES = ("docker.io", "containerd", "runc", "tini", "libdevmapper1.02.1")
_UNSHARE = ("unshare", "--net", "--mount", "--propagation", "private", "sh", "-c")
_FETCH_S = 180
_START_S = 60.0
_STOP_S = 20.0
_GROUPS_S = 5.0
_DATA = "size=2g"
_OPTIONS = (
    "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
    "--bridge=none", "--userland-proxy=false", "--log-level=error",
)  # fmt: skip


class NoEngineError(Exception):
    """There can be no engine here; the message says why."""


class DockerEngine:
    """A running daemon; stop it.

    Args:
        data_options: of the tmpfs that the daemon keeps its data in.

    Attributes:
        address: for ``DOCKER_HOST``.
        pid: of the daemon.

    Raises:
        NoEngineError: it cannot be had, or does not start.
    """

    def __init__(self, data_options: str = _DATA) -> None:
        if os.getuid() != 0:
            raise NoEngineError("a private Docker engine needs root")
        unpacked = fetch()
        self._folder = Path(tempfile.mkdtemp(prefix="llmenvs-engine-"))
        self.address = f"unix://{self._folder}/docker.sock"
        errors = None
        for driver in ("overlay2", "vfs"):
            self._process = self._start(unpacked, driver, data_options)
            errors = self._wait()
            if errors is None:
                break
            self._process.wait()
        else:
            self.stop()
            raise NoEngineError(f"dockerd does not start: {errors}")
        self.pid = int((self._folder / "docker.pid").read_text())

    def stop(self) -> None:
        """End the daemon by its pid, and remove its data and its control groups."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        left = [path.name for path in self._folder.glob("exec/containerd/daemon/*/moby/*")]
        self._end_containerd()
        remove_groups(left)
        for group in (*Path("/sys/fs/cgroup").glob("*/docker"), Path("/sys/fs/cgroup/docker")):
            with suppress(OSError):  # it is not there, or another engine's
                group.rmdir()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, unpacked: Path, driver: str, data_options: str) -> "subprocess.Popen[bytes]":
        folder, usr = self._folder, unpacked / "usr"
        for name in ("data", "exec"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "daemon.json").write_text("{}")
        libraries = [str(path) for path in (*unpacked.glob("lib/*-gnu"), *usr.glob("lib/*-gnu"))]
        command = ["dockerd", f"--config-file={folder}/daemon.json", *_OPTIONS]
        command += [f"--storage-driver={driver}", f"--host={self.address}"]
        command += [f"--data-root={folder}/data", f"--exec-root={folder}/exec"]
        command += [f"--pidfile={folder}/docker.pid"]
        script = 'mount -t tmpfs -o "$1" llmenvs "$2" && shift 2 && exec "$@"'
        with (folder / "log").open("wb") as log:
            return subprocess.Popen(
                [*_UNSHARE, script, "sh", data_options, f"{folder}/data", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={
                    "PATH": f"{usr}/sbin:{usr}/bin:{os.environ['PATH']}",
                    "LD_LIBRARY_PATH": ":".join(libraries),
                    "TMPDIR": str(folder),
                },
            )

    def _wait(self) -> str | None:
        """Return None once the daemon answers, or what it said as it ended."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
                client.connect(self.address.removeprefix("unix://"))
                client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                if b"200 OK" in client.recv(100):
                    return None
            time.sleep(0.05)
        self._process.kill()
        return (self._folder / "log").read_text(errors="replace").strip()[-1000:]

    def _end_containerd(self) -> None:
        # A daemon that was killed leaves its containerd and the shims of its containers.
        for name in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):
                command = Path(f"/proc/{name}/cmdline").read_bytes()
                if f"{self._folder}/".encode() in command:
                    os.kill(int(name), signal.SIGKILL)


def remove_groups(containers: list[str]) -> None:
    """Remove the control groups of containers whose daemon did not live to do it."""
    groups = [
        path
        for each in containers
        for path in (
            *Path("/sys/fs/cgroup").glob(f"*/docker/{each}"),
            *Path("/sys/fs/cgroup").glob(f"docker/{each}"),
        )
    ]
    deadline = time.monotonic() + _GROUPS_S
    while groups and time.monotonic() < deadline:
        for group in list(groups):
            with suppress(OSError):  # a process in it has not ended yet
                group.rmdir()
                groups.remove(group)
        time.sleep(0.05)


def fetch() -> Path:
    """Return the folder of the unpacked packages, which are fetched where they are not there yet.

    Raises:
        NoEngineError: they cannot be fetched.
    """
    missing = [name for name in ("apt-get", "dpkg", "unshare", "mount") if not shutil.which(name)]
    if missing:
        raise NoEngineError(f"there is no {' and no '.join(missing)}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llmenvs-tests"
    folder = cache / "docker-engine"
    if (folder / "usr/sbin/dockerd").exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        _download(Path(work))
        for package in Path(work).glob("*.deb"):
            _run(["dpkg", "-x", str(package), f"{work}/unpacked"], work)
        with suppress(OSError):  # another test run was faster
            os.rename(f"{work}/unpacked", folder)
    return folder


def _download(work: Path) -> None:
    """Download the packages, by the lists of this machine, or by new ones of our own."""
    try:
        _run(["apt-get", "download", "-qq", *PACKAGES], work)
    except NoEngineError:
        (work / "lists/partial").mkdir(parents=True)
        own = ["-o", f"Dir::State::lists={work}/lists", "-o", f"Dir::Cache={work}/cache"]
        _run(["apt-get", *own, "-qq", "update"], work)
        _run(["apt-get", *own, "-qq", "download", *PACKAGES], work)


def _run(command: list[str], folder: Path | str) -> None:
    try:
        ended = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NoEngineError(f"{' '.join(command[:3])} took over {_FETCH_S} s") from error
    if ended.returncode:
        raise NoEngineError(f"{' '.join(command[:3])}: {ended.stderr.strip()[-500:]}")


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=_DATA)
    args = parser.parse_args()
    try:
        engine = DockerEngine(args.data)
    except NoEngineError as error:
        sys.stdout.write(json.dumps({"problem": str(error)}) + "\n")
        return
    try:
        sys.stdout.write(json.dumps({"address": engine.address, "pid": engine.pid}) + "\n")
        sys.stdout.flush()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which then end
        sys.stdin.read()
    finally:
        engine.stop()


if __name__ == "__main__":
    main()
