"""`data overlap` on 2,000 clips: 50 planted copies, mirrored ones apart, and 30 that only look like copies."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.data.overlap.some_clips import COARSE, RATE, copied, frames, some_path, title, with_object, write
from tta_bench.data.media.decode import every_frame
from tta_bench.data.overlap.find import find_overlap

pytestmark = [pytest.mark.acceptance, pytest.mark.long]
SHARED = Path(os.environ.get("TTA_BENCH_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "clips"
HELD_OUT = (101, 103, 107)
NAMES = (
    *("astronaut", "brick", "camera", "cat", "clock", "coffee", "coins", "grass", "gravel", "hubble_deep_field"),
    *("immunohistochemistry", "moon", "page", "rocket", "retina", "text", "colorwheel", "horse", "logo"),
)


def pictures() -> list[np.ndarray]:
    data = pytest.importorskip("skimage.data")
    found = []
    for name in NAMES:
        try:
            picture = np.asarray(getattr(data, name)())
        except Exception:  # not shipped with the package, and nothing is fetched here
            continue
        picture = picture.astype(np.uint8) * 255 if picture.dtype == bool else picture
        picture = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture[..., :3]
        found.append(np.ascontiguousarray(picture, np.uint8))
    return found


class Planted(NamedTuple):
    """Two corpora, and what is known of them."""

    sides: tuple[dict[str, Path], dict[str, Path]]
    copies: dict[str, str]
    """Original of each copy."""
    mirrored: dict[str, str]
    """Original of each copy that is mirrored."""


def corpora(folder: Path, clips: int, seed: int) -> Planted:
    """Write two corpora: windows that move over pictures, real clips, copies, mirrored copies and lookalikes."""
    draw, shown = np.random.default_rng(seed), pictures()
    real = {file.stem: list(every_frame(file)) for file in sorted(SHARED.glob("*.*"))} if SHARED.is_dir() else {}
    first, second = folder / "first", folder / "second"
    ways = [some_path(shown, draw) for _ in range(clips // 2 - len(real))]
    names = [f"clip{number:04}" for number in range(len(ways))]
    for name, way in zip(names, ways, strict=True):
        write(first / f"{name}.avi", frames(way, 0, 5))
    for name, film in real.items():
        write(first / f"{name}.avi", iter(film[: len(film) // 2]))
    planted: dict[str, str] = {}
    mirrored: dict[str, str] = {}
    for number in range(60):
        name, way, mirror = names[number], ways[number], number >= 50
        share, begin = (1.0, 0.92)[number % 2], (0.0, 1.0)[number // 2 % 2]
        place, width = (draw.random(), draw.random()), (160, 120, 208)[number % 3]
        made = (copied(frame, place, share, width, mirror) for frame in frames(way, begin, 4))
        copy = f"copy{number:02}"
        write(second / f"{copy}.mp4", made, COARSE)
        (mirrored if mirror else planted)[copy] = name
    lookalikes = []
    for number in range(10):
        lookalikes.append(write(second / f"later{number}.avi", frames(ways[70 + number], 5.5, 5)))
        other = with_object(ways[90 + number], shown[number % len(shown)])
        lookalikes.append(write(second / f"object{number}.avi", (other(k / RATE) for k in range(60))))
    for name, film in real.items():
        lookalikes.append(write(second / f"{name}-later.avi", iter(film[len(film) // 2 + 15 :])))
    for number in range(2):
        write(first / f"black{number}.avi", (np.zeros((120, 160, 3), np.uint8) for _ in range(60)))
        lookalikes.append(write(second / f"dark{number}.avi", (np.zeros((120, 160, 3), np.uint8) for _ in range(60))))
    for number in range(30 - len(lookalikes)):
        write(first / f"title{number}.avi", title(f"Chapter {number}\nThe river", 5))
        lookalikes.append(write(second / f"words{number}.avi", title(f"Part {number + 3}\nA mountain", 5)))
    assert len(lookalikes) == 30
    while (left := clips // 2 - len(list(second.iterdir()))) > 0:
        write(second / f"other{left:04}.avi", frames(some_path(shown, draw), 0, 5))
    sides = tuple({file.stem: file for file in sorted(side.iterdir())} for side in (first, second))
    return Planted((sides[0], sides[1]), planted, mirrored)


@pytest.mark.parametrize(
    ("clips", "seed", "least"), [(300, 7, 46), (300, 11, 46), *((300, seed, 46) for seed in HELD_OUT), (2000, 7, 46)]
)
def test_copies_are_found_and_lookalikes_are_not(clips: int, seed: int, least: int, tmp_path: Path) -> None:
    """The method and its thresholds were made on seeds 7, 11, 13 and 17; those held out were drawn once, afterwards."""
    made = corpora(tmp_path, clips, seed)
    started, processor = time.monotonic(), sum(os.times()[:4])
    found = find_overlap(*made.sides, workers=2)
    wall, processor = time.monotonic() - started, sum(os.times()[:4]) - processor
    right = [pair for pair in found.pairs if not pair.mirrored and made.copies.get(pair.b) == pair.a]
    turned = [pair for pair in found.pairs if pair.mirrored and made.mirrored.get(pair.b) == pair.a]
    false = [pair for pair in found.pairs if pair not in right and pair not in turned]
    each = found.seconds["traces"] / sum(found.clips)
    compared = found.seconds["search"] / (found.pictures[0] * found.pictures[1])
    pairs = 283_582 * 13_320 * (found.pictures[0] / found.clips[0]) * (found.pictures[1] / found.clips[1])
    print(
        f"\n{clips} clips, seed {seed}: found {len(right)} of 50 copies, {len(turned)} of 10 mirrored, "
        f"{len(false)} false; {found.candidates} looked at closely; {wall:.0f} s, {processor:.0f} s of processor time\n"
        f"{found.seconds}; a clip {1000 * each:.0f} ms of traces; 283,582 x 13,320 clips of this length: "
        f"{296_902 * each / 3600:.1f} h of traces, {pairs * compared / 3600:.1f} h of search"
    )
    print("missed", sorted(set(made.copies) - {pair.b for pair in right}), "false", false, flush=True)
    assert len(right) >= least
    assert len(false) <= 3
    assert wall < 600
