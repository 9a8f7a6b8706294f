//! Several processes and one store: one has it, the others are told at once, and nothing but the holder keeps the lock.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use stratum::{Db, Error, Options};

use crate::child::{self, Running};

/// Waits until a process has said `word`; gives back the rest of that line.
fn hear(process: &mut Running, word: &str) -> String {
    loop {
        let said = process.said();
        if let Some((rest, _)) = said.split_once(word).and_then(|(_, after)| after.split_once('\n')) {
            return rest.to_string();
        }
        assert!(process.is_running(), "it ended without a {word:?}: {said}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Opens a store when it is told to, says how that went, and stays.
fn open_and_stay(path: &Path) {
    child::begin();
    child::wait_for_go();
    let opened = Db::open(path, &Options::default());
    match &opened {
        Ok(_) => println!("answer: open"),
        Err(Error::Locked(_)) => println!("answer: locked"),
        Err(error) => println!("answer: {error}"),
    }
    std::thread::sleep(Duration::from_secs(100));
}

#[test]
fn of_many_processes_one_opens_and_the_rest_are_told_at_once() {
    if let Some(path) = child::job() {
        return open_and_stay(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    for round in 0..12 {
        let racers = (0..8).map(|racer| {
            let test = "openers::of_many_processes_one_opens_and_the_rest_are_told_at_once";
            let said = folder.path().join(format!("{round}-{racer}"));
            Running::start(&mut child::again(test, store.to_str().unwrap()), &said)
        });
        let mut racers: Vec<Running> = racers.collect();
        racers.iter_mut().for_each(Running::ready);
        racers.iter_mut().for_each(Running::go);
        // All of them answer while the one that won still has the store.
        let answers: Vec<String> = racers.iter_mut().map(|racer| hear(racer, "answer: ")).collect();
        assert_eq!(answers.iter().filter(|answer| *answer == "open").count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| *answer == "locked").count(), 7, "{answers:?}");
        assert!(matches!(Db::open(&store, &Options::default()), Err(Error::Locked(_))));
        let winner = answers.iter().position(|answer| answer == "open").unwrap();
        assert_eq!(racers[winner].kill().signal(), Some(libc::SIGKILL));
        let db = Db::open(&store, &Options::default()).expect("the lock went with its holder");
        db.close().unwrap();
    }
}

/// Opens a store, starts a program that outlives it, says its number, and stays.
fn leave_a_child(path: &Path) {
    child::begin();
    let _db = Db::open(path, &Options::default()).unwrap();
    #[allow(clippy::zombie_processes)] // that it outlives this process is the point; the parent of both ends it
    let sleeper = Command::new("sleep").arg("100").stdin(Stdio::null()).spawn().unwrap();
    println!("sleeper: {}", sleeper.id());
    std::thread::sleep(Duration::from_secs(100));
}

#[test]
fn a_program_that_was_started_by_the_holder_does_not_keep_the_store() {
    if let Some(path) = child::job() {
        return leave_a_child(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let test = "openers::a_program_that_was_started_by_the_holder_does_not_keep_the_store";
    let mut holder = Running::start(&mut child::again(test, store.to_str().unwrap()), &folder.path().join("said"));
    let sleeper = Sleeper(hear(&mut holder, "sleeper: "));
    assert!(matches!(Db::open(&store, &Options::default()), Err(Error::Locked(_))));
    holder.kill();
    assert!(sleeper.is_alive(), "the program outlives the holder");
    for entry in std::fs::read_dir(format!("/proc/{}/fd", sleeper.0)).unwrap() {
        match std::fs::read_link(entry.unwrap().path()) {
            Ok(target) => assert!(!target.starts_with(&store), "it inherited {}", target.display()),
            // Its loader closed it since it was listed; what it inherited stays open for as long as it lives.
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
        }
    }
    let db = Db::open(&store, &Options::default()).expect("nobody has it open");
    assert!(sleeper.is_alive());
    db.close().unwrap();
}

/// A process that is nobody's child any more, ended with this value.
struct Sleeper(String);

impl Sleeper {
    fn is_alive(&self) -> bool {
        let command = std::fs::read_to_string(format!("/proc/{}/comm", self.0));
        command.is_ok_and(|command| command.trim() == "sleep")
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        if self.is_alive() {
            // It ends by itself in 100 seconds, whatever comes of this.
            let _ = Command::new("kill").arg(&self.0).status();
        }
    }
}
