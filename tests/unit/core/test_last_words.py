"""The termination log of a container: in place, one line, no longer than the kubelet reads."""

import signal
import subprocess
import sys

import pytest

from services.core.errors import SettingsInvalid
from services.core.last_words import MAX_BYTES, LastWords


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "termination-log"
    path.write_text("what an earlier process wrote")
    return path


def test_reason_is_one_line_in_the_same_file(file):
    inode = file.stat().st_ino

    LastWords(file).write("it is\n  wrong:\tdo this")

    assert file.read_text() == "it is wrong: do this"
    assert file.stat().st_ino == inode


def test_reason_is_cut_between_characters_to_what_the_kubelet_reads(file):
    LastWords(file).write("é" * MAX_BYTES)

    assert file.read_text() == "é" * (MAX_BYTES // 2)

    LastWords(file).write("x" + "é" * MAX_BYTES)

    assert len(file.read_bytes()) == MAX_BYTES - 1


def test_reason_counts_only_after_the_file_was_emptied(file):
    last_words = LastWords(file)

    last_words.clear()
    assert not last_words.were_written()
    last_words.write("wrong")
    assert last_words.were_written()


def test_without_a_file_nothing_is_written_and_nobody_ends():
    last_words = LastWords(None)

    last_words.clear()
    last_words.end("wrong", supervisor_pid=1)

    assert not last_words.were_written()


def test_file_that_cannot_be_written_is_said_at_the_start(tmp_path):
    last_words = LastWords(tmp_path / "no" / "file")

    with pytest.raises(SettingsInvalid, match=r"^TRIVET_TERMINATION_LOG: .*/no/file: No such file or directory$"):
        last_words.clear()
    last_words.write("wrong")


def test_end_tells_the_supervisor_with_sigterm(file):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as supervisor:
        LastWords(file).end("wrong", supervisor.pid)
        assert supervisor.wait(30) == -signal.SIGTERM

    LastWords(file).end("worse", supervisor.pid)

    assert file.read_text() == "worse"
