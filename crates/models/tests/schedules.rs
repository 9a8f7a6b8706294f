//! Whole stores under random and PCT schedules (probabilistic concurrency testing: few, well placed switches).
//!
//! | variable | what it sets | default |
//! |---|---|---|
//! | `STRATUM_SCHEDULES` | schedules for each test | 400 |
//! | `STRATUM_SEED` | the first seed | 1 |
//!
//! A failure prints its schedule; `STRATUM_SCHEDULE=<that>` with the name of the test runs it again.
#![cfg(shuttle)]

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, Runner};
use stratum_models::{Scenario, run};

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

fn explore(scheduler: impl Scheduler + 'static, scenario: Scenario) {
    let mut config = Config::new();
    config.stack_size = 512 << 10;
    if let Ok(schedule) = std::env::var("STRATUM_SCHEDULE") {
        Runner::new(ReplayScheduler::new_from_encoded(&schedule), config).run(move || run(scenario));
        return;
    }
    let done = Runner::new(scheduler, config).run(move || run(scenario));
    println!("{done} schedules");
}

fn random(scenario: Scenario) {
    let schedules = setting("STRATUM_SCHEDULES", 400) as usize;
    explore(RandomScheduler::new_from_seed(setting("STRATUM_SEED", 1), schedules), scenario);
}

fn pct(scenario: Scenario) {
    let schedules = setting("STRATUM_SCHEDULES", 400) as usize;
    explore(PctScheduler::new_from_seed(setting("STRATUM_SEED", 1), 3, schedules), scenario);
}

#[test]
fn random_schedules_agree_with_history() {
    random(Scenario::Finish);
}

#[test]
fn random_schedules_with_a_close_agree_with_history() {
    random(Scenario::Close);
}

#[test]
fn random_schedules_with_a_power_loss_agree_with_history() {
    random(Scenario::PowerLoss);
}

#[test]
fn pct_schedules_agree_with_history() {
    pct(Scenario::Finish);
}

#[test]
fn pct_schedules_with_a_close_agree_with_history() {
    pct(Scenario::Close);
}

#[test]
fn pct_schedules_with_a_power_loss_agree_with_history() {
    pct(Scenario::PowerLoss);
}
