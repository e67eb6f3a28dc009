//! Words that a reader has to read twice are not in the code, the documents or the messages.

use std::path::{Path, PathBuf};

/// Each with what to say in its place.
const AVOID: &[(&str, &str)] = &[
    ("anew", "again"),
    ("meanwhile", "since, in between"),
    ("whom", "name the subject"),
    ("himself", "your own, their own"),
    ("whoever", "name the subject"),
    (" is no ", "is not a"),
    (" are no ", "are not"),
    (" stands", "is, appears, means"),
    ("nobody locks", "you cannot lock"),
    ("to the letter", "character by character"),
    ("none but", "only"),
];

const PLACES: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs",
    "events/README.md",
    "template.yaml",
    "shared/src",
    "functions",
    "directory/src",
    "local/src",
    "cli/src",
];

fn texts(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            texts(&entry.unwrap().path(), found);
        }
    } else if path
        .extension()
        .is_some_and(|extension| ["md", "rs", "yaml"].iter().any(|known| extension == *known))
    {
        found.push(path.to_owned());
    }
}

/// The lines of a text with a word to avoid. `is no longer` and `there is no` are plain.
fn faults(text: &str) -> Vec<(usize, &'static str)> {
    let lines = text.lines().enumerate();
    lines
        .flat_map(|(number, line)| {
            let line = line
                .to_lowercase()
                .replace("no longer", "")
                .replace("there is no", "")
                .replace("there are no", "");
            AVOID
                .iter()
                .filter(move |(word, _)| line.contains(word))
                .map(move |(word, _)| (number + 1, *word))
        })
        .collect()
}

#[test]
fn sentences_are_plain() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = Vec::new();
    for place in PLACES {
        texts(&root.join(place), &mut paths);
    }
    let mut found = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        found.extend(
            faults(&text)
                .into_iter()
                .map(|(line, word)| format!("{name}:{line}: '{}'", word.trim())),
        );
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_word_to_avoid_is_found() {
    assert_eq!(
        faults("A lock.\nNobody locks himself out."),
        [(2, "himself"), (2, "nobody locks")]
    );
    assert_eq!(faults("It is no longer there."), []);
}
