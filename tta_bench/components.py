"""The MMEngine registries: what a card's ``component`` names.

Scope and locations are given outright, because the ones MMEngine infers depend on which module asked first. A location
is imported when something is first looked up, so importing this module loads no torch.
"""

from __future__ import annotations

from mmengine.registry import Registry

BACKBONES = Registry("backbone", scope="tta_bench", locations=["tta_bench.models"])
"""Functions and classes that return an ``nn.Module``: ``(B, 3, T, H, W) -> (B, D)`` or ``(B, N, D)``."""

DATASETS = Registry("dataset", scope="tta_bench", locations=["tta_bench.data"])
"""Classes that read a dataset's layout from a folder: ``Dataset(root).split(1)``."""

PROTOCOLS = Registry("protocol", scope="tta_bench", locations=["tta_bench.protocols"])
"""Classes that turn an experiment into records."""
