//! What the files of the directory are, before any record is read: manifest, checkpoint, segments.
//!
//! 1. A segment is what its header says, whatever its file is called. Where the header is damaged, its records tell
//!    (`salt`).
//! 2. The store is the one that most files belong to; where as many belong to another, the manifest's.
//! 3. The manifest is believed in what it leaves out (a file that it does not name, bytes behind the length that it
//!    says) only if it is whole, everything that it names is there, and no other segment has commits that it does not
//!    know. Otherwise every segment is read, and what an older epoch has behind the begin of a later one is left out:
//!    recovery moved it or discarded it.
//! 4. What a newer version wrote is refused as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::report::{Finding, FindingKind};
use super::salt::Segments;
use super::source::{self, Source, Window};
use crate::error::{Error, Result};
use crate::format::checkpoint::CheckpointReader;
use crate::format::manifest::{self, EditAt, ManifestState, Marks, SegmentMeta};
use crate::format::record::{HEADER_LEN as RECORD_LEN, RecordHeader, RecordKind};
use crate::format::segment::{HEADER_LEN, SegmentHeader, SegmentKind};
use crate::format::{HeaderError, Malformed, names};

/// How often the bytes of a damaged manifest may be gone through.
const MOST_CHECKED: usize = 64;
/// So far behind the latest epoch that is known may that of a segment be whose header is damaged.
const EPOCHS: u64 = 4096;

/// A segment's file.
pub struct SegmentFile {
    pub path: PathBuf,
    /// What goes into the checksums of its record headers.
    pub salt: u32,
    /// What its records are.
    pub kind: SegmentKind,
    /// Its id.
    pub id: u32,
    /// Its header, where that checks out.
    pub header: Option<SegmentHeader>,
    /// Bytes that there are.
    pub size: u64,
    /// Bytes that count.
    pub limit: u64,
    /// Whether the manifest says how many bytes count.
    pub is_sealed: bool,
    /// Commits from this sequence number on are left out.
    pub discarded_from: u64,
}

/// What the directory holds.
pub struct Identified {
    pub segments: Vec<SegmentFile>,
    /// The marks of the manifest, as far as edits check out.
    pub marks: Option<Marks>,
    /// The bytes of the checkpoint, which checks out and is of this store.
    pub checkpoint: Option<Vec<u8>>,
    /// Segments that are named and not there.
    pub missing: Vec<SegmentMeta>,
}

struct Manifest {
    state: ManifestState,
    /// Nothing in it is damaged, nothing left over.
    is_whole: bool,
    /// Its header checks out.
    has_store: bool,
}

/// Looks at every file.
pub fn identify(source: &Source, findings: &mut Vec<Finding>) -> Result<Identified> {
    let manifest = read_manifest(source, findings)?;
    let checkpoint = read_checkpoint(source, findings)?;
    let candidates = candidates(source, findings)?;
    if manifest.is_none() && candidates.is_empty() {
        let what = "there is no manifest and no segment".to_string();
        return Err(Error::NotAStore { path: source.dir.path().to_path_buf(), what });
    }
    let checkpoint_store =
        checkpoint.as_ref().and_then(|bytes| CheckpointReader::open(bytes).ok()).map(|reader| reader.head.store);
    let manifest_store = manifest.as_ref().filter(|manifest| manifest.has_store).map(|manifest| manifest.state.store);
    let store = vote(manifest_store, checkpoint_store, &candidates);
    let checkpoint = checkpoint.filter(|_| checkpoint_store == store);
    let foreign = manifest_store.is_some() && manifest_store != store;
    if foreign {
        let path = source.dir.join(names::MANIFEST);
        findings.push(Finding::of_file(FindingKind::Manifest, &path, "the manifest belongs to another store"));
    }
    let manifest = manifest.filter(|_| !foreign);
    let metas = manifest.as_ref().map(|manifest| manifest.state.segments.clone()).unwrap_or_default();
    let headers = candidates.iter().filter_map(|candidate| candidate.header.as_ref().ok());
    let epochs = headers.filter(|header| Some(header.store) == store).map(|header| header.epoch);
    let epochs = epochs.chain(manifest.as_ref().map(|manifest| manifest.state.marks.epoch));
    let known = Segments::new(store, epochs.max().unwrap_or_default().saturating_add(EPOCHS), metas.values());
    let mut segments = Vec::new();
    for candidate in candidates {
        segments.extend(resolve(source, candidate, store, (&metas, &known), findings)?);
    }
    let named = |segment: &SegmentFile| metas.get(&segment.id).filter(|meta| is_named(segment, meta)).copied();
    let there: BTreeSet<u32> = segments.iter().filter_map(named).map(|meta| meta.id).collect();
    let missing: Vec<SegmentMeta> = metas.values().filter(|meta| !there.contains(&meta.id)).copied().collect();
    for meta in &missing {
        let what = "the manifest names this segment, and it is not there";
        let mut finding = Finding::of_file(FindingKind::SegmentMissing, &source.dir.segment(meta.id), what);
        finding.length = meta.length;
        findings.push(finding);
    }
    let is_believed = match &manifest {
        Some(manifest) if manifest.is_whole && missing.is_empty() => {
            let mut unnamed = segments.iter().filter(|segment| named(segment).is_none());
            !unnamed.try_fold(false, |any, segment| Ok::<bool, Error>(any || knows_more(source, segment, manifest)?))?
        }
        _ => false,
    };
    if is_believed {
        segments.retain_mut(|segment| {
            let Some(meta) = metas.get(&segment.id).filter(|meta| is_named(segment, meta)) else { return false };
            segment.is_sealed = meta.length > 0;
            if segment.is_sealed {
                segment.limit = meta.length;
            }
            true
        });
    } else {
        leave_out_discarded(&mut segments);
    }
    let marks = manifest.map(|manifest| manifest.state.marks);
    Ok(Identified { segments, marks, checkpoint, missing })
}

