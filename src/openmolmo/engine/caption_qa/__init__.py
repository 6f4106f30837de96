"""Questions and answers about pictures, made out of what is written about them: by a text-only model, or by rules.

    make.py       make_caption_qa(SOURCE, OUT): shard by shard, resumable       (start here)
    writing.py    single questions and conversations by a language model that sees the caption only, and its judge
    cloze.py      offline: gaps in the caption's own sentences, at colours, counts, quotes and nouns
    graph.py      offline: questions that a scene graph answers
    keeping.py    what is dropped, and why: near duplicates, "the caption says", what nothing answers
    prompts/      versioned prompt files
    commands.py   openmolmo synth caption-qa

PixMo-CapQA of arXiv 2409.17146, section 2. No model that sees pictures; no torch.
"""

from openmolmo.engine.caption_qa.make import CaptionQA, make_caption_qa
from openmolmo.engine.caption_qa.talk import Talk

__all__ = ["CaptionQA", "Talk", "make_caption_qa"]
