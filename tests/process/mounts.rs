//! Small file systems of a test's own.
//!
//! 1. They are mounted in a mount namespace of the test's thread: nobody else sees them, and they go with the
//!    process, however it ends. Processes that the thread starts see them, too.
//! 2. Where this machine may not mount, the failure says what is missing. Only a person sets `STRATUM_NO_LOOP_MOUNT`.

#![allow(unsafe_code)] // unshare

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A kind of file system.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// On a loop device: the arguments of mkfs.ext4.
    Ext4(&'static [&'static str]),
    /// In memory: further options of the mount.
    Tmpfs(&'static str),
    /// On a loop device, by another mkfs.
    Made(String),
}

/// A mounted file system, of a size in bytes.
pub(crate) struct Mounted {
    folder: TempDir,
}

impl Mounted {
    /// None where somebody decided to go without.
    pub(crate) fn new(kind: &Kind, size: u64) -> Option<Mounted> {
        if std::env::var("STRATUM_NO_LOOP_MOUNT").is_ok_and(|value| value == "1") {
            println!("not tested, since STRATUM_NO_LOOP_MOUNT=1: {kind:?} of {size} bytes");
            return None;
        }
        let mounted = Mounted { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(mounted.path()).unwrap();
        // SAFETY: unshare takes flags and no memory.
        let alone = unsafe { libc::unshare(libc::CLONE_NEWNS) };
        assert_eq!(alone, 0, "unshare: {}; {NEEDED}", std::io::Error::last_os_error());
        must("mount", &["--make-rprivate", "/"]);
        let point = mounted.path().to_str().unwrap().to_string();
        match kind {
            Kind::Tmpfs(options) => {
                must("mount", &["-t", "tmpfs", "-o", &format!("size={size}{options}"), "none", &point]);
            }
            Kind::Ext4(arguments) => mounted.make("mkfs.ext4", &[&["-q", "-F", "-m", "0"], *arguments].concat(), size),
            Kind::Made(mkfs) => mounted.make(mkfs, &[], size),
        }
        Some(mounted)
    }

    fn make(&self, mkfs: &str, arguments: &[&str], size: u64) {
        let image = self.folder.path().join("image");
        File::create(&image).unwrap().set_len(size).unwrap();
        let image = image.to_str().unwrap();
        must(mkfs, &[arguments, &[image]].concat());
        must("mount", &["-o", "loop", image, self.path().to_str().unwrap()]);
    }

    /// Mounts it once more, with an option.
    pub(crate) fn remount(&self, option: &str) {
        must("mount", &["-o", &format!("remount,{option}"), self.path().to_str().unwrap()]);
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    /// A place beside it, on the machine's own disk.
    pub(crate) fn beside(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Where something still has a file open there, it goes with that.
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) && !std::thread::panicking() {
            panic!("cannot unmount {}", self.path().display());
        }
    }
}

const NEEDED: &str = "small file systems are mounted for this test: it must run as root with CAP_SYS_ADMIN, \
    with /dev/loop-control and loop devices, e2fsprogs and mount installed (tools/setup.sh test). \
    On a machine that cannot, a person may set STRATUM_NO_LOOP_MOUNT=1";

fn must(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; {NEEDED}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}; {NEEDED}");
}
