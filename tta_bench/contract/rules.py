"""The rules of the contract, a function each: what a backbone must do to be measured fairly.

A rule's name is its function's, and the first line of its docstring is what is expected. It returns what was found; a
`Broken` says that it does not hold, and any other error that the module raises is taken for one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tta_bench.contract.subject import Subject, clip_shape
from tta_bench.engine.device import Machine
from tta_bench.engine.optimizer import parameter_groups
from tta_bench.errors import shorten
from tta_bench.models.classifier import Classifier, measure_width
from tta_bench.models.measure import count_gmacs, count_parameters, describe_output, evaluating

SAME = 1e-6
"""Largest difference, over the largest feature, of two passes that do the same."""
ALIKE = 1e-3
"""Largest difference, over the largest feature, of two passes whose sums may be taken in another order."""
GMACS_TOLERANCE = 0.01


class Broken(Exception):
    """A rule that does not hold.

    Args:
        found: What was found.
        expected: What was expected, where it is more exact than the rule's first line.
    """

    def __init__(self, found: str, expected: str = "") -> None:
        super().__init__(found)
        self.expected = expected


class Unclaimed(Exception):
    """A rule about something that the card does not claim; the message says what it could."""


def builds(subject: Subject) -> str:
    """The component takes the card's arguments and returns an nn.Module."""
    return type(subject.module).__name__


def has_parameters(subject: Subject) -> str:
    """There is at least one parameter to train."""
    count = count_parameters(subject.module)
    if not any(parameter.requires_grad for parameter in subject.module.parameters()):
        raise Broken(f"{count:,} parameters, none of which requires a gradient" if count else "no parameters")
    return f"{count:,} parameters"


def output_shape(subject: Subject) -> str:
    """Features (B, D) or tokens (B, N, D), of one width for one clip and for four."""
    shapes = []
    for clips in (subject.clips[:1], subject.clips):
        features = subject.features if len(clips) == 1 else subject.run(subject.module, clips)
        if not isinstance(features, Tensor):
            raise Broken(f"{describe_output(features)}, for {len(clips)} clip(s)")
        if features.ndim not in (2, 3) or len(features) != len(clips):
            raise Broken(f"{tuple(features.shape)} for {len(clips)} clip(s) of {subject.shape}")
        shapes.append(tuple(features.shape))
    if shapes[0][1:] != shapes[1][1:]:
        raise Broken(f"{shapes[0]} for one clip and {shapes[1]} for four")
    return f"{shapes[0]} for one clip, {shapes[1]} for four"


def finite_features(subject: Subject) -> str:
    """Every feature is a finite number."""
    return _finite(subject.features)


def input_untouched(subject: Subject) -> str:
    """The clip is the same after the forward pass as before."""
    clip = subject.clips[:1].clone()
    with evaluating(subject.module), torch.no_grad():
        subject.module(clip)
    changed = int((clip != subject.clips[:1]).sum())
    if changed:
        raise Broken(f"{changed:,} of its {clip.numel():,} values were changed in place")
    return "unchanged"


def determinism(subject: Subject) -> str:
    """The same clip gives the same features again, in evaluation mode."""
    return _close(subject.run(subject.module, subject.clips[:1]), subject.features, SAME)


def batch_invariance(subject: Subject) -> str:
    """A clip's features are the same alone as among three others."""
    return _close(subject.run(subject.module, subject.clips)[:1], subject.features, ALIKE)


def evaluation_mode(subject: Subject) -> str:
    """After eval() no submodule trains, and a forward pass changes no buffer."""
    with evaluating(subject.module), torch.no_grad():
        training = [name or "the module itself" for name, child in subject.module.named_modules() if child.training]
        before = {name: buffer.clone() for name, buffer in subject.module.named_buffers()}
        subject.module(subject.clips[:2].clone())
    if training:
        raise Broken(f"still in training mode: {shorten(training)}")
    changed = [name for name, buffer in subject.module.named_buffers() if not torch.equal(buffer, before[name])]
    if changed:
        raise Broken(f"buffers that changed: {shorten(changed)}")
    return f"{len(before)} buffers unchanged"


def gradients(subject: Subject) -> str:
    """A gradient reaches every parameter, but those the card names as frozen, and is finite."""
    module = subject.build(0).train()
    module(subject.clips[:2].clone()).float().square().mean().backward()
    gradient = {name: parameter.grad for name, parameter in module.named_parameters()}
    wanted = [name for name in gradient if not name.startswith(subject.card.frozen)]
    without = [name for name in wanted if gradient[name] is None]
    if without:
        raise Broken(f"none reaches {len(without)} of {len(gradient)}: {shorten(without)}")
    odd = [name for name in wanted if not _all_finite(gradient[name])]
    if odd:
        raise Broken(f"not finite in {len(odd)}: {shorten(odd)}")
    frozen = len(gradient) - len(wanted)
    return f"reached {len(wanted)} parameter tensors" + (f", {frozen} are frozen" if frozen else "")


def claimed_sizes(subject: Subject) -> str:
    """Other sizes that the card claims work, and give the same width."""
    step, size = subject.card.size_multiple, subject.clip.size
    if step is None:
        raise Unclaimed(f"only {size} pixels; size_multiple would claim more")
    return _widths(subject, [(subject.clip.frames, other) for other in _others(size, step)])


