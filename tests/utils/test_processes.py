from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tta_bench.utils.processes import TAG, is_gone, process_tag

TELL = [
    sys.executable,
    "-c",
    "from tta_bench.utils.processes import process_tag; print(process_tag(), flush=True); input()",
]


def test_a_process_is_there_until_it_ends() -> None:
    process = subprocess.Popen(TELL, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    tag = process.stdout.readline().strip()
    assert TAG.fullmatch(tag)
    assert not is_gone(tag)
    process.kill()
    process.wait()
    assert is_gone(tag)
    assert not is_gone(process_tag())


def test_a_child_has_a_tag_of_its_own() -> None:
    reader, writer = os.pipe()
    if not (child := os.fork()):
        os.write(writer, process_tag().encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(reader, 100).decode()
    os.close(reader)
    os.close(writer)
    assert told != process_tag()
    assert is_gone(told)


@pytest.mark.parametrize("change", ["another machine", "a later process of the number", "no tag"])
def test_only_a_process_of_this_machine_is_known_to_have_ended(change: str) -> None:
    machine, number, start = process_tag().split("-")
    tag = {
        "another machine": f"{'0' * 8}-{number}-{start}",
        "a later process of the number": f"{machine}-{number}-{int(start) + 1}",
        "no tag": "1234",
    }[change]
    assert is_gone(tag) == (change == "a later process of the number")
