from __future__ import annotations

from tta_bench.protocols.base.recorder import safe_name, without_root


def test_any_file_name_can_stand_in_a_record() -> None:
    assert [safe_name(name) for name in ("best.pth", "my weights (2).pth", "..", "é")] == [
        "best.pth",
        "my-weights--2-.pth",
        "unnamed",
        "unnamed",
    ]


def test_no_path_of_the_machine_gets_into_a_record() -> None:
    words = ["data.root=/home/me/ucf", "data.roots.ucf101=~/x", "weights=/home/me/best.pth", "seed=1", "weights=none"]
    cleaned = ["data.root=<data.root>", "data.roots.ucf101=<data.root>", "weights=best.pth", "seed=1", "weights=none"]
    assert [without_root(word) for word in words] == cleaned
