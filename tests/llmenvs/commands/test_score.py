"""`llmenvs score` loses no row, scores none twice, and names each bad one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from llmenvs.cli import main

GOOD = [{"completion": "x" * (n % 9), "id": n, "note": "é\u2028"} for n in range(40)]


def lines(*rows: Any) -> bytes:
    return b"".join(
        (row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode()) + b"\n"
        for row in rows
    )


def score(folder: Path, *words: str) -> int:
    return main(
        ["score", "--verifier", "length", "--option", "max_length=4", "--workers", "1",
         "--input", str(folder / "in.jsonl"), "--output", str(folder / "out.jsonl"), *words]
    )  # fmt: skip


def written(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "out.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def test_rows_keep_their_order_their_fields_and_get_a_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines(*GOOD))
    status = score(tmp_path, "--out", str(tmp_path / "results"))
    rows = written(tmp_path)
    summary = json.loads((tmp_path / "results" / "summary.json").read_text())

    assert status == 0
    assert [{k: v for k, v in row.items() if k != "verdict"} for row in rows] == GOOD
    assert [row["verdict"]["score"] for row in rows] == [float(n % 9 <= 4) for n in range(40)]
    assert summary["episodes"] == 40
    assert summary["valid_share"] == 1.0
    assert summary["success_mean"] == pytest.approx(sum(n % 9 <= 4 for n in range(40)) / 40)
    assert summary["status_counts"]["scored"] == 40
    assert "95 % Wilson" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json", "line 2: not JSON: Expecting value (column 1)"),
        (b'{"completion": 5}', "line 2, field 'completion': must be a str, got int"),
        (b'{"other": "x"}', "line 2, field 'completion': missing; the record has 'other'"),
        (b"[1]", "line 2: must be a JSON object, got list"),
        (b'{"completion": "\\ud800"}', "line 2, field 'completion': holds half a surrogate pair"),
        (b'{"completion": "x", "n": NaN}', "line 2, field 'n': nan is no JSON number"),
        (b'\xef\xbb\xbf{"completion": "x"}', "line 2: begins with a byte order mark"),
        (b'{"completion": "\xff"}', "line 2: not UTF-8: byte 0xff at column 17"),
        (b'{"completion": "x", "verdict": 1}', "line 2, field 'verdict': is there already"),
        (b"[" * 100_000, "line 2: nested too deeply"),
        (b'{"completion": "x", "n": ' + b"9" * 5000 + b"}", "line 2: an integer has too many digi"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_a_bad_row_is_a_row_with_an_error_and_not_the_end(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines(GOOD[1], line, GOOD[2]))
    score(tmp_path)
    rows = written(tmp_path)

    assert [row["verdict"]["status"] for row in rows] == ["scored", "error", "scored"]
    assert reason in rows[1]["verdict"]["reason"]
    assert rows[1]["verdict"]["score"] is None


def test_half_a_line_at_the_end_is_a_bad_row_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines(GOOD[1]) + b'{"completion": "x')
    score(tmp_path)

    assert "the file ends in the middle of this line" in written(tmp_path)[1]["verdict"]["reason"]


def test_a_bom_may_begin_the_file_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b"\xef\xbb\xbf" + lines(GOOD[1]) + b"\r\n\n")
    score(tmp_path)

    assert [row["id"] for row in written(tmp_path)] == [1]


def test_a_run_goes_on_after_half_a_line_and_scores_no_row_twice(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines(*GOOD))
    score(tmp_path)
    whole = (tmp_path / "out.jsonl").read_bytes()
    for cut in (0, 1, len(whole) // 2, len(whole) - 1, len(whole)):
        (tmp_path / "out.jsonl").write_bytes(whole[:cut])
        assert score(tmp_path) == 0
        assert (tmp_path / "out.jsonl").read_bytes() == whole


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_killed_run_is_taken_up_and_ends_as_if_it_had_not_been_killed(
    tmp_path: Path, suffix: str
) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    (tmp_path / "in.jsonl").write_bytes(lines(*GOOD * 500))
    output = tmp_path / f"out.{suffix}"
    partial = output if suffix == "jsonl" else tmp_path / "out.parquet.partial.jsonl"
    (tmp_path / "slow.py").write_text(
        "import time\n"
        "from llmenvs.verifiers.length import LengthVerifier\n"
        "class Slow(LengthVerifier):\n"
        "    def __call__(self, completion, target=None):\n"
        "        time.sleep(0.0002)\n"
        "        return super().__call__(completion, target)\n"
    )
    command = [
        sys.executable, "-m", "llmenvs.cli", "score", "--verifier", "slow:Slow",
        "--option", "max_length=4", "--workers", "2",
        "--input", str(tmp_path / "in.jsonl"), "--output", str(output),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as killed:
        end = time.monotonic() + 60
        while not (partial.exists() and partial.stat().st_size > 1000):
            assert time.monotonic() < end
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
    done_before = partial.read_bytes().count(b"\n")
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)

    assert 0 < done_before < len(GOOD) * 500
    if suffix == "jsonl":
        rows = written(tmp_path)
    else:
        from pyarrow import parquet

        rows = parquet.read_table(output).to_pylist()
    assert [row["id"] for row in rows] == [row["id"] for row in GOOD * 500]
    assert all(row["verdict"]["score"] == float(row["id"] % 9 <= 4) for row in rows)


@pytest.mark.parametrize(
    ("words", "difference"),
    [
        (["--option", "margin=1"], "its options is {'max_length': 4}, not"),
        (["--completion-field", "note"], "its fields is"),
    ],
)
def test_an_output_of_another_run_is_refused_and_may_be_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], difference: str
) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines(*GOOD))
    score(tmp_path)
    before = (tmp_path / "out.jsonl").read_bytes()

    assert score(tmp_path, *words) == 2
    assert difference in capsys.readouterr().err
    assert (tmp_path / "out.jsonl").read_bytes() == before
    assert score(tmp_path, *words, "--overwrite") == 0


def test_an_output_of_another_input_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines(*GOOD))
    score(tmp_path)
    (tmp_path / "in.jsonl").write_bytes(lines(*GOOD[1:]))

    assert score(tmp_path) == 2
    assert "belongs to another run: its input_sha256 is" in capsys.readouterr().err


def test_a_file_that_is_nobodys_output_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines(*GOOD))
    (tmp_path / "out.jsonl").write_text("precious\n")

    assert score(tmp_path) == 2
    assert "pass --overwrite to start again" in capsys.readouterr().err
    assert (tmp_path / "out.jsonl").read_text() == "precious\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--verifier", "lenght"], "no verifier 'lenght' (did you mean 'length'?)"),
        (["--option", "max_lenght=1"], "no option 'max_lenght' (did you mean 'max_length'?)"),
        (["--option", "max_length"], "--option must be NAME=VALUE"),
        (["--input", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--input", "in.csv"], "input must end in .jsonl or .parquet"),
        (["--output", "out.csv"], "output must end in .jsonl or .parquet"),
        (["--workers", "-1"], "need --workers >= 0"),
    ],
)
def test_a_bad_word_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.jsonl").write_bytes(lines(*GOOD))
    (tmp_path / "in.csv").write_bytes(b"")

    assert score(tmp_path, *words) == 2
    assert message in capsys.readouterr().err


def test_math_from_the_shell_explains_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"completion": "so \\boxed{5}", "gold": {"answer": "5"}}]
    (tmp_path / "in.jsonl").write_bytes(lines(*rows))
    status = main(
        ["score", "--verifier", "math", "--input", str(tmp_path / "in.jsonl"),
         "--target-field", "gold.answer", "--workers", "0", "--explain"]
    )  # fmt: skip
    shown = capsys.readouterr().out

    assert status == 0
    assert "line 1: score 1, scored: equal to the target" in shown
    assert "extracted '5'" in shown


def test_parquet_goes_in_and_out(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(GOOD), tmp_path / "in.parquet")
    words = ["--input", str(tmp_path / "in.parquet"), "--output", str(tmp_path / "out.parquet")]
    for _ in range(2):  # a complete output is read again and left as it is
        assert score(tmp_path, *words) == 0
    table = parquet.read_table(tmp_path / "out.parquet")

    assert table.column("id").to_pylist() == [row["id"] for row in GOOD]
    scores = [verdict["score"] for verdict in table.column("verdict").to_pylist()]
    assert scores == [float(n % 9 <= 4) for n in range(40)]


def test_nothing_that_could_be_scored_is_an_exit_status(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines({"other": 1}))

    assert score(tmp_path) == 1


def test_verifiers_are_listed_with_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verifiers"]) == 0
    shown = capsys.readouterr().out

    assert "require_evaluated: bool = False" in shown
    assert "max_length" in shown