def claimed_lengths(subject: Subject) -> str:
    """Other numbers of frames that the card claims work, and give the same width."""
    step, frames = subject.card.frames_multiple, subject.clip.frames
    if subject.card.modality == "image":
        step = 1
    if step is None:
        raise Unclaimed(f"only {frames} frames; frames_multiple would claim more")
    return _widths(subject, [(other, subject.clip.size) for other in _others(frames, step)])


def layer_groups(subject: Subject) -> str:
    """Every parameter has a layer, so that layer decay can be applied."""
    width = measure_width(subject.module, subject.shape)
    groups, source = parameter_groups(Classifier(subject.module, width, 2), 0.05, 0.5)
    if source == "one group":
        return "one layer, since there is neither layer_groups() nor group_matcher: layer decay does nothing"
    return f"{len({group['lr_scale'] for group in groups})} layers from {source}"


def parameters_on_the_card(subject: Subject) -> str:
    """The card's number of parameters is the module's."""
    found, claimed = count_parameters(subject.module), subject.card.parameters
    if claimed is None:
        raise Unclaimed(f"{found:,} measured; parameters: {found} would claim it")
    if found != claimed:
        raise Broken(f"{found:,}", f"{claimed:,}")
    return f"{found:,}"


def gmacs_on_the_card(subject: Subject) -> str:
    """The card's billions of multiply-adds per view are the module's, within 1 %."""
    found, claimed = count_gmacs(subject.module, subject.shape), subject.card.gmacs
    if found is None:
        raise Unclaimed("PyTorch's counter does not get through this module")
    if claimed is None:
        raise Unclaimed(f"{found:.4g} measured; gmacs: {found:.4g} would claim it")
    if abs(found - claimed) > GMACS_TOLERANCE * claimed:
        raise Broken(f"{found:.4g}", f"{claimed:.4g} within {GMACS_TOLERANCE:.0%}")
    return f"{found:.4g}"


def state_dict_round_trip(subject: Subject) -> str:
    """A new module that is given the state dict gives the same features."""
    other = subject.build(1)
    other.load_state_dict(subject.module.state_dict())
    return _close(subject.run(other, subject.clips[:1]), subject.features, SAME)


def golden_output(subject: Subject) -> str:
    """Seed 0's initial weights give the features on the card, so that the code is the one that made it."""
    features = pooled(subject.features)[: len(subject.card.golden) or 4]
    if not subject.card.golden:
        raise Unclaimed(f"golden: [{', '.join(f'{value:.5g}' for value in features.tolist())}] would claim it")
    return _close(features, torch.tensor(subject.card.golden), ALIKE)


def bfloat16(subject: Subject) -> str:
    """In bfloat16 autocast every feature is a finite number."""
    with evaluating(subject.module), Machine(torch.device("cpu"), "bf16").inference():
        return _finite(subject.module(subject.clips[:1].clone()))


FIRST = (builds, has_parameters, output_shape)
"""Without these no other rule can be tried."""
QUICK = (*FIRST, finite_features, input_untouched, determinism)
"""Rules that a run tries on a plug-in before anything is spent."""
RULES = (
    *QUICK,
    *(evaluation_mode, batch_invariance, gradients, claimed_sizes, claimed_lengths, layer_groups),
    *(parameters_on_the_card, gmacs_on_the_card, state_dict_round_trip, golden_output, bfloat16),
)
"""The contract."""


def pooled(features: Tensor) -> Tensor:
    """Return the features ``(D,)`` of a batch of one clip, tokens averaged."""
    return features[0].mean(0) if features.ndim == 3 else features[0]


def _close(found: Tensor, expected: Tensor, tolerance: float) -> str:
    if found.shape != expected.shape:
        raise Broken(f"shape {tuple(found.shape)}", f"shape {tuple(expected.shape)}")
    difference = (found - expected).abs().max().item() / max(expected.abs().max().item(), 1e-12)
    if not difference <= tolerance:
        raise Broken(f"they differ by {difference:.2g} of the largest feature; {tolerance:g} is allowed")
    return f"they differ by {difference:.2g} of the largest feature"


def _finite(features: Tensor) -> str:
    wrong = int((~features.isfinite()).sum())
    if wrong:
        raise Broken(f"{wrong:,} of {features.numel():,} are not finite")
    return f"{features.numel():,} finite features"


def _all_finite(tensor: Tensor | None) -> bool:
    return tensor is None or bool(tensor.isfinite().all())


def _others(own: int, step: int) -> list[int]:
    """Return a smaller and a larger multiple of a step than one's own number, if there is a smaller one."""
    return sorted({max(step, own // 2 // step * step), own // step * step + step} - {own})


def _widths(subject: Subject, extents: list[tuple[int, int]]) -> str:
    width = measure_width(subject.module, subject.shape)
    for frames, size in extents:
        other = subject.resized(frames, size)
        try:
            found = measure_width(_without_data(other), clip_shape(other.clip))
        except Exception as error:
            raise Broken(f"{frames} frames of {size} pixels: {error}") from error
        if found != width:
            raise Broken(f"width {found} for {frames} frames of {size} pixels, {width} for the card's clip")
    return f"{', '.join(f'{frames} x {size}' for frames, size in extents)} (frames x pixels)"


def _without_data(subject: Subject) -> nn.Module:
    """Build a backbone on PyTorch's meta device, which costs nothing, or for real where it cannot be."""
    try:
        with torch.device("meta"):
            return subject.build(0)
    except Exception:  # whatever cannot be built without data is built for real, where its own error is raised
        return subject.build(0)
