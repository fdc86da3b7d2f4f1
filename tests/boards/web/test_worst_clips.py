from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np

from tests.boards.web.test_confusion import predictions_of
from tests.records.some_intensities import some_intensities
from tta_bench.boards.web.worst_clips import MOST, files_of_clips, worst, worst_clips
from tta_bench.boards.write import official_folder
from tta_bench.records.predictions import collect
from tta_bench.records.store import read_record, record_files


def test_the_widest_margin_comes_first_and_right_clips_are_left_out() -> None:
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], np.float32)
    predictions = collect(["right", "worst", "bad"], scores, [0, 0, 0], ["g"] * 3, ["run", "jump"])
    assert [name for name, _ in worst(predictions)] == ["worst", "bad"]
    assert next(words for _, words in worst(predictions)).startswith("run, taken for jump (0.8 v 0.2")


def test_at_most_twenty_are_shown() -> None:
    assert len(list(worst(predictions_of([(0, 1)] * 50)))) == MOST


def test_intensities_are_sorted_by_their_mean_error() -> None:
    found = some_intensities()
    assert found.targets is not None
    errors = dict(zip(found.ids.tolist(), np.abs(found.outputs - found.targets).mean(1).tolist(), strict=True))
    listed = [errors[name] for name, _ in worst(found)]
    assert listed == sorted(listed, reverse=True)
    assert listed[0] == max(errors.values())


def test_frames_are_pictures_in_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f"img_{number:05d}.jpg"), np.full((60, 80, 3), 40 * number, np.uint8))
    (tmp_path / "damaged.mp4").write_bytes(b"no video")
    predictions = predictions_of([(0, 1), (1, 2), (2, 3)])
    clips = worst_clips(predictions, {"clip000": folder, "clip001": tmp_path / "damaged.mp4"})
    assert [len(clip.pictures) for clip in clips] == [3, 0, 0]
    kind, _, content = clips[0].pictures[0].partition(",")
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), cv2.IMREAD_COLOR)
    assert kind == "data:image/jpeg;base64"
    assert picture is not None
    assert picture.shape[0] == 88


def test_clips_are_those_of_the_record() -> None:
    record = read_record(next(path for path in record_files(official_folder() / "records") if "reversed" in path.name))
    assert len(files_of_clips(record, None)) == record.n_expected
