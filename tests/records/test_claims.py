from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tta_bench.errors import RunFailed
from tta_bench.records import claims, status
from tta_bench.records.claims import Claim, Claimed, Claims, look, take_away, wait_for

OWNER = """
import sys, time
from datetime import timedelta
from pathlib import Path
from tta_bench.errors import RunFailed
from tta_bench.records import claims, status
status.HEARTBEAT, claims.PATIENCE_SECONDS = timedelta(seconds=0.1), 0.2
held = claims.Claims()
try:
    held.add(Path(sys.argv[1]), "it is being trained")
except claims.Claimed as claimed:
    sys.exit(str(claimed))
print("mine", flush=True)
try:
    while True:
        time.sleep(0.05)
        held.require()
except RunFailed as lost:
    sys.exit(str(lost))
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short times, so that waiting for silence takes a second."""
    monkeypatch.setattr(status, "HEARTBEAT", timedelta(seconds=0.1))
    monkeypatch.setattr(status, "LEASE", timedelta(seconds=0.6))
    monkeypatch.setattr(claims, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(claims, "PATIENCE_SECONDS", 0.2)


def owner(path: Path) -> subprocess.Popen[str]:
    """A process that holds a claim until it ends or loses it."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    return process


def strangers(path: Path, token: str = "theirs", age: float = 0.0) -> None:
    """Write the claim of a process on another machine."""
    path.write_text(json.dumps({"token": token, "process": "00000000-1-2", "beats": "0"}))
    then = time.time() - age
    os.utime(path, (then, then))


def test_a_claim_is_made_once_and_gone_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "run" / "claim.json"
    one, other = Claims(), Claims()
    one.add(path, "it is being trained")
    one.require()
    with pytest.raises(Claimed, match=r"trained by another process \(last heard of 0 s ago\)\. --wait waits"):
        other.add(path, "it is being trained")
    assert "tta" not in path.read_text()
    assert not {os.uname().nodename, os.environ.get("USER", "nobody")} & set(json.loads(path.read_text()).values())
    one.release()
    assert not path.parent.exists()
    other.add(path, "it is being trained")
    other.release()


def test_of_many_processes_one_makes_it(tmp_path: Path) -> None:
    path, won = tmp_path / "claim.json", []
    gate = threading.Barrier(16)

    def race() -> None:
        gate.wait()
        if Claim(path).take() is None:
            won.append(True)

    threads = [threading.Thread(target=race) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [True]
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_owner_of_this_machine_is_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "claim.json"
    process = owner(path)
    assert Claim(path).take() is not None
    process.kill()
    process.wait()
    claim = Claim(path)
    assert claim.take() is None
    claim.require()


def test_a_stopped_owner_that_wakes_finds_its_token_gone_and_stops(tmp_path: Path) -> None:
    path = tmp_path / "claim.json"
    process = owner(path)
    process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    assert wait_for(path)
    assert time.monotonic() - begun >= 0.6
    claim = Claim(path)
    assert claim.take() is None
    before = path.read_text()
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "another process has taken over" in said
    claim.require()
    assert path.read_text() == before


def test_a_living_owner_is_waited_for_however_long_it_takes(tmp_path: Path) -> None:
    path = tmp_path / "claim.json"
    process = owner(path)
    waiter = threading.Thread(target=wait_for, args=(path,))
    waiter.start()
    waiter.join(1.5)  # longer than a lease
    assert waiter.is_alive()
    process.kill()
    process.wait()
    waiter.join(10)
    assert not waiter.is_alive()


@pytest.mark.parametrize("age", [0.0, 1e6, -1e6])
def test_silence_is_judged_by_the_waiters_clock_and_not_by_times_that_were_written(tmp_path: Path, age: float) -> None:
    path = tmp_path / "claim.json"
    strangers(path, age=age)
    begun = time.monotonic()
    assert wait_for(path)
    assert time.monotonic() - begun >= 0.6


@pytest.mark.parametrize("wakes", [True, False])
def test_one_of_another_machine_that_looks_forgotten_is_watched_before_it_is_taken_over(
    tmp_path: Path, wakes: bool
) -> None:
    path, mine = tmp_path / "claim.json", Claims()
    strangers(path, age=1e6)
    waking = threading.Timer(0.2, strangers, (path,))
    begun = time.monotonic()
    if wakes:
        waking.start()
        with pytest.raises(Claimed, match="it has just been heard of"):
            mine.add(path, "it is being trained")
    else:
        mine.add(path, "it is being trained")
        assert time.monotonic() - begun >= 0.6
        mine.release()


def test_a_claim_that_changed_hands_meanwhile_is_put_back(tmp_path: Path) -> None:
    path = tmp_path / "claim.json"
    strangers(path, "new")
    assert not take_away(path, "old")
    seen = look(path)
    assert seen is not None
    assert seen.token == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"token": 1}'])
def test_a_claim_that_cannot_be_read_is_one_that_may_fall_silent(tmp_path: Path, text: str) -> None:
    path = tmp_path / "claim.json"
    path.write_text(text)
    assert Claim(path).take() is not None
    assert wait_for(path)


def test_an_owner_whose_claim_was_removed_stops(tmp_path: Path) -> None:
    path, mine = tmp_path / "claim.json", Claims()
    mine.add(path, "it is being trained")
    path.unlink()
    with pytest.raises(RunFailed, match="has taken over"):
        mine.require()
    mine.release()
