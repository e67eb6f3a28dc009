//! The binaries of other packages, which `cargo test` does not build by itself.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Builds the binaries of these packages as this test was built, alone: nobody else's features reach them. The answer is
/// the folder that has them.
pub(crate) fn build<'a>(packages: impl Iterator<Item = &'a str>) -> PathBuf {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "--bins"])
        .args(packages.flat_map(|package| ["--package", package]))
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
}

/// The command `holdfast`, ready to be given arguments.
#[must_use]
pub fn command() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| build(["holdfast-cli"].into_iter()));
    Command::new(folder.join("holdfast"))
}
