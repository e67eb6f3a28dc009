//! The mutants of the product's text: a copy of the tree is changed in one place, and a named test must fail in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::mutant::{PatchedMutant, Trial};

/// Every mutant of the text.
pub const PATCHED: &[PatchedMutant] = &[
    PatchedMutant {
        name: "time to live in milliseconds",
        breaks: "the time to live is in milliseconds: rows stay for 50,000 years",
        origin: "dyndb-mutex#14",
        file: "shared/src/lock/timestamp.rs",
        search: "self.0.div_euclid(1_000) + (self.0.rem_euclid(1_000) != 0) as i64",
        replacement: "self.0",
        binary: "it",
        test: "sdm_session::an_expired_session_stays_dead_even_while_its_row_is_there",
    },
    PatchedMutant {
        name: "one token for all transactions",
        breaks: "every transaction has the same client token",
        origin: "client request tokens that outlive their request",
        file: "shared/src/store/transact.rs",
        search: "Uuid::new_v4()",
        replacement: "Uuid::nil()",
        binary: "it",
        test: "session_lock::r200_every_scope_by_itself_lock_and_unlock",
    },
    PatchedMutant {
        name: "history with gaps",
        breaks: "each change raises the number of changes by two",
        origin: "a record that is missing without anyone noticing",
        file: "shared/src/store/update.rs",
        search: "update.value(\":one\", n(1));",
        replacement: "update.value(\":one\", n(2));",
        binary: "it",
        test: "history::every_change_of_a_device_is_recorded_in_order_and_touches_are_not",
    },
    PatchedMutant {
        name: "epoch ignored by the service",
        breaks: "a function writes as if its tables had never been put back",
        origin: "a restored table gives out fences that systems have seen",
        file: "shared/src/store/mod.rs",
        search: "Self { epoch, ..self }",
        replacement: "Self { epoch: Epoch::new(epoch.get() & 0).unwrap_or(epoch), ..self }",
        binary: "it",
        test: "restore::an_older_data_file_goes_on_above_every_fence_that_was_given_out",
    },
    PatchedMutant {
        name: "own write not recognised by the service",
        breaks: "the second send of a write that was made is decided again",
        origin: "dynamolock#280, aws-sdk-java#2667",
        file: "shared/src/lock/turn.rs",
        search: "if is_own_write(&change, found, me) {",
        replacement: "if false && is_own_write(&change, found, me) {",
        binary: "it",
        test: "races::a_lost_answer_is_no_conflict",
    },
    PatchedMutant {
        name: "attempts unwatched",
        breaks: "nobody sees that an attempt ended in a timeout",
        origin: "an earlier version",
        file: "shared/src/store/attempt_watch.rs",
        search: "self.0.ambiguous.load(Ordering::SeqCst)",
        replacement: "self.0.ambiguous.load(Ordering::SeqCst) && false",
        binary: "it",
        test: "late_writes::a_renewal_is_not_made_twice",
    },
    PatchedMutant {
        name: "own release overlooked",
        breaks: "a lock that meets its owner's own unlock is taken again",
        origin: "an earlier version",
        file: "shared/src/lock/turn.rs",
        search: "changed_by_caller && found.by != seen.by && found.state.is_released()",
        replacement: "false && changed_by_caller && found.by != seen.by",
        binary: "model",
        test: "turn::a_lock_that_meets_its_owners_own_unlock_is_not_taken_again",
    },
    PatchedMutant {
        name: "lease never read",
        breaks: "the lease on a row is not read: it never runs out",
        origin: "dynamodb_lock 0.6.1",
        file: "shared/src/store/record.rs",
        search: "until: row.optional_timestamp(\"lock_until\")?,",
        replacement: "until: None,",
        binary: "it",
        test: "sdm_action::a_lease_runs_out_to_the_millisecond_and_is_taken_over_at_once",
    },
    PatchedMutant {
        name: "actor unchecked by the service",
        breaks: "a lock on an account is written without the check of the actor's",
        origin: "a check before the write instead of in it",
        file: "shared/src/store/locking.rs",
        search: "Some(actor) => self.write_with_check(target, update, actor, call.now).await,",
        replacement: "Some(_) => self.write(target, update, watch).await,",
        binary: "it",
        test: "somebody_can_act::a_caller_who_is_locked_on_the_way_locks_nobody",
    },
    PatchedMutant {
        name: "conflicts not waited out",
        breaks: "a conflict with another transaction is a 503 at once",
        origin: "the SDK's standard retries",
        file: "shared/src/store/transact.rs",
        search: "Cancelled::Conflict if retries.again().await => {}",
        replacement: "Cancelled::Conflict if false && retries.again().await => {}",
        binary: "it",
        test: "somebody_can_act::conflicts_on_the_check_are_tried_again_for_two_seconds",
    },
    PatchedMutant {
        name: "refusal in other words",
        breaks: "a dialect answers somebody else's lock with 409 instead of the 423 of its contract",
        origin: "the contract of Session Delivery Manager",
        file: "shared/src/dialect/sdm.rs",
        search: "Self::Locked(_) | Self::HeldOff(..) => StatusCode::LOCKED",
        replacement: "Self::Locked(_) | Self::HeldOff(..) => StatusCode::CONFLICT",
        binary: "it",
        test: "sdm_action::r423_for_lock_and_unlock_alike_naming_the_holder",
    },
    PatchedMutant {
        name: "own write of a directory overlooked",
        breaks: "an entry whose write was made, and whose answers were lost, is said to be somebody else's change",
        origin: "dynamolock#280, aws-sdk-java#2667",
        file: "directory/src/outcome.rs",
        search: "(Some(after), Some(now)) if fields(after) == fields(&now.entry) => return Outcome::Done,",
        replacement: "(Some(after), Some(now)) if false && fields(after) == fields(&now.entry) => return Outcome::Done,",
        binary: "it",
        test: "cli_directory::a_write_whose_answers_are_all_lost_is_recognised",
    },
    PatchedMutant {
        name: "changes of others overwritten",
        breaks: "an entry that somebody else has changed since it was planned is written over",
        origin: "a plan that is old when it is applied",
        file: "directory/src/outcome.rs",
        search: "step.after.is_some() && is_as_seen(step.before.as_ref(), now.as_ref(), &fields)",
        replacement: "step.after.is_some()",
        binary: "it",
        test: "cli_directory::a_row_that_someone_else_changes_is_refused_and_named_and_the_others_are_written",
    },
];

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Why the mutants could not be tried.
pub type Fault = Box<dyn std::error::Error>;

