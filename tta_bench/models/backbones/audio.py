"""Audio backbones: functions of a sound, mono 16 kHz ``float32 (S,)`` in [-1, 1), that are not trained.

A network of PyTorch is one too, see `tta_bench.models.backbones.sound_modules`.

They give ``float32 (D,)`` for the whole sound, or ``(T', D)`` for its pieces. The sound is at least 60 ms long, as
`tta_bench.data.media.sound` gives it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tta_bench.cards.kinds import SOUND_RATE, BackboneCard
from tta_bench.errors import BenchError, UserError, unknown
from tta_bench.plugins import file_of
from tta_bench.registry import BACKBONES
from tta_bench.utils.files import sha256_of

AudioBackbone = Callable[[NDArray[np.float32]], NDArray[np.floating]]

LICENCES = {
    "opensmile": "openSMILE's licence allows research and private use, not commercial products (audeering.com).",
    "librosa": "librosa's licence is ISC.",
}
"""Licence of each optional package, for the message that says how to install it."""


@BACKBONES.register_module()
class OpenSmile:
    """A feature set of openSMILE (Eyben et al. 2010), a frozen function of a sound.

    eGeMAPSv02 (Eyben et al. 2016) has 88 functionals ``(88,)``, or 25 low-level descriptors ``(T', 25)`` every 10 ms;
    ComParE_2016 (Schuller et al. 2016) has 6373 functionals.

    Args:
        feature_set: Name of the set in openSMILE.
        level: ``Functionals`` for the whole sound, or ``LowLevelDescriptors`` for a sequence.

    Raises:
        UserError: openSMILE is not installed (says how to, and its licence), or has no such set or level.
    """

    package = "opensmile"

    def __init__(self, feature_set: str = "eGeMAPSv02", level: str = "Functionals") -> None:
        opensmile = needed("opensmile", "openSMILE")
        for kind, name in ((opensmile.FeatureSet, feature_set), (opensmile.FeatureLevel, level)):
            if name not in kind.__members__:
                raise unknown(f"{kind.__name__} of openSMILE", name, kind.__members__)
        self._level = level
        # A sound of another rate would be an error, and not be resampled.
        self._smile = opensmile.Smile(
            opensmile.FeatureSet[feature_set], opensmile.FeatureLevel[level], sampling_rate=SOUND_RATE
        )

    def __call__(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a sound's features: functionals ``float32 (D,)``, or descriptors ``float32 (T', D)``."""
        features = np.asarray(self._smile(signal, SOUND_RATE)[0].T, np.float32)
        return features[0] if self._level == "Functionals" else features


@BACKBONES.register_module()
class Mfcc:
    """Mel-frequency cepstral coefficients from librosa, ``float32 (T', coefficients)``.

    Args:
        coefficients: How many of them.
        mels: Bands of the mel scale.
        window: Samples of a window.
        hop: Samples from one window to the next.

    Raises:
        UserError: librosa is not installed; says how to.
    """

    package = "librosa"

    def __init__(self, coefficients: int = 40, mels: int = 64, window: int = 800, hop: int = 400) -> None:
        self._mfcc = needed("librosa", "librosa").feature.mfcc
        self._options = {"n_mfcc": coefficients, "n_mels": mels, "n_fft": window, "hop_length": hop}

    def __call__(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a sound's coefficients, ``float32 (T', coefficients)``."""
        return np.asarray(self._mfcc(y=signal, sr=SOUND_RATE, **self._options).T, np.float32)


def build_audio(card: BackboneCard) -> AudioBackbone:
    """Return the audio backbone of a card.

    Raises:
        UserError: It needs a package that is not there, or refuses its arguments; says why.
    """
    component = BACKBONES.get(card.component)
    if component is None:
        raise UserError(f"backbone {card.name} names the component '{card.component}', which nothing registers.")
    try:
        with seeded():
            backbone = component(**card.arguments)
    except BenchError:
        raise
    except Exception as error:  # whatever a library raises for arguments that it does not like
        raise UserError(f"backbone {card.name} cannot be built: {type(error).__name__}: {error}") from error
    if hasattr(backbone, "named_parameters"):
        from tta_bench.models.backbones.sound_modules import SoundModule  # torch is loaded where a network is given

        return SoundModule(backbone)
    if not callable(backbone):
        raise UserError(f"backbone {card.name} is a {type(backbone).__name__}, which cannot be called with a sound.")
    made: AudioBackbone = backbone
    return made


@contextmanager
def seeded() -> Iterator[None]:
    """Seed PyTorch's generator, if PyTorch is loaded, and put it back at the end: a network is the same each time."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def frozen_identity(card: BackboneCard) -> dict[str, Any]:
    """Return the identity of a frozen backbone as JSON: everything of card and code that its features depend on.

    A component of the suite names the package that does the work; any other is known by its file's bytes.
    """
    component = BACKBONES.get(card.component)
    package = getattr(component, "package", None)
    code = None if str(getattr(component, "__module__", "")).startswith("tta_bench.") else file_of(component)
    return {
        "component": card.component,
        "arguments": card.arguments,
        "package": f"{package} {version(package)}" if package else None,
        "code": sha256_of(code) if code else None,
    }


def needed(package: str, name: str) -> ModuleType:
    """Import an optional package; raises UserError with the line that installs it, and its licence, if it is absent."""
    try:
        return import_module(package)
    except ImportError as error:
        reason = "is not installed" if isinstance(error, ModuleNotFoundError) else f"cannot be imported ({error})"
        raise UserError(f"{name} {reason}.", f"pip install {package}\n{LICENCES[package]}") from error
