"""The small tokenizer of the recorded cases."""

from __future__ import annotations

import pytest
from prompting_toys import FIXTURES

from openmolmo.prompting import TextTokenizer


@pytest.fixture(scope="session")
def tokenizer() -> TextTokenizer:
    return TextTokenizer.from_pretrained(FIXTURES / "tokenizer")
