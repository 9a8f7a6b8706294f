//! One workload as a case that can be run alone, made smaller, and printed as the command that runs it again.
//!
//! 1. A case is a seed and the steps and calls of its workload that are kept: it makes the same workload each time.
//! 2. What fails is run again with less and less of it, for as long as it fails in some way or other; what is printed
//!    is the least that was found, its operations, and the environment variables that repeat just that.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::model::{Checked, Stop};
use crate::workload::{Step, Workload};
use crate::{first_seed, is_alone, setting};

/// Workloads tried at most in search of a smaller one that fails.
const MOST_TRIED: usize = 400;

/// Steps of a workload by their places in it; of batches, also the calls that are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept(Vec<(usize, Vec<usize>)>);

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.0.iter().map(|(step, calls)| {
            let calls: String = calls.iter().map(|call| format!(":{call}")).collect();
            format!("{step}{calls}")
        });
        f.write_str(&steps.collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Kept {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Kept, Self::Err> {
        let step = |text: &str| {
            let mut numbers = text.split(':').map(str::parse);
            let step = numbers.next().unwrap_or(Ok(0))?;
            Ok((step, numbers.collect::<Result<_, _>>()?))
        };
        Ok(Kept(text.split(',').map(step).collect::<Result<_, _>>()?))
    }
}

/// A workload, whole or in part.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    make: fn(u64) -> Workload,
    kept: Kept,
}

impl Case {
    /// All of the workload of a seed; or, where `STRATUM_STEPS` says so, a part.
    pub(crate) fn new(seed: u64, make: fn(u64) -> Workload) -> Case {
        let all = |(at, step): (usize, &Step)| match step {
            Step::Batch(calls, _) => (at, (0..calls.len()).collect()),
            _ => (at, Vec::new()),
        };
        let kept = match std::env::var("STRATUM_STEPS") {
            Ok(text) => text.parse().unwrap_or_else(|error| panic!("STRATUM_STEPS={text}: {error}")),
            Err(_) => Kept(make(seed).steps.iter().enumerate().map(all).collect()),
        };
        Case { seed, make, kept }
    }

    /// The workload, as far as it is kept.
    pub(crate) fn workload(&self) -> Workload {
        let whole = (self.make)(self.seed);
        let steps = self.kept.0.iter().filter_map(|(at, kept)| match whole.steps.get(*at)? {
            Step::Batch(calls, end) => {
                Some(Step::Batch(kept.iter().filter_map(|call| calls.get(*call).copied()).collect(), *end))
            }
            other => Some(other.clone()),
        });
        Workload { steps: steps.collect(), ..whole.clone() }
    }

    fn keeping(&self, kept: Vec<(usize, Vec<usize>)>) -> Case {
        Case { kept: Kept(kept), ..self.clone() }
    }

    /// Each case with a run of steps less: long runs first, then shorter ones, the last steps first.
    fn with_fewer_steps(&self) -> Vec<Case> {
        let steps = &self.kept.0;
        let lengths = std::iter::successors(Some(steps.len() / 2), |length| Some(length / 2));
        let runs = lengths
            .take_while(|length| *length > 0)
            .flat_map(|length| (0..steps.len().div_ceil(length)).rev().map(move |at| (at * length, (at + 1) * length)));
        runs.map(|(from, to)| self.keeping([&steps[..from], &steps[to.min(steps.len())..]].concat())).collect()
    }

    /// Each case with a call less in one of its batches.
    fn with_fewer_calls(&self) -> Vec<Case> {
        let mut fewer = Vec::new();
        for (at, (_, calls)) in self.kept.0.iter().enumerate() {
            for call in (0..calls.len()).rev() {
                let mut kept = self.kept.0.clone();
                kept[at].1.remove(call);
                fewer.push(self.keeping(kept));
            }
        }
        fewer
    }
}

/// What went wrong, and the variables beside `STRATUM_SEED` and `STRATUM_STEPS` that repeat it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) what: String,
    pub(crate) replay: String,
}

/// Runs something that may stop or panic.
pub(crate) fn attempt<T>(replay: impl FnOnce() -> String, work: impl FnOnce() -> Checked<T>) -> Result<T, Failure> {
    let what = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(Stop::Wrong(what))) => what,
        Ok(Err(Stop::Failed(error))) => format!("a call failed: {error} ({error:?})"),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            format!("panic: {}", text.unwrap_or_default())
        }
    };
    Err(Failure { what, replay: replay() })
}

