"""Stopping, threads, signals, logging."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import strongroom
from storage import one
from strongroom import Source

FLOOR = strongroom.Cost.FLOOR


def test_deadline_and_resume(tmp_path: Path) -> None:
    with strongroom.Repository.create(tmp_path, "pass", cost=FLOOR) as repository:

        def slow(data: bytes) -> Iterator[bytes]:
            for at in range(0, len(data), 65_536):
                time.sleep(0.02)
                yield data[at : at + 65_536]

        data = [os.urandom(400_000) for _ in range(6)]

        def back_up(deadline: timedelta | None) -> strongroom.BackupReport:
            entries = [
                strongroom.AppEntry.file(f"{at}", slow(part), size=len(part), modified=0, changed=0)
                for at, part in enumerate(data)
            ]
            source = Source.entries(entries, sorted=True, known_as=["rows"])
            return repository.backup(source, budget=strongroom.Budget(deadline=deadline, threads=1))

        suspended = back_up(timedelta(milliseconds=250))
        assert suspended.outcome is strongroom.Outcome.SUSPENDED
        assert suspended.snapshot is None
        assert back_up(None).outcome == "complete"


def test_cancelling(repository: strongroom.Repository) -> None:
    token = strongroom.CancelToken()

    def endless() -> Iterator[bytes]:
        while True:
            yield os.urandom(65_536)

    timer = threading.Timer(0.3, token.cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(InterruptedError) as found:
        repository.backup(Source.reader("x", endless()), cancel=token)
    assert isinstance(found.value, strongroom.CancelledError)
    assert time.monotonic() - began < 3
    assert token.is_cancelled
    assert repository.check().is_sound


def test_the_interpreter_goes_on_meanwhile(repository: strongroom.Repository) -> None:
    count, stop = [0], threading.Event()

    def counting() -> None:
        while not stop.is_set():
            count[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=counting)
    thread.start()
    one(repository, os.urandom(20_000_000))
    stop.set()
    thread.join()
    assert count[0] > 5


def test_a_listener_that_blocks_holds_nothing_up(repository: strongroom.Repository) -> None:
    heard, go = threading.Event(), threading.Event()

    def block(progress: strongroom.Progress) -> None:
        heard.set()
        go.wait(30)

    began = time.monotonic()
    report = repository.backup(strongroom.Source.bytes("x", os.urandom(1_000_000)), progress=block)
    assert report.outcome == "complete"
    assert heard.is_set()
    assert time.monotonic() - began < 10
    go.set()


def test_many_threads_at_once(repository: strongroom.Repository) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            snapshot = one(repository, os.urandom(50_000) + bytes([number]), f"{number}")
            for _ in range(50):
                assert repository.entry(snapshot, f"{number}").size == 50_001
                assert len(list(repository.list(snapshot))) == 1
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(repository.snapshots()) == 8
    assert repository.check().is_sound


INTERRUPTED = """
import os, signal, sys, threading, time, strongroom
# What a shell starts in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
repository = strongroom.Repository.create(sys.argv[1], "pass", cost=strongroom.Cost.FLOOR)
def endless():
    while True:
        yield os.urandom(65536)
def interrupt():
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
began = time.monotonic()
try:
    repository.backup(strongroom.Source.reader("x", endless()))
except KeyboardInterrupt:
    assert time.monotonic() - began < 3, "too late"
    assert repository.check().is_sound
    assert len(repository.snapshots()) == 0
    print("interrupted")
"""


def test_ctrl_c_cancels(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", INTERRUPTED, tmp_path], capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("interrupted\n", "")


BLOCKED = """
import os, signal, sys, threading, time, strongroom
# What a shell starts in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
repository = strongroom.Repository.create(sys.argv[1], "pass", cost=strongroom.Cost.FLOOR)
class Blocked:
    def read(self, size):
        threading.Event().wait()
def interrupt():
    for _ in range(2):
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
try:
    repository.backup(strongroom.Source.reader("x", Blocked()))
except KeyboardInterrupt:
    print("interrupted", flush=True)
os._exit(0)
"""


def test_a_stream_that_never_answers_does_not_keep_ctrl_c(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", BLOCKED, tmp_path], capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("interrupted\n", "")


def test_logging(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with strongroom.Repository.create(strongroom.Backend.memory(), "pass", cost=FLOOR) as repository:
        one(repository, b"x")
        assert not caplog.records
        repository.set_logger(logging.getLogger("backups"))
        one(repository, b"y")
        assert [(record.name, record.levelname, record.getMessage()) for record in caplog.records] == [
            ("backups", "DEBUG", "backup: begins"),
            ("backups", "INFO", "backup: is done"),
        ]
        assert vars(caplog.records[0])["operation"] == "backup"
        repository.set_logger(None)
        one(repository, b"z")
        assert len(caplog.records) == 2
    assert capfd.readouterr() == ("", "")
