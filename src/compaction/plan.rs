//! Which segments to compact.
//!
//! 1. Background compaction starts half-way to the ceiling, so that writers are paced only when it falls behind.
//! 2. One job's outputs are about one segment, so that the space it needs meanwhile stays bounded.
//! 3. Victims are those with the least to copy per byte freed (greedy cleaning, as in log-structured file systems).

use std::collections::BTreeSet;

use crate::format::manifest::SegmentMeta;
use crate::format::segment::HEADER_LEN;
use crate::options::Options;

/// Most segments in one job.
const MOST_VICTIMS: usize = 16;
/// So many small segments are merged even when they hold no garbage.
const SMALL_SEGMENTS: usize = 8;

/// A sealed segment and how much of it is still reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// The segment.
    pub meta: SegmentMeta,
    /// Bytes that the index reaches, and bytes of tombstones that have to stay.
    pub live: u64,
    /// Whether its trees are not compressed as the store's options say.
    pub coded_otherwise: bool,
}

/// Bytes of a segment that compaction could not free: its header and footer.
fn retained_by_overhead(meta: &SegmentMeta) -> u64 {
    let footer = if meta.footer == 0 { 0 } else { meta.length.saturating_sub(meta.footer) };
    HEADER_LEN + footer
}

impl Usage {
    fn garbage(&self) -> u64 {
        self.meta.length.saturating_sub(self.live.saturating_add(retained_by_overhead(&self.meta)))
    }

    fn is_small(&self, options: &Options) -> bool {
        self.meta.length < options.segment_size / 4
    }
}

/// Whether a store has reached the size at which writers are paced.
pub fn is_over_ceiling(total: u64, live: u64, options: &Options) -> bool {
    total > ((live as f64 * options.max_amplification) as u64).saturating_add(options.segment_size)
}

/// Whether a store has reached the size at which background compaction begins.
pub fn is_due(total: u64, live: u64, options: &Options) -> bool {
    let start_at = 1.0 + (options.max_amplification - 1.0) / 2.0;
    total > ((live as f64 * start_at) as u64).saturating_add(options.segment_size)
}

/// Victims of the next background job; empty where there is nothing to gain.
pub fn choose(sealed: &[Usage], total: u64, live: u64, options: &Options) -> Vec<SegmentMeta> {
    if is_due(total, live, options) {
        let mut by_garbage: Vec<Usage> =
            sealed.iter().copied().filter(|usage| usage.garbage() * 16 > usage.meta.length).collect();
        by_garbage.sort_by(|a, b| fraction(b).total_cmp(&fraction(a)));
        let job = take_job(by_garbage.into_iter(), options);
        if !job.is_empty() {
            return job;
        }
    }
    let small: Vec<Usage> = sealed.iter().copied().filter(|usage| usage.is_small(options)).collect();
    if small.len() >= SMALL_SEGMENTS { take_job(small.into_iter(), options) } else { Vec::new() }
}

/// The jobs of a full compaction: every segment that holds garbage, is small beside another or has trees that are not
/// compressed as the options say, oldest first.
/// `folds` are the segments that hold deltas of live documents.
pub fn choose_all(sealed: &[Usage], folds: &BTreeSet<u32>, options: &Options) -> Vec<Vec<SegmentMeta>> {
    let small = sealed.iter().filter(|usage| usage.is_small(options)).count();
    let mut victims: Vec<Usage> = sealed
        .iter()
        .copied()
        .filter(|usage| {
            usage.garbage() * 64 > usage.meta.length
                || folds.contains(&usage.meta.id)
                || usage.coded_otherwise
                || (small > 1 && usage.is_small(options))
        })
        .collect();
    let mut jobs = Vec::new();
    while !victims.is_empty() {
        let job = take_job(victims.iter().copied(), options);
        victims.drain(..job.len());
        jobs.push(job);
    }
    jobs
}

/// Those of a job's victims, the emptiest first, whose live records together fit into `room` bytes: what can be done
/// where the reserve is all there is.
pub fn fitting(mut victims: Vec<Usage>, room: u64) -> Vec<SegmentMeta> {
    victims.sort_by_key(|usage| usage.live);
    let mut needed: u64 = 0;
    let fit = victims.iter().take_while(|usage| {
        needed = needed.saturating_add(usage.live).saturating_add(retained_by_overhead(&usage.meta));
        needed <= room
    });
    fit.map(|usage| usage.meta).collect()
}

