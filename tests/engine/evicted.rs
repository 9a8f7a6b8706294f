//! A sync that fails, and a kernel that drops the pages it could not write: what was seen before is seen no more.
//!
//! After each such sync of random work every read gives the right value or says `Corruption`; the next open, without a
//! loss of power, recovers a prefix of history with all of it that was durable, and what it builds on is on the disk.

use std::fmt::Debug;

use stratum::vfs::sim::{Errno, Fault, Op, SimDisk};
use stratum::{Durability, Error, Result, View};

use crate::model::{Checked, Model, Stop, same, wrong};
use crate::runner::{Context, Run, glance, open};
use crate::workload::{Call, End, Step, What, Workload};

/// What reads after a failed sync came to.
#[derive(Default)]
struct Told {
    right: u64,
    corrupt: u64,
    /// Opens that found less than was acknowledged.
    lost: u64,
    poisoned: u64,
}

impl Told {
    fn hear<T: PartialEq + Debug>(&mut self, what: &str, result: Result<T>, expected: T) -> Checked {
        match result {
            Ok(value) => {
                self.right += 1;
                same(what, value, expected)
            }
            Err(Error::Corruption(_)) => {
                self.corrupt += 1;
                Ok(())
            }
            Err(other) => wrong(format!("{what}: {other:?}")),
        }
    }

    /// Every document of a view, by each reading call.
    fn read(&mut self, view: &View, model: &Model) -> Checked {
        let ids = model.ids();
        self.hear("the number of documents", view.document_count(), ids.len() as u64)?;
        for id in ids {
            let tree = model.get(id).expect("listed");
            self.hear("exists", view.exists(id), true)?;
            self.hear("the tree", view.tree(id), tree.clone())?;
            self.hear("the blob", view.blob(id).map(|blob| blob.to_vec()), tree.blob.clone())?;
            for (name, value) in tree.columns.iter() {
                self.hear("a column", view.column(id, name), value.clone())?;
            }
            let inputs: Vec<_> = tree.inputs.iter().filter_map(|input| input.id).collect();
            self.hear("the inputs", view.input_ids(id), inputs)?;
            for input in &tree.inputs {
                let number = input.id.expect("the store gave it one");
                self.hear("an input", view.input(id, number), input.value.clone())?;
                if let Some(output) = &input.output {
                    self.hear("an output", view.output(id, number), output.clone())?;
                }
            }
        }
        Ok(())
    }
}

#[test]
fn after_a_sync_that_evicts_every_read_is_right_or_corruption_and_an_open_finds_a_prefix() {
    let _again = again!();
    let (mut told, mut syncs) = (Told::default(), 0);
    for seed in 0..60 {
        let workload = Workload::mixed(seed, 10);
        for nth in 0.. {
            let _context = Context(|| format!("seed {seed}, sync {nth}\n{workload:#?}"));
            let struck = fail_sync(&workload, nth, &mut told).unwrap_or_else(|stop| panic!("{stop:?}"));
            if !struck {
                break;
            }
            syncs += 1;
        }
    }
    let Told { right, corrupt, lost, poisoned } = told;
    println!("{syncs} syncs, {poisoned} poisoned, {right} reads right, {corrupt} corruption, {lost} opens lost some");
    assert!(syncs > 1000 && poisoned * 3 > syncs, "{syncs} syncs, {poisoned} poisoned");
    assert!(right > 10_000 && corrupt > 200 && lost > 50, "{right} right, {corrupt} corruption, {lost} lost some");
}

/// Runs a workload whose sync of that number evicts; false where there are fewer.
fn fail_sync(workload: &Workload, nth: u64, told: &mut Told) -> Checked<bool> {
    let disk = SimDisk::new(workload.seed << 16 | nth);
    let mut run = Run::new(&disk, &workload.options);
    run.reopen(false)?;
    disk.inject(Fault::new(&[Op::Sync], nth, Errno::Eio).evicted());
    let mut durable = 0;
    let struck_in = workload.steps.iter().find_map(|step| {
        durable = run.journal.after_power_loss(disk.ops()).0;
        let outcome = run.step(step);
        (outcome.is_err() || !disk.faults_struck().is_empty()).then_some((step, outcome))
    });
    let Some((step, outcome)) = struck_in else { return Ok(false) };
    if disk.faults_struck().is_empty() || matches!(outcome, Err(Stop::Wrong(_))) {
        return outcome.map(|()| true);
    }
    disk.clear_faults();
    // A store that was dropped and not closed had nobody to tell.
    let is_unheard = matches!(step, Step::Reopen { close: false });
    let mut range = run.journal.after_power_loss(disk.ops());
    if is_unheard {
        range.0 = durable;
    } else if run.is_open() {
        range = go_on(&mut run, told)?;
    }
    for image in disk.crash_images(nth, 4) {
        run.journal.find(&open(&image, run.options())?, range)?;
    }
    told.lost += u64::from(run.recover_within(range)?);
    run.batch(&[create(2)], End::CommitWith(Durability::Always))?;
    run.compare()?;
    for image in disk.crash_images(nth, 3) {
        glance(&open(&image, run.options())?, &run.model)?;
    }
    Ok(true)
}

fn create(content: u32) -> Call {
    Call { what: What::CreateDocument, document: 0, input: 0, content }
}

/// Reads what is left of a store that goes on, and commits once more if it may. Gives back what the next open may find.
fn go_on(run: &mut Run, told: &mut Told) -> Checked<(usize, usize)> {
    for (view, model) in run.views()? {
        told.read(&view, &model)?;
    }
    match run.batch(&[create(1)], End::CommitWith(Durability::Always)) {
        Ok(()) => {}
        Err(Stop::Failed(Error::Poisoned(_))) => told.poisoned += 1,
        Err(other) => return Err(other),
    }
    for (view, model) in run.views()? {
        told.read(&view, &model)?;
    }
    Ok(run.journal.after_power_loss(run.disk.ops()))
}
