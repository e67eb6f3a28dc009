//! What each function links, built alone as `sam build` does. Cargo unites the features of all packages that it builds
//! together, so a crate's features here are more where a function is built beside one that asks for more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use holdfast_local::{FUNCTIONS, STREAM_FUNCTIONS};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const LIST: &str = "tests/it/dependencies.txt";
const UPDATE: &str = "UPDATE_DEPENDENCIES=1 cargo test --workspace --test it -- dependencies::";

/// Each crate that a build of the package links, but for the package itself: its name, version and features.
fn linked(package: &str) -> BTreeSet<String> {
    let tree = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["tree", "--locked", "--prefix", "none"])
        // The same list on every machine: what Lambda runs, without what only the compiler loads.
        .args([
            "--edges",
            "normal,no-proc-macro",
            "--target",
            "x86_64-unknown-linux-gnu",
        ])
        .args(["--format", "{p}|{f}", "--package", package])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let crates: BTreeSet<String> = tree.lines().filter_map(|line| entry(package, line)).collect();
    assert!(
        crates.iter().any(|entry| entry.starts_with("aws-sdk-dynamodb ")),
        "{package} links no SDK?\n{tree}"
    );
    crates
}

/// A line of the list from `<name> v<version>[ (<folder>)]|<features>[ (*)]`.
fn entry(package: &str, line: &str) -> Option<String> {
    let (name, features) = line.trim_end_matches(" (*)").split_once('|')?;
    let mut words = name.split(' ');
    let (name, version) = (words.next()?, words.next()?);
    // Of the version, what Cargo takes for compatible: the list changes with what is linked and not with every update.
    let mut parts = version.trim_start_matches('v').split('.');
    let version = match (parts.next()?, parts.next()?) {
        ("0", minor) => format!("0.{minor}"),
        (major, _) => major.to_owned(),
    };
    (name != package).then(|| format!("{name} {version} {features}").trim_end().to_owned())
}

/// One line a crate. A crate that is not in every function says in which ones it is.
fn list() -> String {
    let mut users: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let streams = STREAM_FUNCTIONS.iter().copied();
    let names: Vec<&str> = FUNCTIONS
        .iter()
        .map(|function| function.name)
        .chain(streams)
        .collect();
    for &name in &names {
        for entry in linked(name) {
            users.entry(entry).or_default().push(name);
        }
    }
    let mut list = format!("# What the functions link: crate, version, features. `{UPDATE}` writes it.\n");
    for (entry, functions) in users {
        let not_all = match functions.len() {
            all if all == names.len() => String::new(),
            _ => format!(" (only {})", functions.join(", ")),
        };
        writeln!(list, "{entry}{not_all}").unwrap();
    }
    list
}

/// The lines that only one of the two has.
fn difference(stored: &str, found: &str) -> Vec<String> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (stored, found) = (lines(stored), lines(found));
    let gone = stored.difference(&found).map(|line| format!("- {line}"));
    let new = found.difference(&stored).map(|line| format!("+ {line}"));
    gone.chain(new).collect()
}

#[test]
fn each_function_links_the_crates_and_features_of_the_list_and_no_other() {
    let path = Path::new(ROOT).join(LIST);
    let found = list();
    if std::env::var_os("UPDATE_DEPENDENCIES").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = difference(&stored, &found);
    assert!(
        difference.is_empty(),
        "the functions link something else than {LIST} says:\n{}\n\nIf that is meant, this writes the list:\n{UPDATE}",
        difference.join("\n")
    );
}