fn fraction(usage: &Usage) -> f64 {
    usage.garbage() as f64 / usage.meta.length.max(1) as f64
}

/// As many of the first victims as fill one output.
fn take_job(victims: impl Iterator<Item = Usage>, options: &Options) -> Vec<SegmentMeta> {
    let mut live: u64 = 0;
    let mut job = Vec::new();
    for usage in victims.take(MOST_VICTIMS) {
        if !job.is_empty() && live.saturating_add(usage.live) > options.segment_size {
            break;
        }
        live = live.saturating_add(usage.live);
        job.push(usage.meta);
    }
    job
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::segment::SegmentKind;

    fn usage(id: u32, length: u64, live: u64) -> Usage {
        let meta =
            SegmentMeta { id, kind: SegmentKind::Log, epoch: 1, length, footer: 0, min_sequence: 1, max_sequence: 2 };
        Usage { meta, live, coded_otherwise: false }
    }

    fn ids(job: &[SegmentMeta]) -> Vec<u32> {
        job.iter().map(|meta| meta.id).collect()
    }

    #[test]
    fn what_hostile_files_claim_to_hold_is_survived() {
        let options = Options { segment_size: 1000, ..Options::default() };
        let most = u64::MAX;
        assert!(!is_due(most, most, &options) && !is_over_ceiling(most, most, &options));
        let full = [usage(1, 1 << 35, most), usage(2, 1 << 35, most - 1)];
        assert!(choose(&full, most, 0, &options).is_empty());
        assert!(fitting(full.to_vec(), most - 1).is_empty());
        assert_eq!(take_job(full.iter().copied(), &options).len(), 1);
    }

    #[test]
    fn the_emptiest_segments_go_first_and_a_job_is_bounded() {
        let options = Options { segment_size: 1000, ..Options::default() };
        let sealed = [usage(1, 1000, 800), usage(2, 1000, 100), usage(3, 1000, 0), usage(4, 1000, 700)];
        assert_eq!(ids(&choose(&sealed, 4000, 1600, &options)), [3, 2, 4]);
        assert!(choose(&sealed, 2900, 1600, &options).is_empty(), "below the start nothing happens");
    }

    #[test]
    fn on_a_full_disk_a_job_is_what_the_reserve_can_take() {
        let victims = vec![usage(1, 1000, 700), usage(2, 1000, 0), usage(3, 1000, 200)];
        assert_eq!(ids(&fitting(victims.clone(), 1000)), [2, 3]);
        assert_eq!(ids(&fitting(victims.clone(), 2000)), [2, 3, 1]);
        assert!(fitting(victims, 50).is_empty());
    }

    #[test]
    fn many_small_segments_are_merged() {
        let options = Options { segment_size: 10_000, ..Options::default() };
        let sealed: Vec<Usage> = (1..=8).map(|id| usage(id, 500, 400)).collect();
        assert_eq!(choose(&sealed, 4000, 3200, &options).len(), 8);
        assert!(choose(&sealed[..7], 3500, 2800, &options).is_empty());
    }

    #[test]
    fn a_full_compaction_leaves_dense_segments_alone() {
        let options = Options { segment_size: 1000, ..Options::default() };
        let dense = usage(1, 1000, 1000 - HEADER_LEN);
        let sealed = [dense, usage(2, 1000, 100), usage(3, 1000, 850)];
        let jobs = choose_all(&sealed, &BTreeSet::new(), &options);
        assert_eq!(jobs.iter().map(|job| ids(job)).collect::<Vec<_>>(), [vec![2, 3]]);
        assert_eq!(choose_all(&sealed[..1], &BTreeSet::from([1]), &options).len(), 1, "but for deltas to be folded");
    }

    #[test]
    fn a_full_compaction_recodes_dense_segments() {
        let options = Options { segment_size: 1000, ..Options::default() };
        let dense = usage(1, 1000, 1000 - HEADER_LEN);
        let other = Usage { coded_otherwise: true, ..usage(2, 1000, 1000 - HEADER_LEN) };
        let jobs = choose_all(&[dense, other], &BTreeSet::new(), &options);
        assert_eq!(jobs.iter().map(|job| ids(job)).collect::<Vec<_>>(), [vec![2]]);
        assert!(choose(&[dense, other], 2000, 1800, &options).is_empty(), "which background compaction does not");
    }

    #[test]
    fn header_and_footer_of_a_segment_are_no_garbage() {
        let mut full = usage(1, 1000, 1000 - HEADER_LEN - 100);
        assert_eq!(full.garbage(), 100);
        full.meta.footer = 900;
        assert_eq!(full.garbage(), 0);
        full.live -= 7;
        assert_eq!(full.garbage(), 7);
    }

    #[test]
    fn pacing_begins_above_the_ceiling_and_compaction_half_way_to_it() {
        let options = Options { segment_size: 1000, max_amplification: 1.5, ..Options::default() };
        assert_eq!([2500, 2501].map(|total| is_over_ceiling(total, 1000, &options)), [false, true]);
        assert_eq!([2250, 2251].map(|total| is_due(total, 1000, &options)), [false, true]);
    }

    #[test]
    fn a_segment_is_worth_a_job_when_more_than_a_sixteenth_is_garbage() {
        let options = Options { segment_size: 4000, ..Options::default() };
        let with_garbage = |id, garbage| usage(id, 1600, 1600 - HEADER_LEN - garbage);
        let sealed = [with_garbage(1, 100), with_garbage(2, 101)];
        assert_eq!(ids(&choose(&sealed, 10_000, 0, &options)), [2]);
        // A full compaction is content with a 64th.
        let options = Options { segment_size: 20_000, ..options };
        let with_garbage = |id, garbage| usage(id, 6400, 6400 - HEADER_LEN - garbage);
        let jobs = choose_all(&[with_garbage(1, 100), with_garbage(2, 101)], &BTreeSet::new(), &options);
        assert_eq!(jobs.iter().map(|job| ids(job)).collect::<Vec<_>>(), [[2]]);
    }

    #[test]
    fn the_share_of_garbage_counts_and_not_its_bytes() {
        let options = Options { segment_size: 2000, ..Options::default() };
        let sealed = [usage(1, 2000, 1000), usage(2, 1000, 400)];
        assert_eq!(ids(&choose(&sealed, 10_000, 0, &options)), [2, 1]);
    }

    #[test]
    fn small_segments_are_merged_where_no_segment_has_garbage_though_compaction_is_due() {
        let options = Options { segment_size: 10_000, ..Options::default() };
        let dense: Vec<Usage> = (1..=8).map(|id| usage(id, 500, 500 - HEADER_LEN)).collect();
        assert_eq!(choose(&dense, 100_000, 0, &options).len(), 8);
    }

    #[test]
    fn a_segment_is_small_below_a_quarter_and_is_merged_with_another_one_only() {
        let options = Options { segment_size: 1000, ..Options::default() };
        let dense = |id, length| usage(id, length, length - HEADER_LEN);
        let jobs = |sealed: &[Usage]| choose_all(sealed, &BTreeSet::new(), &options);
        assert_eq!(jobs(&[dense(1, 249), dense(2, 250), dense(3, 249)]).concat().len(), 2);
        assert!(jobs(&[dense(1, 249), dense(2, 250)]).is_empty());
    }

    #[test]
    fn a_job_fills_one_output_and_takes_sixteen_victims_at_most() {
        let options = Options { segment_size: 1000, ..Options::default() };
        let lengths = |sealed: &[Usage]| -> Vec<usize> {
            choose_all(sealed, &BTreeSet::new(), &options).iter().map(Vec::len).collect()
        };
        let with_live = |live: u64| -> Vec<Usage> { (1..=4).map(|id| usage(id, 1000, live)).collect() };
        assert_eq!(lengths(&with_live(500)), [2, 2]);
        assert_eq!(lengths(&with_live(501)), [1, 1, 1, 1]);
        let empty: Vec<Usage> = (1..=20).map(|id| usage(id, 1000, 0)).collect();
        assert_eq!(lengths(&empty), [16, 4]);
    }

    #[test]
    fn the_reserve_takes_what_fits_to_the_byte_with_header_and_footer() {
        let victims = vec![usage(1, 1000, 200), usage(2, 1000, 0)];
        let needed = 200 + 2 * HEADER_LEN;
        assert_eq!(ids(&fitting(victims.clone(), needed)), [2, 1]);
        assert_eq!(ids(&fitting(victims, needed - 1)), [2]);
    }
}
