//! When a document's deltas are folded as part of a commit.
//!
//! 1. Tiers: the newest deltas are composed into one, together with older ones that are not much larger, so that each
//!    change is rewritten about log(n) times, and a document has few deltas at any time.
//! 2. They are folded into the tree when together they are not small beside it.
//! 3. A commit never rewrites more than `IN_COMMIT` bytes of a document for this; what is larger is left to compaction.
//! 4. Nor does it rewrite more than `TIMES` its own bytes of all documents, and of large batches not more than
//!    `AT_ONCE` bytes or their own: what one document does not need of that, others get. A document that gets none is
//!    as ready for the next commit that changes it. Tiers rewrite each byte about four times: with less than that
//!    documents that change again and again would never be folded, and have ever more deltas.

/// Most bytes of a document that a commit rewrites to fold.
const IN_COMMIT: u64 = 1 << 20;
/// How many times its own bytes a commit rewrites at most.
const TIMES: u64 = 8;
/// What it rewrites is in memory with it: more than this it rewrites only if it is larger itself.
const AT_ONCE: u64 = 256 << 20;
/// A tree is not rewritten for deltas of less than this share of it.
const SHARE: u64 = 4;

/// What to fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Nothing.
    Not,
    /// The deltas from this one on, into one.
    From(usize),
    /// Everything, into a new tree.
    All,
}

impl Fold {
    /// Bytes that it rewrites.
    fn bytes(self, tree: u64, runs: &[u64]) -> u64 {
        match self {
            Fold::Not => 0,
            Fold::From(first) => runs[first..].iter().sum(),
            Fold::All => tree + runs.iter().sum::<u64>(),
        }
    }
}

/// What a commit may still rewrite.
pub struct Budget(u64);

impl Budget {
    /// That of a commit of so many bytes.
    pub fn of(commit: u64) -> Budget {
        Budget(commit.saturating_mul(TIMES).min(AT_ONCE).max(commit).max(IN_COMMIT))
    }

    /// As `plan`, as long as there is enough left for it, which it then takes.
    pub fn plan(&mut self, tree: u64, runs: &[u64], fold_after: u32) -> Fold {
        let fold = plan(tree, runs, fold_after);
        match self.0.checked_sub(fold.bytes(tree, runs)) {
            Some(left) => {
                self.0 = left;
                fold
            }
            None => Fold::Not,
        }
    }
}

