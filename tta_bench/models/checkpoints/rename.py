"""One model under many names: from the parameter names of other projects to those of this one.

Ours are the official fine-tuning names (github.com/OpenGVLab/VideoMAEv2, models/modeling_finetune.py). Known besides:
official pre-training, MMAction2 (mmaction/models/backbones/vit_mae.py) and Hugging Face transformers
(models/videomae/modeling_videomae.py, versions 4 and 5). Hugging Face's LayerNorms have other epsilons (1e-12, and 1e-5
in ``fc_norm``), so the same parameters give the same outputs there only to the last digits. Nothing here reads a file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

ENVELOPES = ("model", "module", "state_dict")
"""Keys under which a checkpoint keeps its parameters: official and our own, DeepSpeed, OpenMMLab and timm."""

_HEADS = ((r"^cls_head\.fc_cls\.", "head."), (r"^classifier\.", "head."))

_VIDEOMAE = (
    # MMAction2
    (r"patch_embed\.projection\.", "patch_embed.proj."),
    (r"\.mlp\.layers\.0\.0\.", ".mlp.fc1."),
    (r"\.mlp\.layers\.1\.", ".mlp.fc2."),
    # Hugging Face
    (r"(^|\.)(videomae\.)?embeddings\.patch_embeddings\.projection\.", r"\1patch_embed.proj."),
    (r"(^|\.)(videomae\.)?encoder\.layer\.", r"\1blocks."),
    (r"(^|\.)(videomae\.)?layernorm\.", r"\1norm."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention\.output\.dense\.", ".attn.proj."),
    (r"\.attention\.attention\.(q|v)_bias$", r".attn.\1_bias"),
    (r"\.attention\.attention\.(q|v)(?:uery|alue)\.bias$", r".attn.\1_bias"),
    (r"\.attention\.attention\.(query|key|value)\.", r".attn.\1."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"(^|\.)(blocks\.\d+)\.output\.dense\.", r"\1\2.mlp.fc2."),
)

_HUGGINGFACE_5 = (
    (r"\.attention\.attention\.q_bias$", ".attention.attention.query.bias"),
    (r"\.attention\.attention\.v_bias$", ".attention.attention.value.bias"),
)


def tensors_in(raw: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name, without its envelope and without what wraps every name.

    Wrappers are ``_orig_mod.`` (torch.compile), ``module.`` (DistributedDataParallel) and any other first part that
    all names share. A checkpoint without tensors gives an empty dictionary.
    """
    inner = next((raw[key] for key in ENVELOPES if isinstance(raw.get(key), Mapping)), raw)
    tensors = {str(key).replace("_orig_mod.", ""): value for key, value in inner.items() if isinstance(value, Tensor)}
    while len({name.partition(".")[0] for name in tensors}) == 1 and all("." in name for name in tensors):
        tensors = {name.partition(".")[2]: tensor for name, tensor in tensors.items()}
    return tensors


def common_heads(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the classifiers of MMAction2 and Hugging Face to ``head``."""
    return _renamed(tensors, _HEADS)


def official_videomae(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename a VideoMAE encoder of MMAction2 or Hugging Face to the official names, joining split projections."""
    renamed = _renamed(tensors, _VIDEOMAE)
    for query in [name for name in renamed if name.endswith(".attn.query.weight")]:
        block = query.removesuffix("query.weight")
        names = [f"{block}{part}.weight" for part in ("query", "key", "value")]
        if all(name in renamed for name in names):
            renamed[f"{block}qkv.weight"] = torch.cat([renamed.pop(name) for name in names])
    return renamed


def newer_huggingface(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the biases of a VideoMAE that transformers 4 saved to what transformers 5 calls them."""
    return _renamed(tensors, _HUGGINGFACE_5)


def best_prefix(names: Collection[str], wanted: Collection[str]) -> str:
    """Return the prefix of ``names`` behind which most of the wanted names are found; the shortest such prefix.

    Official pre-training keeps the encoder behind ``encoder.``, MMAction2 and this project behind ``backbone.``.
    """
    hits = Counter({"": 0})
    for name in names:
        parts = name.split(".")
        tails = {".".join(parts[start:]): ".".join([*parts[:start], ""]) for start in range(len(parts))}
        hits.update(prefix for tail, prefix in tails.items() if tail in wanted)
    return max(hits, key=lambda prefix: (hits[prefix], -len(prefix)))


def _renamed(tensors: Mapping[str, Tensor], rules: Collection[tuple[str, str]]) -> dict[str, Tensor]:
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor
    return renamed
