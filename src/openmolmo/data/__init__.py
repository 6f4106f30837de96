"""Examples -> batches: sources, mixtures, packing, collation and the resumable loader.

    from openmolmo.data import GroupConfig, Loader, LoaderConfig, MixtureConfig, SourceConfig

    scenes = SourceConfig(source="synth", options={"generator": "scenes", "count": 100_000})
    mixture = MixtureConfig(groups=(GroupConfig(rate=1.0, sources=(scenes,)),))
    with Loader(mixture, processor, LoaderConfig(rows=8, workers=1), seed=0) as loader:
        batch = loader.next()                  # model(**batch.tensors)
        loader.state()                         # load_state later: the same batches follow

:mod:`~openmolmo.data.mixture` says which example comes when, :mod:`~openmolmo.data.streams` turns
them into batches, :mod:`~openmolmo.data.workers` does that in other processes. A new data set is
one file like :mod:`~openmolmo.data.sources.synth` and one entry point.
"""

from openmolmo.data.collate import collate
from openmolmo.data.loader import Batch, Loader
from openmolmo.data.mixture import GroupConfig, Mixture, MixtureConfig, SourceConfig
from openmolmo.data.packing import Packer
from openmolmo.data.sources.base import SOURCES, Source
from openmolmo.data.streams import LoaderConfig, Skipped

__all__ = [
    "Batch",
    "GroupConfig",
    "Loader",
    "LoaderConfig",
    "Mixture",
    "MixtureConfig",
    "Packer",
    "SOURCES",
    "Skipped",
    "Source",
    "SourceConfig",
    "collate",
]