/// The smallest case found that fails, and how.
pub(crate) fn shrink(case: &Case, failure: Failure, run: &dyn Fn(&Case) -> Result<u64, Failure>) -> (Case, Failure) {
    let (mut case, mut failure, mut tried) = (case.clone(), failure, 0);
    'smaller: loop {
        for candidate in case.with_fewer_steps().into_iter().chain(case.with_fewer_calls()) {
            tried += 1;
            if tried > MOST_TRIED {
                return (case, failure);
            }
            if let Err(found) = run(&candidate) {
                (case, failure) = (candidate, found);
                continue 'smaller;
            }
        }
        return (case, failure);
    }
}

/// Runs the cases of seeds from `first` on, on every core, until `is_enough` of what the runs came to. Of one that
/// fails it prints the smallest part that still does, and panics; what that prints runs it alone.
pub(crate) fn run_cases(
    test: &str,
    first: u64,
    make: fn(u64) -> Workload,
    is_enough: &(dyn Fn(u64) -> bool + Sync),
    run: &(dyn Fn(&Case) -> Result<u64, Failure> + Sync),
) -> u64 {
    let (next, total, failed) = (AtomicU64::new(first_seed(first)), AtomicU64::new(0), AtomicBool::new(false));
    let alone = is_alone();
    let work = || {
        while !failed.load(Ordering::SeqCst) && !is_enough(total.load(Ordering::SeqCst)) {
            let seed = if alone { setting("STRATUM_SEED", 0) } else { next.fetch_add(1, Ordering::SeqCst) };
            let case = Case::new(seed, make);
            match run(&case) {
                Ok(count) => total.fetch_add(count, Ordering::SeqCst),
                Err(failure) => {
                    failed.store(true, Ordering::SeqCst);
                    let (case, failure) = shrink(&case, failure, run);
                    panic!("{}", describe(test, &case, &failure));
                }
            };
            if alone {
                return;
            }
        }
    };
    let threads = if alone { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    total.into_inner()
}

fn describe(test: &str, case: &Case, failure: &Failure) -> String {
    let workload = case.workload();
    let steps: String = workload.steps.iter().map(|step| format!("    {step:?}\n")).collect();
    let Case { seed, kept, .. } = case;
    format!(
        "{}\n\n  {:?}\n  steps:\n{steps}\n  again:\n    STRATUM_SEED={seed} STRATUM_STEPS={kept} {} cargo test --test \
         engine {test}\n",
        failure.what, workload.options, failure.replay
    )
}

#[test]
fn what_is_kept_is_read_as_it_was_printed() {
    let kept = Kept(vec![(0, vec![0, 2]), (7, vec![]), (9, vec![1])]);
    assert_eq!(kept.to_string(), "0:0:2,7,9:1");
    assert_eq!(kept.to_string().parse(), Ok(kept));
}

/// A failure that two calls of one batch and a checkpoint before it are to blame for is shrunk to just these.
#[test]
fn a_failure_is_shrunk_to_what_it_takes() {
    let make = |seed| Workload::new(seed, 32);
    let run = |case: &Case| {
        let steps = case.workload().steps;
        let checkpoint = steps.iter().position(|step| matches!(step, Step::Checkpoint));
        let batch = steps.iter().rposition(|step| matches!(step, Step::Batch(calls, _) if calls.len() > 1));
        attempt(
            || "X=1".to_string(),
            || {
                assert!(checkpoint.is_none() || checkpoint > batch, "together");
                Ok(1)
            },
        )
    };
    let case = (0..100).map(|seed| Case::new(seed, make)).find(|case| run(case).is_err()).expect("one of them");
    let failure = run(&case).expect_err("found above");
    let (case, failure) = shrink(&case, failure, &run);
    let steps = case.workload().steps;
    assert!(matches!(&steps[..], [Step::Checkpoint, Step::Batch(calls, _)] if calls.len() == 2), "{steps:#?}");
    let text = describe("t", &case, &failure);
    assert!(text.contains("panic: together") && text.contains(&format!("STRATUM_STEPS={} X=1 cargo", case.kept)));
}
