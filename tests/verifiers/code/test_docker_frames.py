"""Frames cross whole, however the daemon cuts them up, and a lost container is noticed."""

import socket
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.code import Limits, SandboxError
from llmenvs.verifiers.code import docker_frames as frames
from llmenvs.verifiers.code.docker_process import DockerProcess, FrameStream

FRAMES = st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=300)), max_size=8)


def parts(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


def from_daemon(data: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


@given(FRAMES, st.lists(st.integers(0, 5000), max_size=9))
def test_frames_that_come_in_pieces_are_put_together(
    sent: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    data = bytearray()
    received: list[tuple[int, bytes]] = []
    for part in parts(b"".join(frames.pack(*frame) for frame in sent), cuts):
        data += part
        received += frames.unpack(data)

    assert received == sent
    assert not data


@given(FRAMES, st.lists(st.integers(0, 5000), max_size=9), st.lists(st.integers(0, 5000)))
def test_what_the_daemon_cuts_and_labels_is_read_as_it_was_sent(
    sent: list[tuple[int, bytes]], cuts: list[int], labels: list[int]
) -> None:
    whole = b"".join(frames.pack(*frame) for frame in sent)
    labelled = b"".join(map(from_daemon, parts(whole, labels))) + from_daemon(b"words", 2)
    ours, daemon = socket.socketpair()
    stream = FrameStream(ours)
    received = []
    with daemon:
        for part in parts(labelled, cuts):
            daemon.sendall(part)
            stream.is_open()
        received = [stream.receive(1.0) for _ in sent]
        assert stream.receive(0.0) is None
    with pytest.raises(ConnectionError, match="has ended"):
        stream.receive(1.0)
    stream.close()

    assert received == sent
    assert stream.last_words == b"words"


def test_nothing_is_delivered_to_a_container_that_is_gone() -> None:
    ours, daemon = socket.socketpair()
    stream = FrameStream(ours)
    daemon.close()
    with pytest.raises(SandboxError, match="gone"):
        DockerProcess(stream, Limits(), b"job", stdin=None)
    stream.close()


def test_more_output_than_allowed_is_cut_and_ends_the_run() -> None:
    ours, daemon = socket.socketpair()
    with daemon:
        process = DockerProcess(FrameStream(ours), Limits(output_bytes=5), b"job", stdin=None)
        daemon.recv(1 << 16)
        daemon.sendall(from_daemon(frames.pack(frames.OUTPUT, b"1234567")))
        ending = (
            b'{"why": "killed", "signal": 9, "status": null, "cpu_s": 0, "wall_s": 0,'
            b' "peak_bytes": 0}'
        )
        daemon.sendall(from_daemon(frames.pack(frames.ENDING, ending)))
        exited = process.finish(kill=False)

        assert daemon.recv(1 << 16) == frames.pack(frames.KILL)
        assert (process.stdout, process.overflow, exited.signal) == (b"12345", "output", 9)
    ours.close()
