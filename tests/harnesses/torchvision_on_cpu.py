"""Becomes `sitecustomize.py` of VLMEvalKit's environment: torchvision for CUDA beside a torch for CPUs.

VLMEvalKit imports torchvision everywhere and needs none of its compiled operators for what is tested here;
declared before torchvision is imported, they are found and never called.
"""

import importlib.abc
import sys


class DeclareOperators(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            self.library = torch.library.Library("torchvision", "DEF")
            for operator in ("nms", "qnms"):
                self.library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            torch._torchvision_library = self.library


sys.meta_path.insert(0, DeclareOperators())
