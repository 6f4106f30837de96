"""A family of documents whose second picture never ends; worker processes know it by unpickling ``HangingPlan``."""

from __future__ import annotations

import multiprocessing
import re
from dataclasses import dataclass

import numpy as np

from openmolmo.engine.docs.base import FAMILIES, Fields, Program, Spec
from openmolmo.engine.docs.plan import DocsPlan
from openmolmo.engine.docs.tools.typst import PRELUDE

NAME = "typst_hangs"


class Hangs:
    name, tool, kind = NAME, "typst", "document"

    def write(self, rng: np.random.Generator, spec: Spec) -> Program:
        if spec.index == 1:
            re.match(r"(a+)+$", "a" * 80 + "b")  # for ever, and no other thread of the process runs meanwhile
        words = f"Page {spec.index}, number {rng.integers(10**6)}"
        source = f'{PRELUDE}#set page(height: auto)\n#mk("title", (:), "{words}")'
        return Program(spec=spec, content=Fields(title=words, fields=()), source=source)


@dataclass(frozen=True, kw_only=True)
class HangingPlan(DocsPlan):
    pass


if multiprocessing.current_process().name != "MainProcess":
    FAMILIES._local[NAME] = Hangs()
