//! The small models and the mutants of the model, in seconds. `cargo run --profile proof -p holdfast-proof -- model` has the
//! large ones.

use std::collections::BTreeSet;

use holdfast_proof::model::{LARGE, Protocol, RULES, SMALL, WITNESSES, check};
use holdfast_proof::mutants::{IN_PROCESS, PATCHED};

/// Every rule holds in every state of every small model, and whatever a model is to show is seen in it.
#[test]
fn the_small_models_hold() {
    let mut failures = Vec::new();
    for configuration in SMALL {
        let report = check(configuration, Protocol::SHIPPED, 1);
        println!("{report}");
        if !report.holds() {
            failures.push(report.to_string());
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// No rule holds for want of a case: a small model shows what puts it to the test.
#[test]
fn every_rule_is_put_to_the_test() {
    let shown: BTreeSet<_> = SMALL.iter().flat_map(|model| model.shows).collect();
    for (rule, name, witness) in RULES {
        assert!(
            shown.contains(witness),
            "{rule:?}, {name}: no small model shows {witness:?}"
        );
    }
    for (witness, name) in WITNESSES {
        assert!(
            shown.contains(witness),
            "no small model shows {witness:?}: {name}"
        );
    }
}

#[test]
fn every_mutant_of_the_model_is_found() {
    let mut survivors = Vec::new();
    for mutant in IN_PROCESS {
        let trial = mutant.try_out();
        println!(
            "{:<40} {:>8} states {:.2} s",
            trial.name,
            trial.states.unwrap_or_default(),
            trial.seconds
        );
        if !trial.found {
            survivors.push(format!(
                "{}: {} holds, {:#?}",
                trial.name, trial.check, trial.evidence
            ));
        }
    }
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}

/// A rule that no mutant breaks may be one that nothing can break.
#[test]
fn every_rule_is_broken_by_a_mutant() {
    let broken: BTreeSet<_> = IN_PROCESS.iter().map(|mutant| mutant.rule).collect();
    // Two guards, in `decide` and in the condition, keep an acknowledged lock; whatever ends it breaks `OwnerOnly` as well.
    for (rule, name, _) in RULES {
        assert!(broken.contains(rule), "no mutant breaks {rule:?}: {name}");
    }
}

#[test]
fn the_table_has_every_known_bug() {
    let names: Vec<&str> = IN_PROCESS
        .iter()
        .map(|mutant| mutant.name)
        .chain(PATCHED.iter().map(|mutant| mutant.name))
        .collect();
    let distinct: BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
    assert!(names.len() >= 30, "{}", names.len());
    let origins: Vec<&str> = IN_PROCESS
        .iter()
        .map(|mutant| mutant.origin)
        .chain(PATCHED.iter().map(|mutant| mutant.origin))
        .collect();
    for bug in [
        "dynamolock#280",
        "aws-sdk-java#2667",
        "ShedLock",
        "dynamodb_lock 0.6.1",
        "terraform#32690",
        "delete the row",
        "amazon-dynamodb-lock-client#44",
        "dyndb-mutex#14",
    ] {
        assert!(origins.iter().any(|origin| origin.contains(bug)), "{bug}");
    }
}

/// A mutant of the text that has lost its place breaks nothing, which would be seen at night only.
#[test]
fn each_mutant_of_the_text_has_its_place() {
    for mutant in PATCHED {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../").to_owned() + mutant.file;
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.matches(mutant.search).count(), 1, "{}: {file}", mutant.name);
    }
}

/// The names choose a model in `--only` and in the table of mutants.
#[test]
fn no_two_models_have_one_name() {
    let names: BTreeSet<_> = SMALL.iter().chain(LARGE).map(|model| model.name).collect();
    assert_eq!(names.len(), SMALL.len() + LARGE.len());
}
