"""Figures of a store, what a full check found, and repair."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from typing import Any

from . import errors
from ._stratum import ffi, lib
from .handle import as_path
from .progress import REPAIR, OnRepairProgress, RepairProgress, Watch, fields


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures about a store; stratum.h says what each of them is (stratum_stats)."""

    documents: int
    nodes: int
    live_bytes: int
    total_bytes: int
    garbage_bytes: int
    amplification: float
    segments: int
    active_segment_bytes: int
    retained_bytes: int
    snapshots: int
    compactions: int
    compaction_bytes_read: int
    compaction_bytes_written: int
    compaction_throttled_us: int
    folds: int
    commits: int
    durable_commits: int
    syncs: int
    largest_group: int
    paced_commits: int
    mapped_bytes: int
    index_bytes: int
    reserved_bytes: int
    sequence: int
    durable_sequence: int
    checkpoints: int
    checkpoint_sequence: int
    recovery_discarded_bytes: int
    recovery_replayed_bytes: int
    background_failures: int
    opened_from_checkpoint: bool
    poisoned: bool


@dataclass(frozen=True, slots=True)
class Damage:
    """One place where a store is damaged."""

    file: str
    offset: int
    document: int
    what: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What a full check found; `damage` is empty where all is well."""

    segments: int
    records: int
    bytes: int
    documents: int
    inputs: int
    outputs: int
    damage: list[Damage]


class RepairOutcome(enum.IntEnum):
    """What became of a repair."""

    DRY_RUN = lib.STRATUM_REPAIR_DRY_RUN
    WRITTEN = lib.STRATUM_REPAIR_WRITTEN
    STOPPED = lib.STRATUM_REPAIR_STOPPED


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a repair found; `kind` is one of the FINDING_* of stratum.h, `line` says all of it."""

    kind: int
    is_loss: bool
    file: str
    offset: int
    length: int
    document: int
    input: int
    sequence: int
    line: str

    @property
    def name(self) -> str:
        """The kind by its name, "BLOB_LOST"; "UNKNOWN" for one of a newer version."""
        return FINDING_NAMES.get(self.kind, "UNKNOWN")


#: The kinds of findings by their numbers.
FINDING_NAMES: dict[int, str] = {
    getattr(lib, name): name.removeprefix("STRATUM_FINDING_") for name in dir(lib) if name.startswith("STRATUM_FINDING_")
}


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair found, saved and lost; stratum.h says what each figure is (stratum_repair_result)."""

    outcome: RepairOutcome
    is_lossless: bool
    is_uncertain: bool
    segments: int
    bytes: int
    records: int
    bytes_lost: int
    documents_whole: int
    documents_in_part: int
    documents_older: int
    documents_lost: int
    documents_deleted: int
    inputs: int
    outputs: int
    next_document: int
    findings: list[Finding]


def _text(text: Any) -> str:
    return bytes(ffi.buffer(text.data, text.length)).decode() if text.length else ""


def stats(db: Any) -> Stats:
    """The figures of a store."""
    out = ffi.new("stratum_stats *")
    out.struct_size = ffi.sizeof("stratum_stats")
    errors.invoke(lib.stratum_db_stats, db, out)
    figures = fields(out)
    figures.update(opened_from_checkpoint=bool(out.opened_from_checkpoint), poisoned=bool(out.poisoned))
    return Stats(**figures)


def verify(db: Any) -> Findings:
    """Checks a store."""
    report = ffi.new("stratum_report **")
    try:
        errors.invoke(lib.stratum_db_verify, db, report)
        found = lib.stratum_report_get(report[0])
        damage = []
        for at in range(found.damage_count):
            place = found.damage[at]
            damage.append(Damage(_text(place.file), place.offset, place.document, _text(place.what)))
        return Findings(
            found.segments, found.records, found.bytes, found.documents, found.inputs, found.outputs, damage
        )
    finally:
        lib.stratum_report_free(report)


def repair(
    source: str | bytes | os.PathLike[Any],
    target: str | bytes | os.PathLike[Any] | None = None,
    *,
    dry_run: bool = False,
    segment_size: int = 0,
    merge_limit: int = 0,
    progress: OnRepairProgress | None = None,
) -> RepairReport:
    """Saves what still checks out of the damaged store `source` into a new store in the directory `target`.

    The source is not changed. With `dry_run` nothing is written, and no target is needed. `progress` is called now and
    then; it ends the work by returning False. docs/salvage.md says what is saved, and what to do with the report.
    """
    if target is None and not dry_run:
        raise errors.InvalidArgument("a repair needs a target, or dry_run")
    options = ffi.new("stratum_repair_options *")
    options.struct_size = ffi.sizeof("stratum_repair_options")
    options.segment_size = segment_size
    options.merge_limit = merge_limit
    options.dry_run = dry_run
    watch = Watch(progress, RepairProgress) if progress else None
    # The handle lives as long as the call.
    handle = ffi.new_handle(watch)
    if watch is not None:
        options.progress = REPAIR
        options.context = handle
    call = watch.invoke if watch is not None else errors.invoke
    report = ffi.new("stratum_repair_report **")
    source_path = as_path(source)
    target_path = b"" if target is None else as_path(target)
    lengths = len(source_path), len(target_path)
    try:
        call(lib.stratum_repair, source_path, lengths[0], target_path, lengths[1], options, report)
        return _report(lib.stratum_repair_report_get(report[0]))
    finally:
        lib.stratum_repair_report_free(report)


def _report(found: Any) -> RepairReport:
    findings = []
    for at in range(found.finding_count):
        one = fields(ffi.addressof(found.findings[at]))
        one.update(is_loss=bool(one["is_loss"]), file=_text(one["file"]), line=_text(one["line"]))
        findings.append(Finding(**one))
    figures = fields(found)
    for name in ("reserved", "finding_count"):
        del figures[name]
    figures.update(
        outcome=RepairOutcome(found.outcome),
        is_lossless=bool(found.is_lossless),
        is_uncertain=bool(found.is_uncertain),
        findings=findings,
    )
    return RepairReport(**figures)