fn read_manifest(source: &Source, findings: &mut Vec<Finding>) -> Result<Option<Manifest>> {
    let path = source.dir.join(names::MANIFEST);
    let mut note = |what: String| findings.push(Finding::of_file(FindingKind::Manifest, &path, what));
    if !source.has(names::MANIFEST) {
        note("there is no manifest".to_string());
        return Ok(None);
    }
    let (bytes, bad) = match source.read(names::MANIFEST)? {
        Ok(read) => read,
        Err(error) => {
            note(format!("the manifest cannot be read: {error}"));
            return Ok(None);
        }
    };
    let newer = |what: String| Error::NewerFormat { path: path.clone(), what };
    let store = match manifest::decode_header(&bytes) {
        Ok(store) => Some(store),
        Err(HeaderError::Newer(what)) => return Err(newer(what)),
        Err(HeaderError::Foreign | HeaderError::Damaged(_)) => None,
    };
    let mut manifest = Manifest {
        state: ManifestState::empty(store.unwrap_or_default()),
        is_whole: store.is_some() && bad.is_empty(),
        has_store: store.is_some(),
    };
    let number = read_edits(&bytes, &mut manifest, newer)?;
    if number == 0 {
        manifest.is_whole = false;
    }
    if !manifest.is_whole {
        note("the manifest is damaged or cut short".to_string());
    }
    Ok((manifest.has_store || number > 0).then_some(manifest))
}

/// Applies every edit that checks out; gives back the number of the last, zero for none.
fn read_edits(bytes: &[u8], manifest: &mut Manifest, newer: impl Fn(String) -> Error) -> Result<u64> {
    let (mut at, mut number, mut to_check) = (manifest::HEADER_LEN, 0, MOST_CHECKED * bytes.len());
    let mut highest = manifest.state.marks;
    // Only zeros may follow, which wait for edits.
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    while at < end {
        let rest = &bytes[at..];
        let Some((_, length)) = manifest::edit_head(rest) else {
            manifest.is_whole = false;
            at += 8;
            continue;
        };
        let is_too_much = length > to_check;
        to_check = to_check.saturating_sub(length);
        if is_too_much {
            manifest.is_whole = false;
            break;
        }
        match manifest::decode_edit(rest) {
            EditAt::Newer(tag) => return Err(newer(format!("an edit with change {tag}"))),
            EditAt::NoMemory => return Err(Error::NoMemory),
            EditAt::Edit(found, changes, length) if found > number => {
                // The first edit of a file goes on from the numbers of the file that it replaced.
                manifest.is_whole &= number == 0 || found == number + 1;
                manifest.state.apply(&changes);
                let marks = manifest.state.marks;
                highest.next_document = highest.next_document.max(marks.next_document);
                highest.sequence = highest.sequence.max(marks.sequence);
                highest.epoch = highest.epoch.max(marks.epoch);
                highest.next_segment = highest.next_segment.max(marks.next_segment);
                number = found;
                at += length;
            }
            EditAt::Edit(..) | EditAt::Damaged | EditAt::End => {
                manifest.is_whole = false;
                at += 8;
            }
        }
    }
    manifest.state.marks = highest;
    Ok(number)
}

