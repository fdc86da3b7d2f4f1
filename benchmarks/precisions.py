"""The precisions that a step can be timed in on this machine."""

from __future__ import annotations

import pytest
import torch

NO_BFLOAT16 = "bfloat16: not measured, since this processor would only imitate its arithmetic"


def precisions() -> tuple[str, ...]:
    """Return float32, and bfloat16 where the processor calculates in it."""
    found = torch.cpu.get_capabilities()
    has_bfloat16 = any(found.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))
    return ("fp32", "bf16") if has_bfloat16 else ("fp32",)


needs_bfloat16 = pytest.mark.skipif("bf16" not in precisions(), reason=NO_BFLOAT16)
