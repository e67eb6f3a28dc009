//! Which statuses of which operations a run of the tests has seen.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use crate::Document;

/// What no operation takes.
pub const ANY_OTHER: &str = "(any other request)";

/// The folder where each process of a run writes down what it sees; nothing is written without it.
pub const FOLDER: &str = "API_COVERAGE";

/// Notes `<method> <path> <status>`.
pub(crate) fn note(seen: &str) {
    static SEEN: OnceLock<Mutex<HashSet<String>>> = OnceLock::new();
    let mut known = SEEN.get_or_init(Mutex::default).lock().expect("a lock");
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    if known.insert(seen.to_owned()) {
        let path = Path::new(&folder).join(std::process::id().to_string());
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        writeln!(file.expect("a file for what is seen"), "{seen}").expect("a line");
    }
}

/// All that the processes of a run have written down.
pub fn seen(folder: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).expect("the folder of the run");
    let texts = files.map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a text"));
    texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// What the document has: each route with its statuses.
pub fn documented() -> BTreeMap<String, Vec<String>> {
    let operations = Document::served().operations();
    let mut all: BTreeMap<String, Vec<String>> = operations
        .iter()
        .map(|operation| {
            let statuses = operation.value["responses"].as_object().expect("responses");
            (operation.key(), statuses.keys().cloned().collect())
        })
        .collect();
    all.insert(ANY_OTHER.to_owned(), vec!["404".to_owned(), "405".to_owned()]);
    all
}

/// A table of routes by statuses, with `[…]` around what was not seen, and how many those are.
pub fn table(seen: &BTreeSet<String>) -> (String, usize) {
    let (mut table, mut gaps) = (String::new(), 0);
    for (route, statuses) in documented() {
        let _ = write!(table, "{route:<72}");
        for status in statuses {
            let is_seen = seen.contains(&format!("{route} {status}"));
            gaps += usize::from(!is_seen);
            let _ = if is_seen {
                write!(table, "  {status} ")
            } else {
                write!(table, " [{status}]")
            };
        }
        table.push('\n');
    }
    (table, gaps)
}
