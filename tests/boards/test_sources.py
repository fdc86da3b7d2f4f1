from __future__ import annotations

from pathlib import Path

import pytest

from tests.records.some_records import some_identity, some_record
from tta_bench.boards import cells
from tta_bench.boards.sources import addresses_in, data_of, paper_of
from tta_bench.cards.files import card_files, read_card_data
from tta_bench.records.identity import DatasetRef, WeightsRef

RESNET = ("arXiv 1512.03385", "https://arxiv.org/abs/1512.03385")


@pytest.mark.parametrize(
    ("citation", "addresses"),
    [
        (
            "Qian et al. (arXiv 2402.08875); doi 10.57967/hf/3179",
            ["arxiv.org/abs/2402.08875", "doi.org/10.57967/hf/3179"],
        ),
        ("arXiv:2203.12602v3", ["arxiv.org/abs/2203.12602"]),
        ("DOI: 10.1109/X.2016.1, page 3", ["doi.org/10.1109/X.2016.1"]),
        ("He et al. (CVPR 2016)", []),
    ],
)
def test_numbers_of_arxiv_and_doi_are_addresses(citation: str, addresses: list[str]) -> None:
    assert [address.removeprefix("https://") for _, address in addresses_in(citation)] == addresses


def test_the_papers_of_a_model_stand_on_its_cards() -> None:
    weights = WeightsRef(name="resnet50_in1k", sha256=None, pretraining=None)
    identity = some_identity(backbone="resnet50+egemaps", weights=weights)
    found = paper_of(some_record(identity=identity))
    assert found[0] == RESNET
    assert ("arXiv 2110.00476", "https://arxiv.org/abs/2110.00476") in found
    assert paper_of(some_record(identity=some_identity(backbone="timm/anything"))) == []


@pytest.mark.parametrize(
    ("dataset", "sources"),
    [
        ("ucf101", ["https://arxiv.org/abs/1212.0402"]),
        ("hmdb51", ["https://doi.org/10.1109/ICCV.2011.6126543"]),
        ("hume_reaction", ["https://arxiv.org/abs/2303.01498", "https://arxiv.org/abs/2207.05691"]),
        ("tiktok_actions", ["https://arxiv.org/abs/2402.08875"]),
        ("ucf101_sample", []),
        ("folder", []),
    ],
)
def test_the_papers_of_data_stand_on_their_card(dataset: str, sources: list[str]) -> None:
    record = some_record(identity=some_identity(dataset=DatasetRef(name=dataset, manifest_sha256=None, splits=("1",))))
    assert [address for _, address in data_of(record)] == sources
    assert [link.address for link in cells.data_source(record).links] == sources


def test_a_card_that_cannot_be_read_has_no_paper(registry: Path) -> None:
    (registry / "backbones").mkdir(parents=True, exist_ok=True)
    (registry / "backbones" / "broken_card.yaml").write_text("- no card")
    card_files.cache_clear()
    assert paper_of(some_record(identity=some_identity(backbone="broken_card"))) == []


@pytest.mark.parametrize("name", ["resnet18", "videomaev2_vit_b", "convnext_tiny", "vit_b16_image", "efficientnet_b0"])
def test_shipped_cards_of_visual_backbones_lead_to_a_paper(name: str) -> None:
    assert addresses_in(str(read_card_data(card_files("backbones")[name], "backbones")["citation"]))
