//! What is measured, built as it is shipped.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use zip::write::SimpleFileOptions;

use crate::{Failure, root};

/// The release profile of the workspace, as environment variables that Cargo takes a profile from: whatever is
/// measured beside a function is built as the function is.
pub fn release_profile() -> Result<Vec<(String, String)>, Failure> {
    let manifest: toml::Table = std::fs::read_to_string(root().join("Cargo.toml"))?.parse()?;
    let profile = manifest
        .get("profile")
        .and_then(|profiles| profiles.get("release"))
        .and_then(toml::Value::as_table)
        .ok_or("the workspace has no release profile")?;
    Ok(profile
        .iter()
        .map(|(key, value)| {
            let name = format!("CARGO_PROFILE_RELEASE_{}", key.to_uppercase().replace('-', "_"));
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name, value)
        })
        .collect())
}

/// Builds a function of the workspace at `workspace` for release; the answer is its binary.
pub fn build_function(
    workspace: &Path,
    target: &Path,
    name: &str,
    environment: &[(String, String)],
    arguments: &[&str],
) -> Result<PathBuf, Failure> {
    eprintln!("building {name}");
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--package", name, "--target-dir"])
        .arg(target)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        // Cargo reads .cargo/config.toml from here.
        .current_dir(workspace)
        .status()?;
    if !status.success() {
        return Err(format!("{name} does not build").into());
    }
    Ok(target.join("release").join(name))
}

/// Builds every function as it is shipped.
pub fn functions() -> Result<Vec<(&'static str, PathBuf)>, Failure> {
    let target = root().join("target");
    holdfast_local::FUNCTIONS
        .iter()
        .map(|function| {
            let binary = build_function(root(), &target, function.name, &[], &["--locked"])?;
            Ok((function.name, binary))
        })
        .collect()
}

/// Builds the bare function that everything is compared with.
pub fn hello_world() -> Result<PathBuf, Failure> {
    let bench = root().join("bench");
    let target = bench.join("target").join("hello-world");
    build_function(&bench, &target, "hello-world", &release_profile()?, &["--locked"])
}

/// Installs the Python and the Node function: their names and programs.
pub fn peers() -> Result<Vec<(&'static str, PathBuf)>, Failure> {
    let target = root().join("bench").join("target").join("peers");
    eprintln!("installing the peers");
    let status = Command::new(root().join("bench/peers/prepare"))
        .arg(&target)
        .status()?;
    if !status.success() {
        return Err("the peers cannot be installed; --without-peers leaves them out".into());
    }
    Ok(vec![
        ("Python, boto3", target.join("python/run")),
        ("Node.js, AWS SDK v3", target.join("node/run")),
    ])
}

/// The bytes of a binary and of the zip file that it is deployed in.
pub fn sizes(binary: &Path) -> Result<(u64, u64), Failure> {
    let mut bytes = Vec::new();
    File::open(binary)?.read_to_end(&mut bytes)?;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755))?;
    archive.write_all(&bytes)?;
    let archive = archive.finish()?.into_inner();
    Ok((bytes.len() as u64, archive.len() as u64))
}
