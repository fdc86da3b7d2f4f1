from __future__ import annotations

import sys
from pathlib import Path

import librosa
import numpy as np
import opensmile
import pytest
from numpy.typing import NDArray

from tta_bench.cards.catalog import backbone_card
from tta_bench.cards.kinds import SOUND_RATE
from tta_bench.errors import UserError
from tta_bench.models.backbones.audio import Mfcc, OpenSmile, build_audio, frozen_identity
from tta_bench.plugins import import_file

pytestmark = pytest.mark.usefixtures("uncompiled_librosa")
SHORTEST = SOUND_RATE * 60 // 1000


def voice(seconds: float = 1.0) -> NDArray[np.float32]:
    """A tone of 200 Hz with overtones that swells."""
    time = np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
    tone = sum(np.sin(2 * np.pi * 200 * k * time) / k for k in range(1, 10))
    return np.asarray(0.2 * tone * (0.3 + 0.7 * time / seconds), np.float32)


@pytest.mark.parametrize(
    ("name", "long", "short"),
    [
        ("egemaps", (88,), (88,)),
        ("compare2016", (6373,), (6373,)),
        ("egemaps_lld", (96, 25), (2, 25)),
        ("mfcc", (41, 40), (3, 40)),
    ],
)
def test_the_backbones_give_finite_features_of_the_shape_they_state(
    name: str, long: tuple[int, ...], short: tuple[int, ...]
) -> None:
    card = backbone_card(name)
    assert (card.modality, card.recipe) == ("audio", "audio")
    backbone = build_audio(card)
    for signal, shape in ((voice(), long), (voice()[:SHORTEST], short)):
        features = backbone(signal)
        assert features.shape == shape
        assert features.dtype == np.float32
        assert np.isfinite(features).all()
        np.testing.assert_array_equal(backbone(signal), features)


def test_functionals_are_opensmiles_own() -> None:
    theirs = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    table = theirs.process_signal(voice(), SOUND_RATE)
    np.testing.assert_array_equal(OpenSmile()(voice()), table.to_numpy()[0])


def test_descriptors_are_opensmiles_own() -> None:
    theirs = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors)
    table = theirs.process_signal(voice(), SOUND_RATE)
    np.testing.assert_array_equal(OpenSmile(level="LowLevelDescriptors")(voice()), table.to_numpy())


def test_coefficients_are_librosas_own() -> None:
    theirs = librosa.feature.mfcc(y=voice(), sr=SOUND_RATE, n_mfcc=13, n_mels=40, n_fft=512, hop_length=160)
    np.testing.assert_array_equal(Mfcc(13, 40, 512, 160)(voice()), theirs.T)


@pytest.mark.parametrize(
    ("name", "package", "licence"),
    [("egemaps", "opensmile", "not commercial products"), ("mfcc", "librosa", "ISC")],
)
def test_without_the_package_the_line_that_installs_it_and_its_licence_are_said(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str, licence: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # what Python does for a package that is not there
    with pytest.raises(UserError, match="is not installed") as error:
        build_audio(backbone_card(name))
    line, *rest = error.value.hint.splitlines()
    assert line == f"pip install {package}"
    assert licence in " ".join(rest)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"feature_set": "eGeMAPSv2"}, "unknown FeatureSet of openSMILE 'eGeMAPSv2'(?s:.*)eGeMAPSv02"),
        ({"level": "Functional"}, "unknown FeatureLevel of openSMILE"),
        ({"rate": 8000}, "backbone egemaps cannot be built"),
    ],
)
def test_arguments_that_cannot_be(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_audio(backbone_card("egemaps").model_copy(update={"arguments": arguments}))


def test_identities_differ_by_card_and_name_the_version() -> None:
    names = ("egemaps", "compare2016", "egemaps_lld", "mfcc")
    identities = [frozen_identity(backbone_card(name)) for name in names]
    assert len({str(identity) for identity in identities}) == 4
    assert identities[0]["package"] == f"opensmile {opensmile.__version__}"
    assert identities[0]["code"] is None


def test_a_backbone_of_ones_own_is_known_by_its_code(tmp_path: Path) -> None:
    found = []
    for number in (1, 2):
        file = tmp_path / f"mine{number}.py"
        file.write_text(
            "import numpy as np\n"
            "from tta_bench.registry import BACKBONES\n"
            f"@BACKBONES.register_module('mine{number}', modality='audio', recipe='audio')\n"
            "def make():\n"
            f"    return lambda signal: np.array([signal.mean(), {number}.0], np.float32)\n"
        )
        import_file(file)
        card = backbone_card(f"mine{number}")
        assert build_audio(card)(voice()).shape == (2,)
        found.append(frozen_identity(card)["code"])
    assert len(set(found)) == 2
    assert None not in found
