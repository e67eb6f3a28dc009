//! The binaries of other packages, which `cargo test` does not build by itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder of the workspace's binaries, which are built first. All of them at once, with the features that
/// `cargo test --workspace` has built everything with: one by one, each would have its dependencies built once more.
pub(crate) fn folder() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = option_env!("CARGO").unwrap_or("cargo");
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--locked", "--workspace", "--bins"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the binaries do not build");
        // This test's own binary lies in `deps` beside them.
        let test = std::env::current_exe().expect("a test binary");
        test.parent()
            .and_then(|deps| deps.parent())
            .expect("a target folder")
            .to_owned()
    })
}

/// The command `holdfast`, ready to be given arguments.
#[must_use]
pub fn command() -> Command {
    Command::new(folder().join("holdfast"))
}
