//! Which room may know which: data flows one way, from the event to the store and back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A room of `shared/src/`, and the rooms below it that it may name.
const ROOMS: &[(&str, &[&str])] = &[
    ("lock", &[]),
    ("failure", &[]),
    ("id", &["lock"]),
    ("target", &["id"]),
    ("clock", &["lock"]),
    ("target", &["id", "lock"]),
    ("secret", &["id", "lock"]),
    ("telemetry", &["clock", "id", "lock"]),
    ("audit", &["id", "lock", "target", "telemetry"]),
    ("store", &["failure", "id", "lock", "secret", "target"]),
    ("config", &["lock", "secret", "store"]),
    (
        "identity",
        &["audit", "failure", "id", "lock", "secret", "store", "target"],
    ),
    // A token's form is a part of the wire format. Who its bearer is, no dialect knows.
    (
        "dialect",
        &["failure", "id", "lock", "secret", "target", "telemetry"],
    ),
    (
        "runtime",
        &[
            "audit",
            "clock",
            "config",
            "dialect",
            "failure",
            "id",
            "identity",
            "lock",
            "secret",
            "store",
            "target",
            "telemetry",
        ],
    ),
];

/// The only places that may name the SDK of DynamoDB: its room, and the start that builds the client.
const SDK: &[&str] = &["shared/src/store/", "shared/src/runtime/start.rs"];

/// The only place that may name the SDK of `EventBridge`: one file of the function that publishes.
const EVENTS_SDK: &str = "functions/publish-events/src/bus.rs";

/// The rooms that a file's code names, by `crate::room`. Comments and the tests at a file's end do not count.
fn named_rooms(source: &str) -> BTreeSet<&str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .flat_map(|rest| match rest.strip_prefix('{') {
            // `use crate::{Clock, telemetry};` names several.
            Some(list) => list.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        })
        .map(|path| {
            let path = path.trim();
            let end = path.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            path.get(..end.unwrap_or(path.len())).unwrap_or_default()
        })
        .map(|name| if name == "Clock" { "clock" } else { name })
        .filter(|name| !name.is_empty() && *name != "self")
        .collect()
}

/// The arrows of a file that its room must not have.
fn wrong_arrows<'a>(room: &str, source: &'a str) -> Vec<&'a str> {
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec!["a room that is not in the list"];
    };
    named_rooms(source)
        .into_iter()
        .filter(|named| *named != room && !allowed.contains(named))
        .collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every source file below `folder`, by its path from the root, with its text.
fn files(folder: &str) -> Vec<(String, String)> {
    let root = root();
    let name = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
    sources(&root.join(folder))
        .into_iter()
        .map(|path| (name(&path), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

#[test]
fn no_room_knows_what_is_above_it() {
    let mut wrong = Vec::new();
    for (path, source) in files("shared/src") {
        let inner = path.strip_prefix("shared/src/").unwrap();
        if inner == "lib.rs" {
            continue;
        }
        let room = inner.split(['/', '.']).next().unwrap();
        wrong.extend(
            wrong_arrows(room, &source)
                .iter()
                .map(|named| format!("{path}: {room} -> {named}")),
        );
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn only_the_store_knows_the_sdk() {
    let wrong: Vec<String> = files("shared/src")
        .into_iter()
        .chain(files("functions"))
        .filter(|(_, source)| source.contains("aws_sdk_dynamodb"))
        .map(|(path, _)| path)
        .filter(|path| !SDK.iter().any(|allowed| path.starts_with(allowed)))
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn only_the_bus_knows_the_sdk_of_events() {
    let naming: Vec<String> = ["shared", "functions", "local", "directory", "cli"]
        .into_iter()
        .flat_map(files)
        .filter(|(_, source)| source.contains("aws_sdk_eventbridge"))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(naming, [EVENTS_SDK]);
    let manifests: Vec<PathBuf> = std::fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .chain(["shared", "local", "directory", "cli"].map(|package| root().join(package)))
        .filter(|folder| {
            let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            manifest.contains("aws-sdk-eventbridge")
        })
        .collect();
    assert_eq!(manifests, [root().join("functions/publish-events")]);
}

#[test]
fn a_wrong_arrow_is_found() {
    for (room, source, found) in [
        ("lock", "use crate::id::Login;", &["id"][..]),
        ("dialect", "use crate::store::{Item, Row};", &["store"]),
        (
            "dialect",
            "fn f(caller: &crate::identity::Caller) {}",
            &["identity"],
        ),
        ("id", "use crate::{Clock, telemetry};", &["clock", "telemetry"]),
        ("store", "use crate::identity::Caller;", &["identity"]),
        ("attic", "", &["a room that is not in the list"]),
        ("store", "// crate::identity\nuse crate::lock::State;", &[]),
        (
            "lock",
            "use super::State;\n#[cfg(test)]\nmod t { use crate::id; }",
            &[],
        ),
    ] {
        assert_eq!(wrong_arrows(room, source), found, "{room}: {source}");
    }
}
