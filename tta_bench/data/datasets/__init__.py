"""Dataset layouts: one module each; importing this package registers them all."""

from tta_bench.utils.submodules import import_submodules

import_submodules(__name__)