/// A copy of the tree, with a target folder of its own beside it.
pub struct Copy {
    tree: PathBuf,
    target: PathBuf,
}

impl Copy {
    /// Copies what Git knows of the tree to `target/mutants`.
    pub fn make() -> Result<Self, Fault> {
        let folder = Path::new(ROOT).join("target/mutants");
        let copy = Self {
            tree: folder.join("tree"),
            target: folder.join("target"),
        };
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(ROOT)
            .output()?;
        let names = String::from_utf8(listed.stdout)?;
        if names.is_empty() {
            return Err("git lists no files".into());
        }
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            let from = Path::new(ROOT).join(name);
            if from.is_file() {
                update(&copy.tree.join(name), &fs::read(&from)?)?;
                fs::set_permissions(copy.tree.join(name), fs::metadata(from)?.permissions())?;
            }
        }
        Ok(copy)
    }

    /// Patches the copy, runs the test, and puts the copy back.
    pub fn try_out(&self, mutant: &PatchedMutant) -> Result<Trial, Fault> {
        let began = Instant::now();
        let file = self.tree.join(mutant.file);
        let original = fs::read_to_string(&file)?;
        if original.matches(mutant.search).count() != 1 {
            return Err(format!("{}: {} does not have the text once", mutant.name, mutant.file).into());
        }
        fs::write(&file, original.replace(mutant.search, mutant.replacement))?;
        let run = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
            // Of the whole workspace: with its features everything is built once.
            .args(["test", "--locked", "--workspace", "--test", mutant.binary])
            .args(["--", mutant.test])
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("INSTA_UPDATE", "no")
            .output();
        fs::write(&file, &original)?;
        let run = run?;
        let output = String::from_utf8_lossy(&run.stdout);
        let failed: Vec<String> = output
            .lines()
            .filter(|line| line.starts_with("test ") && line.ends_with("FAILED"))
            .map(str::to_owned)
            .collect();
        // What does not compile is not found by its test.
        let has_run = output.contains("test result:");
        let last = |text: &str| text.lines().rev().take(10).map(str::to_owned).collect::<Vec<_>>();
        Ok(Trial {
            name: mutant.name,
            breaks: mutant.breaks,
            origin: mutant.origin,
            check: mutant.test.to_owned(),
            found: has_run && !failed.is_empty(),
            seconds: began.elapsed().as_secs_f64(),
            states: None,
            evidence: if has_run {
                failed
            } else {
                last(&String::from_utf8_lossy(&run.stderr))
            },
        })
    }
}

/// Writes the file where it differs: Cargo goes by the time of the last change.
fn update(path: &Path, content: &[u8]) -> Result<(), Fault> {
    if fs::read(path).is_ok_and(|found| found == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)?;
    Ok(())
}