fn read_checkpoint(source: &Source, findings: &mut Vec<Finding>) -> Result<Option<Vec<u8>>> {
    if !source.has(names::CHECKPOINT) {
        return Ok(None);
    }
    let problem = match source.read(names::CHECKPOINT)? {
        Err(error) => error.to_string(),
        Ok((bytes, _)) => match CheckpointReader::open(&bytes).map(|reader| reader.rows(|_, _| Ok(()))) {
            Ok(Ok(())) => return Ok(Some(bytes)),
            Ok(Err(Malformed::NO_MEMORY)) => return Err(Error::NoMemory),
            Ok(Err(malformed)) => malformed.to_string(),
            Err(HeaderError::Damaged(what)) => what.to_string(),
            Err(HeaderError::Newer(what)) => what,
            Err(HeaderError::Foreign) => "it does not start like a checkpoint".to_string(),
        },
    };
    let path = source.dir.join(names::CHECKPOINT);
    findings.push(Finding::of_file(FindingKind::Checkpoint, &path, format!("the checkpoint is not used: {problem}")));
    Ok(None)
}

/// A file that may be a segment.
struct Candidate {
    path: PathBuf,
    size: u64,
    header: std::result::Result<SegmentHeader, &'static str>,
    /// By its name.
    id: Option<u32>,
}

fn candidates(source: &Source, findings: &mut Vec<Finding>) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for name in &source.names {
        let (path, id) = (source.dir.path().join(name), names::segment_id(name));
        let (file, size) = match source::open(&source.dir, &path)? {
            Ok(opened) => opened,
            Err(error) => {
                if id.is_some() {
                    let what = format!("the segment cannot be opened: {error}");
                    findings.push(Finding::of_file(FindingKind::SegmentUnusable, &path, what));
                }
                continue;
            }
        };
        let mut window = Window::new(file, size);
        let header = match SegmentHeader::decode(window.get(0, HEADER_LEN as usize)) {
            Ok(header) => Ok(header),
            Err(HeaderError::Newer(what)) => return Err(Error::NewerFormat { path, what }),
            Err(HeaderError::Damaged(what)) => Err(what),
            Err(HeaderError::Foreign) => Err("the file does not start like a segment"),
        };
        if id.is_some() || header.is_ok() {
            candidates.push(Candidate { path, size, header, id });
        }
    }
    Ok(candidates)
}

/// The store that most files belong to.
fn vote(manifest: Option<[u8; 16]>, checkpoint: Option<[u8; 16]>, candidates: &[Candidate]) -> Option<[u8; 16]> {
    let mut votes: BTreeMap<[u8; 16], (u32, bool)> = BTreeMap::new();
    let headers = candidates.iter().filter_map(|candidate| Some(candidate.header.as_ref().ok()?.store));
    for store in manifest.into_iter().chain(checkpoint).chain(headers) {
        votes.entry(store).or_insert((0, manifest == Some(store))).0 += 1;
    }
    votes.into_iter().max_by_key(|(_, vote)| *vote).map(|(store, _)| store)
}

