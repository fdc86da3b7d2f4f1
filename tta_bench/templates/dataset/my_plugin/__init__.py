"""The dataset my_plugin: ``<root>/<class>/<group>-<number>.mp4``, and the groups of the test list in a text file.

A dataset is a class whose first argument is its root: the folder that ``data.root=`` names, or a file. Its card's
``arguments`` are passed as keywords. Protocols read ``classes`` (names in the order of their labels) and
``split(number)``, a `Split` of samples to train on and to test on; ``data verify`` reads ``videos()``. A `Layout` gives
all three. Nothing is decoded here: a `Sample` is an id, a video file or folder of frames, a label and a group. A corpus
to pre-train on is a `tta_bench.data.datasets.corpus.Corpus` of clips instead.
"""

from __future__ import annotations

from pathlib import Path

from tta_bench import DATASETS
from tta_bench.data.datasets.layout import Layout, Sample, Split
from tta_bench.errors import UserError


@DATASETS.register_module("my_plugin")
class MyDataset(Layout):
    """Clips in a folder for each class, split by group.

    Args:
        root: The folder that holds the classes and ``test_groups.txt``.

    Raises:
        UserError: The list of test groups is missing. Layout itself refuses empty lists and repeated ids.
    """

    def __init__(self, root: Path) -> None:
        test_list = root / "test_groups.txt"
        if not test_list.is_file():
            raise UserError(f"there is no {test_list}.", "Expected: a line for each group that is tested on.")
        groups = set(test_list.read_text(encoding="utf-8").split())
        classes = sorted(path.name for path in root.iterdir() if path.is_dir())
        samples = [
            Sample(id=path.stem, path=path, label=label, group=path.stem.partition("-")[0])
            for label, name in enumerate(classes)
            for path in sorted((root / name).glob("*.mp4"))
        ]
        train = tuple(sample for sample in samples if sample.group not in groups)
        test = tuple(sample for sample in samples if sample.group in groups)
        super().__init__(classes, {1: Split(train, test)})
