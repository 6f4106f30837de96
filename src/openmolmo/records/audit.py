"""Where every annotation of a data set came from, and whether any of it must not be used.

The rule behind the project: no supervision comes from a vision-language model. An annotation
fails the audit when such a model, or something unknown, stands anywhere in how it was made. Data that names
recordings of its speakers fails when one of them is not there as it was (``receipts.py``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.core.progress import track
from openmolmo.records.dataset import ParquetDataset
from openmolmo.records.example import Made
from openmolmo.records.folder import open_dataset
from openmolmo.records.jsonl import JsonlDataset
from openmolmo.records.readable import Unread, readable
from openmolmo.records.receipts import RECORDINGS, ReceiptBook, claims_speech

__all__ = ["REFUSED", "AuditReport", "AuditRow", "audit_dataset"]

REFUSED = frozenset({Made.VLM, Made.UNKNOWN})


@dataclass(frozen=True, kw_only=True)
class AuditRow:
    """``count`` annotations of one kind in one data set, all made in the same way."""

    dataset: str
    licence: str
    kind: str
    made: tuple[Made, ...]
    tool: str
    count: int

    @property
    def ok(self) -> bool:
        """Whether this may be trained on."""
        return bool(self.made) and REFUSED.isdisjoint(self.made)


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """The provenance table of a data set."""

    path: str
    examples: int
    rows: tuple[AuditRow, ...]
    unread: tuple[str, ...] = ()
    """What could not be read, and nobody can vouch for."""
    recordings: int = 0
    """Recordings that lie there as they were."""
    receipts: tuple[str, ...] = ()
    """What is wrong with receipts: the example and a sentence."""

    @property
    def ok(self) -> bool:
        """All was read, none of it comes from a vision-language model or something unknown, and receipts hold."""
        return not self.unread and not self.receipts and all(row.ok for row in self.rows)

    @property
    def refused(self) -> int:
        """How many annotations fail."""
        return sum(row.count for row in self.rows if not row.ok)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        rows = [
            {
                "dataset": row.dataset,
                "licence": row.licence,
                "kind": row.kind,
                "made": [str(made) for made in row.made],
                "tool": row.tool,
                "count": row.count,
                "ok": row.ok,
            }
            for row in self.rows
        ]
        counts = {"examples": self.examples, "refused": self.refused, "unread": list(self.unread)}
        proofs = {"recordings": self.recordings, "receipts": list(self.receipts)}
        return {"ok": self.ok, "path": self.path, **counts, **proofs, "rows": rows}


def audit_dataset(path: str | Path, *, recordings: Path | None = None) -> AuditReport:
    """Count the annotations of a data set by data set, kind and how they were made, and check receipts of speech.

    ``recordings``: the folder of the recordings, if it does not lie beside the data. Pictures are read only where
    examples claim speech with a receipt. An empty data set is a :class:`DataError`; what cannot be read of one is named
    in the report.
    """
    dataset = open_dataset(path, check_shards=False)
    if len(dataset) == 0:
        raise DataError(f"{path} has no examples", rule="empty", fix="there is nothing to audit: check the path")
    unread = Unread()
    examples = readable(dataset, unread, images=False)
    counts: Counter[tuple[str, str, str, tuple[Made, ...], str]] = Counter()
    count = 0
    claims = False
    for example in track(examples, "auditing", total=len(dataset)):
        count += 1
        claims = claims or claims_speech(example)
        origin = example.provenance
        tool = " ".join(filter(None, (origin.tool, origin.version)))
        for item in example.annotations:
            made = tuple(origin.made.get(item.kind) or (Made.UNKNOWN,))
            counts[origin.dataset, origin.licence, item.kind, made, tool] += 1
    rows = tuple(
        AuditRow(dataset=dataset_name, licence=licence, kind=kind, made=made, tool=tool, count=times)
        for (dataset_name, licence, kind, made, tool), times in sorted(counts.items())
    )
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    book = ReceiptBook(recordings or folder / RECORDINGS)
    faults = _receipts(dataset, book, unread) if claims else ()
    return AuditReport(
        path=str(path),
        examples=count,
        rows=rows,
        unread=tuple(unread.cases),
        recordings=book.verified,
        receipts=tuple(faults),
    )


def _receipts(dataset: ParquetDataset | JsonlDataset, book: ReceiptBook, unread: Unread) -> list[str]:
    """A second pass, with pictures: a sentence for each receipt that does not hold, with its example."""
    again = Unread()
    examples = track(readable(dataset, again), "checking receipts", total=len(dataset))
    faults = [f"{example.id}: {fault}" for example in examples for fault in book.faults(example)]
    unread.cases += [case for case in again.cases if case not in unread.cases]
    return faults