/// Makes a segment of a candidate, or says why it is none.
fn resolve(
    source: &Source,
    candidate: Candidate,
    store: Option<[u8; 16]>,
    (metas, known): (&BTreeMap<u32, SegmentMeta>, &Segments),
    findings: &mut Vec<Finding>,
) -> Result<Option<SegmentFile>> {
    let size = candidate.size;
    let mut segment = SegmentFile {
        path: candidate.path,
        salt: 0,
        kind: SegmentKind::Log,
        id: candidate.id.unwrap_or_default(),
        header: None,
        size,
        limit: size,
        is_sealed: false,
        discarded_from: u64::MAX,
    };
    let mut note = |kind, path: &Path, what: &str| findings.push(Finding::of_file(kind, path, what));
    match candidate.header {
        Ok(header) if Some(header.store) == store => {
            segment.salt = header.salt();
            segment.kind = header.kind;
            segment.id = header.id;
            segment.header = Some(header);
            Ok(Some(segment))
        }
        Ok(_) => {
            note(FindingKind::SegmentUnusable, &segment.path, "the segment belongs to another store");
            Ok(None)
        }
        Err(what) => {
            // Opened once more: who keeps all of them open may run out of descriptors.
            let mut window = source::open(&source.dir, &segment.path)?.ok().map(|(file, _)| Window::new(file, size));
            let found = window.as_mut().and_then(|window| known.find(window, segment.id));
            match found.zip(window.as_mut()) {
                Some(((salt, id), window)) => {
                    let what = format!("{what}; its records tell which segment it is");
                    note(FindingKind::SegmentHeader, &segment.path, &what);
                    segment.salt = salt;
                    segment.id = id;
                    let meta = metas.get(&segment.id).map(|meta| meta.kind);
                    segment.kind = meta.unwrap_or_else(|| kind_by_records(window, salt));
                    Ok(Some(segment))
                }
                None if size <= HEADER_LEN => {
                    note(FindingKind::SegmentHeader, &segment.path, what);
                    Ok(None)
                }
                None => {
                    let what = format!("{what}, and no record in it tells which segment it is");
                    let mut finding = Finding::of_file(FindingKind::SegmentUnusable, &segment.path, what);
                    finding.length = size;
                    findings.push(finding);
                    Ok(None)
                }
            }
        }
    }
}

/// The kind of a segment that nothing else tells: only a log has commit frames.
fn kind_by_records(window: &mut Window, salt: u32) -> SegmentKind {
    let mut at = HEADER_LEN;
    loop {
        let bytes = window.get(at, RECORD_LEN as usize);
        if bytes.is_empty() {
            return SegmentKind::Compacted;
        }
        match RecordHeader::decode(bytes, salt, at) {
            Ok(header) if header.kind == RecordKind::Frame => return SegmentKind::Log,
            Ok(header) => at += header.record_len(),
            Err(_) => at += 8,
        }
    }
}

/// Whether a segment is the one that the manifest means.
fn is_named(segment: &SegmentFile, meta: &SegmentMeta) -> bool {
    segment.id == meta.id && segment.header.is_none_or(|header| header.kind == meta.kind && header.epoch == meta.epoch)
}

/// Whether a segment begins with a commit that the manifest cannot have known of.
fn knows_more(source: &Source, segment: &SegmentFile, manifest: &Manifest) -> Result<bool> {
    let marks = manifest.state.marks;
    match segment.header {
        Some(header) if header.kind != SegmentKind::Log || segment.size <= HEADER_LEN => return Ok(false),
        Some(header) if header.first_sequence > marks.sequence => return Ok(true),
        _ => {}
    }
    let Ok((file, _)) = source::open(&source.dir, &segment.path)? else { return Ok(true) };
    let mut window = Window::new(file, segment.size);
    let first = RecordHeader::decode(window.get(HEADER_LEN, RECORD_LEN as usize), segment.salt, HEADER_LEN);
    Ok(first.is_ok_and(|header| header.kind == RecordKind::Frame && header.sequence > marks.sequence))
}

/// Where the log of a later epoch begins, recovery had decided what of the earlier ones counts. A recovered segment
/// does not say so: it may be left from a recovery that did not get to its end.
fn leave_out_discarded(segments: &mut [SegmentFile]) {
    let framed = |segment: &SegmentFile| segment.header.filter(|header| header.kind.has_frames());
    let logs = segments.iter().filter_map(|segment| segment.header).filter(|header| header.kind == SegmentKind::Log);
    let mut begins: Vec<(u64, u64)> = logs.map(|header| (header.epoch, header.first_sequence)).collect();
    begins.sort_unstable();
    // Each with the earliest of what is behind it, too.
    let mut earliest = u64::MAX;
    for (_, first) in begins.iter_mut().rev() {
        earliest = earliest.min(*first);
        *first = earliest;
    }
    for segment in segments {
        let Some(header) = framed(segment) else { continue };
        let later = begins.partition_point(|(epoch, _)| *epoch <= header.epoch);
        segment.discarded_from = begins.get(later).map_or(u64::MAX, |(_, first)| *first);
    }
}

#[cfg(test)]
mod tests;
