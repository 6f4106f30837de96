"""Training in the loops of other libraries: transformers, accelerate, TRL.

    dataset = TrainingSet(examples, processor)
    trainer = WeightedTrainer(model, TrainingArguments(...), collate_tokens, dataset)
    trainer.train()

A step's loss is the weighted sum over its supervised tokens divided by their weight
(:mod:`openmolmo.training.loss`). A loop that cuts a step into batches must tell each of them the weight of the whole:
:class:`WeightedTrainer` does, :class:`WeightedLoss` does it for any subclass of the library's Trainer, and
:func:`weighted` for a loop of one's own under accelerate.
"""

from openmolmo.training.hf.dataset import TrainingSet, collate_tokens
from openmolmo.training.hf.loop import weighted
from openmolmo.training.hf.trainer import WeightedLoss, WeightedTrainer

__all__ = ["TrainingSet", "WeightedLoss", "WeightedTrainer", "collate_tokens", "weighted"]
