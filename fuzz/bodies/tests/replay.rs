//! The corpus and everything that the fuzzer has ever found, once more.

use std::path::{Path, PathBuf};

use holdfast_fuzz_bodies::TARGETS;

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|file| file.is_file());
    files
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn nothing_of_the_corpus_panics() {
    for (name, body) in TARGETS {
        let corpus = files(&root().join("corpus").join(name));
        assert!(corpus.len() >= 3, "{name} has a corpus of {}", corpus.len());
        for file in corpus {
            println!("{}", file.display());
            body(&std::fs::read(file).unwrap());
        }
    }
}

#[test]
fn nothing_that_was_found_panics_again() {
    for (name, body) in TARGETS {
        for file in files(&root().join("crashes").join(name)) {
            println!("{}", file.display());
            body(&std::fs::read(file).unwrap());
        }
    }
}

#[test]
fn no_event_of_the_samples_panics() {
    let events = files(&root().join("../events"));
    assert!(events.len() > 30);
    for file in events {
        println!("{}", file.display());
        let event = std::fs::read(file).unwrap();
        for (_, body) in TARGETS {
            body(&event);
        }
    }
}

#[test]
fn each_target_has_its_program() {
    let programs: Vec<String> = files(&root().join("fuzz_targets"))
        .iter()
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(programs, names);
}

/// A few thousand inputs that the corpus is a step or two away from, the same in each run: what a fuzzer would try first.
#[test]
fn small_changes_of_the_corpus_do_not_panic() {
    const EACH: u64 = 64;
    let mut state = 7_u64;
    let mut below = move |bound: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound.max(1)
    };
    for (name, body) in TARGETS {
        for file in files(&root().join("corpus").join(name)) {
            let seed = std::fs::read(&file).unwrap();
            for _ in 0..EACH {
                let mut input = seed.clone();
                for _ in 0..=below(3) {
                    let at = below(input.len());
                    match below(5) {
                        0 => input.truncate(at),
                        1 => input.insert(at.min(input.len()), b"<>&\"{}[]:;,= \n\0\xff"[below(16)]),
                        2 if !input.is_empty() => drop(input.remove(at)),
                        3 if !input.is_empty() => input[at] ^= 1 << below(8),
                        _ => {
                            let part = input[at.min(input.len())..].to_vec();
                            let to = below(input.len());
                            input.splice(to..to, part);
                        }
                    }
                }
                println!("{name}: {:?}", String::from_utf8_lossy(&input));
                body(&input);
            }
        }
    }
}
