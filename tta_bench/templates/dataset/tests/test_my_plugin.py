from pathlib import Path

import my_plugin

from tta_bench.cards.catalog import dataset_card
from tta_bench.cards.files import use_folder
from tta_bench.data.datasets.open import open_dataset


def test_groups_are_on_one_side(tmp_path: Path) -> None:
    (tmp_path / "test_groups.txt").write_text("b\n")
    for name in ("run/a-1", "run/b-2", "walk/a-3", "walk/b-4"):
        clip = tmp_path / f"{name}.mp4"
        clip.parent.mkdir(exist_ok=True)
        clip.touch()
    use_folder(Path(my_plugin.__file__).parent / "cards")
    dataset = open_dataset(dataset_card("my_plugin"), tmp_path)
    split = dataset.split(1)
    assert dataset.classes == ("run", "walk")
    assert len(dataset.videos()) == 4
    assert [(sample.id, sample.label) for sample in split.train] == [("a-1", 0), ("a-3", 1)]
    assert [(sample.id, sample.label) for sample in split.test] == [("b-2", 0), ("b-4", 1)]
