"""Counts from a folder of pictures: a detector finds, strict rules choose, people check (as PixMo-Count was made).

detectors.py  what a detector is; drivers come in by the entry-point group ``openmolmo.detectors``
opencv.py     coins, faces, people and cats without any download; real ones: the driver ``transformers``
finding.py    boxes of every picture, kept in shards: resumable, one bad picture takes no other with it
choosing.py   which class is counted, and which pictures are left out, by named reasons
making.py     make_counts(FOLDER, OUT): records in balanced splits       (start here)
"""

from openmolmo.engine.count.choosing import Rules
from openmolmo.engine.count.detectors import DETECTORS, Box, Detector, build_detector
from openmolmo.engine.count.making import CountReport, CountSettings, make_counts

__all__ = ["DETECTORS", "Box", "CountReport", "CountSettings", "Detector", "Rules", "build_detector", "make_counts"]
