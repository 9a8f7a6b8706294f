//! Random steps against the model, shrunk by proptest where they fail.

use proptest::prelude::*;
use stratum::Durability;
use stratum::vfs::sim::SimDisk;

use crate::model::Stop;
use crate::runner::Run;
use crate::setting;
use crate::workload::{CALLS, Call, End, Step, Workload, small_options};

fn call() -> impl Strategy<Value = Call> {
    (0..CALLS.len(), 0..64u8, 0..64u8, prop_oneof![0..200u32, any::<u32>()])
        .prop_map(|(what, document, input, content)| Call { what: CALLS[what], document, input, content })
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        8 => Just(End::Commit),
        2 => Just(End::CommitWith(Durability::Always)),
        2 => Just(End::CommitWith(Durability::Os)),
        1 => Just(End::Abandon),
        1 => Just(End::Clear),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => (prop::collection::vec(call(), 1..6), end()).prop_map(|(calls, end)| Step::Batch(calls, end)),
        4 => Just(Step::Flush),
        6 => Just(Step::Compact),
        4 => Just(Step::Maintain),
        2 => Just(Step::CompactALittle),
        5 => Just(Step::Checkpoint),
        8 => any::<bool>().prop_map(|close| Step::Reopen { close }),
        4 => any::<bool>().prop_map(|snapshot| Step::Keep { snapshot }),
        3 => Just(Step::Release),
        4 => Just(Step::Compare),
        2 => Just(Step::Verify),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: setting("STRATUM_CASES", 300) as u32,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_store_does_what_the_model_does(
        sizes in 0..64u32,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let workload = Workload { seed: u64::from(sizes), options: small_options(sizes), steps };
        let disk = SimDisk::new(workload.seed);
        let mut run = Run::new(&disk, &workload.options);
        let outcome = run.run(&workload).and_then(|()| run.reopen(true)).and_then(|()| run.compare());
        match outcome {
            Ok(()) => {}
            Err(Stop::Wrong(what)) => prop_assert!(false, "{what}"),
            Err(Stop::Failed(error)) => prop_assert!(false, "a call failed: {error}"),
        }
    }
}