/// Decides for a tree of `tree` bytes with deltas of these sizes, oldest first, the newest being the one committed.
fn plan(tree: u64, runs: &[u64], fold_after: u32) -> Fold {
    if runs.len() <= fold_after as usize {
        return Fold::Not;
    }
    let mut sum = 0;
    let mut first = runs.len();
    while first > 0 {
        let next = runs[first - 1];
        let enough = runs.len() - first >= 2;
        if sum + next > IN_COMMIT || (enough && next > 2 * sum) {
            break;
        }
        sum += next;
        first -= 1;
    }
    if first == 0 && tree <= sum * SHARE && tree + sum <= IN_COMMIT {
        return Fold::All;
    }
    if runs.len() - first >= 2 { Fold::From(first) } else { Fold::Not }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appends deltas of one size and counts what folding rewrites.
    fn simulate(tree: u64, size: u64, appends: u64) -> (u64, usize) {
        let (mut tree, mut runs, mut rewritten, mut most) = (tree, Vec::new(), 0, 0);
        for _ in 0..appends {
            runs.push(size);
            match plan(tree, &runs, 8) {
                Fold::Not => {}
                Fold::From(first) => {
                    let sum = runs.drain(first..).sum();
                    rewritten += sum;
                    runs.push(sum);
                }
                Fold::All => {
                    tree += runs.drain(..).sum::<u64>();
                    rewritten += tree;
                }
            }
            most = most.max(runs.len());
        }
        (rewritten, most)
    }

    #[test]
    fn each_byte_is_rewritten_a_few_times_and_deltas_stay_few() {
        let (rewritten, most) = simulate(1000, 100, 5000);
        assert!(rewritten < 100 * 5000 * 8, "{rewritten} bytes rewritten for {}", 100 * 5000);
        assert!(most <= 16, "{most} deltas");
    }

    #[test]
    fn large_trees_are_left_to_compaction() {
        let mut runs = vec![100; 9];
        assert_eq!(plan(10_000_000, &runs, 8), Fold::From(0));
        runs[0] = 5000;
        assert_eq!(plan(10_000_000, &runs, 8), Fold::From(1));
        assert_eq!(plan(1000, &[10; 8], 8), Fold::Not);
        assert_eq!(plan(100, &[2 << 20; 9], 8), Fold::Not);
    }
    #[test]
    fn a_delta_is_taken_along_while_it_is_at_most_twice_what_is_taken() {
        assert_eq!(plan(10_000, &[40, 10, 10], 2), Fold::From(0));
        assert_eq!(plan(10_000, &[41, 10, 10], 2), Fold::From(1));
        assert_eq!(plan(10_000, &[1, 1, 41, 10, 10], 2), Fold::From(3));
        // One delta is no reason to fold: the two newest go together, however they compare.
        assert_eq!(plan(10_000, &[10, 200, 1], 2), Fold::From(0));
        assert_eq!(plan(10_000, &[2 << 20, 2 << 20, 1], 2), Fold::Not);
    }

    #[test]
    fn a_tree_is_rewritten_for_all_of_its_deltas_and_for_a_quarter_of_it() {
        assert_eq!(plan(120, &[10, 10, 10], 2), Fold::All);
        assert_eq!(plan(121, &[10, 10, 10], 2), Fold::From(0));
        assert_eq!(plan(10, &[5000, 10, 10, 10], 2), Fold::From(1), "one delta stays, so the tree does");
    }

    #[test]
    fn a_commit_rewrites_up_to_its_limit_and_not_a_byte_more() {
        let eighth = IN_COMMIT / 8;
        assert_eq!(plan(u64::MAX / 2, &[eighth; 8], 7), Fold::From(0));
        assert_eq!(plan(u64::MAX / 2, &[&[eighth + 1], &[eighth; 7][..]].concat(), 7), Fold::From(1));
        assert_eq!(plan(5 * eighth, &[eighth; 3], 2), Fold::All);
        assert_eq!(plan(5 * eighth + 1, &[eighth; 3], 2), Fold::From(0));
    }

    #[test]
    fn a_commit_rewrites_for_many_documents_a_few_times_what_it_has_itself() {
        let runs = [IN_COMMIT / 4; 3];
        let mut small = Budget::of(1000);
        assert_eq!([(); 3].map(|()| small.plan(u64::MAX / 2, &runs, 2)), [Fold::From(0), Fold::Not, Fold::Not]);
        assert_eq!(small.plan(10, &[10, 10, 10], 2), Fold::All, "there is enough left for a small one");
        let mut large = Budget::of(2 * IN_COMMIT / TIMES);
        let folds = [(); 4].map(|()| large.plan(u64::MAX / 2, &runs, 2));
        assert_eq!(folds, [Fold::From(0), Fold::From(0), Fold::Not, Fold::Not]);
    }

    #[test]
    fn documents_that_all_change_again_and_again_are_all_folded() {
        for (documents, size) in [(2000, 160), (10_000, 160), (500, 3000)] {
            let mut runs = vec![Vec::new(); documents];
            for _ in 0..120 {
                let mut budget = Budget::of(size * documents as u64);
                for runs in &mut runs {
                    runs.push(size);
                    if let Fold::From(first) = budget.plan(u64::MAX / 2, runs, 8) {
                        let sum = runs.drain(first..).sum();
                        runs.push(sum);
                    }
                }
            }
            let most = runs.iter().map(Vec::len).max();
            assert!(most <= Some(40), "{documents} documents: {most:?}");
        }
    }

    #[test]
    fn a_large_batch_does_not_rewrite_many_times_its_bytes() {
        for (batch, budget) in [(10 << 20, 80 << 20), (60 << 20, AT_ONCE), (1 << 30, 1 << 30), (u64::MAX, u64::MAX)] {
            assert_eq!(Budget::of(batch).0, budget);
        }
    }
}
