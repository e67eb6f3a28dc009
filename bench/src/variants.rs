//! What each choice buys: a function built or configured otherwise, beside the shipped one in the same run.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use crate::figures::{Figures, Table, digits, megabytes};
use crate::functions::Bench;
use crate::machine::Machine;
use crate::run::HELLO_WORLD;
use crate::subject::Subject;
use crate::{Failure, Output, Rounds, artifacts, root, scenario};

/// One choice made otherwise.
struct Variant {
    name: &'static str,
    /// Keys of the release profile, as the environment variables that set them, and others.
    environment: &'static [(&'static str, &'static str)],
    /// Text of a file that is replaced before the build.
    edits: &'static [(&'static str, &'static str, &'static str)],
    /// How it is started.
    started: Started,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Started {
    /// As it is shipped.
    AsShipped,
    /// Without a connection opened in INIT.
    NothingWarmed,
    /// With every authority that the system trusts.
    SystemTrust,
}

const SHIPPED: Variant = Variant {
    name: "as shipped",
    environment: &[],
    edits: &[],
    started: Started::AsShipped,
};

/// Where variants are built and kept.
const FOLDER: &str = "bench/target/variants";

const CURRENT_THREAD: &str = "flavor = \"current_thread\"";
const TRIMMED: &str = "default-features = false, features = [\"default-https-client\", \"rt-tokio\"]";

const VARIANTS: &[Variant] = &[
    SHIPPED,
    Variant {
        name: "no connection opened in INIT",
        started: Started::NothingWarmed,
        ..SHIPPED
    },
    Variant {
        name: "all authorities that the system trusts",
        started: Started::SystemTrust,
        ..SHIPPED
    },
    Variant {
        name: "multi-thread runtime",
        edits: &[
            (
                "functions/FUNCTION/src/main.rs",
                CURRENT_THREAD,
                "flavor = \"multi_thread\"",
            ),
            (
                "functions/FUNCTION/Cargo.toml",
                "tokio.workspace = true",
                "tokio = { workspace = true, features = [\"rt-multi-thread\"] }",
            ),
        ],
        ..SHIPPED
    },
    Variant {
        name: "the default chain of credentials",
        edits: &[(
            "shared/src/runtime/mod.rs",
            "if environment(\"AWS_ACCESS_KEY_ID\").is_some()",
            "if environment(\"NOT_SET\").is_some()",
        )],
        ..SHIPPED
    },
    Variant {
        name: "events of every level built in",
        edits: &[("Cargo.toml", ", \"release_max_level_info\"", "")],
        ..SHIPPED
    },
    Variant {
        name: "opt-level 3",
        environment: &[("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3")],
        ..SHIPPED
    },
    Variant {
        name: "opt-level z",
        environment: &[("CARGO_PROFILE_RELEASE_OPT_LEVEL", "z")],
        ..SHIPPED
    },
    Variant {
        name: "no LTO, 16 codegen units",
        environment: &[
            ("CARGO_PROFILE_RELEASE_LTO", "off"),
            ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
        ],
        ..SHIPPED
    },
    Variant {
        name: "panic = abort",
        environment: &[("CARGO_PROFILE_RELEASE_PANIC", "abort")],
        ..SHIPPED
    },
    Variant {
        name: "jitter entropy",
        environment: &[("AWS_LC_SYS_NO_JITTER_ENTROPY", "0")],
        ..SHIPPED
    },
    Variant {
        name: "the SDK's default features (two TLS stacks)",
        edits: &[
            (
                "Cargo.toml",
                "aws-config = { version = \"1.13\", DEFAULTS }",
                "aws-config = \"1.13\"",
            ),
            (
                "Cargo.toml",
                "aws-sdk-dynamodb = { version = \"1.136\", DEFAULTS }",
                "aws-sdk-dynamodb = \"1.136\"",
            ),
        ],
        ..SHIPPED
    },
];

#[derive(Serialize)]
struct Tried {
    machine: Machine,
    starts: usize,
    calls: usize,
    variants: Vec<Figures>,
}

/// Builds and measures the variants whose name has `only` in it, the shipped one, and `others` as they are.
pub async fn run(
    name: &str,
    rounds: Rounds,
    only: Option<&str>,
    others: &[PathBuf],
    reuse: bool,
    output: &Output,
) -> Result<(), Failure> {
    let function = scenario::function(name)?.name;
    let chosen = |variant: &&Variant| {
        let wanted = variant.name == SHIPPED.name || only.is_none_or(|part| variant.name.contains(part));
        let there = !variant.is_built_otherwise() || variant.kept(function).exists();
        wanted && (there || !reuse)
    };
    for variant in VARIANTS.iter().filter(chosen) {
        variant.check(function)?;
    }
    let mut subjects = vec![Subject {
        name: HELLO_WORLD.to_owned(),
        function,
        program: copied(&artifacts::hello_world()?)?,
        warm_connections: None,
        bundle: None,
    }];
    for variant in VARIANTS.iter().filter(chosen) {
        subjects.push(Subject {
            name: variant.name.to_owned(),
            function,
            program: variant.build(function, reuse)?,
            warm_connections: (variant.started == Started::NothingWarmed).then_some(0),
            bundle: None,
        });
    }
    let built = subjects.len();
    for binary in others {
        subjects.push(Subject {
            name: binary.display().to_string(),
            function,
            program: binary.clone(),
            warm_connections: None,
            bundle: None,
        });
    }
    let bench = Bench::start().await?;
    for (subject, variant) in subjects[1..built].iter_mut().zip(VARIANTS.iter().filter(chosen)) {
        if variant.started == Started::SystemTrust {
            subject.bundle = Some(bench.system_authorities()?);
        }
    }
    let samples = bench.measure(&subjects, rounds, None).await?;
    let mut variants = Vec::new();
    for (subject, samples) in subjects.iter().zip(&samples) {
        let sizes = artifacts::sizes(&subject.program)?;
        let warmed = subject.warm_connections.is_none();
        variants.push(Figures::of(&subject.name, warmed, samples, Some(sizes)));
    }
    let tried = Tried {
        machine: Machine::this(),
        starts: rounds.starts,
        calls: rounds.calls,
        variants,
    };
    let tables = format!(
        "{}\nMedians of {} starts with {} warm calls each. {}\n",
        table(function, &tried.variants),
        tried.starts,
        tried.calls,
        tried.machine.line()
    );
    output.write(&tried, &tables)
}

fn table(function: &str, variants: &[Figures]) -> String {
    let mut table = Table::new(&[
        function,
        "INIT ms",
        "× hello",
        "first call ms",
        "warm call ms",
        "CPU ms, INIT",
        "first",
        "warm",
        "peak memory MiB",
        "× hello",
        "binary MB",
        "zip MB",
    ]);
    let hello = &variants[0];
    for variant in variants {
        table.row([
            variant.name.clone(),
            digits(variant.init_ms),
            digits(variant.init_ms / hello.init_ms),
            digits(variant.first_ms),
            digits(variant.warm_ms),
            digits(variant.init_cpu_ms),
            digits(variant.first_cpu_ms),
            digits(variant.warm_cpu_ms),
            digits(variant.peak_memory_mib),
            digits(variant.peak_memory_mib / hello.peak_memory_mib),
            megabytes(variant.binary_bytes),
            megabytes(variant.zip_bytes),
        ]);
    }
    table.finish()
}

impl Variant {
    fn is_built_otherwise(&self) -> bool {
        !self.environment.is_empty() || !self.edits.is_empty()
    }

    /// An edit that no longer finds what it replaces is told before anything is built.
    fn check(&self, function: &str) -> Result<(), Failure> {
        for (file, old, _) in self.edits {
            let text = std::fs::read_to_string(root().join(in_folder_of(function, file)))?;
            if !text.contains(&written_out(old)) {
                return Err(format!("{}: {file} has no {old:?} in it any more", self.name).into());
            }
        }
        Ok(())
    }

    /// Where its binary is kept.
    fn kept(&self, function: &str) -> PathBuf {
        let name = format!("{function}-{}", self.name).replace([' ', '(', ')', ',', '\''], "-");
        root().join(FOLDER).join(name)
    }

    /// Builds the variant in a copy of the workspace: its binary.
    fn build(&self, function: &str, reuse: bool) -> Result<PathBuf, Failure> {
        let kept = self.kept(function);
        if !self.is_built_otherwise() {
            let built =
                artifacts::build_function(root(), &root().join("target"), function, &[], &["--locked"])?;
            // A copy like the others: how a file came to be written decides how fast its pages are mapped.
            std::fs::copy(built, &kept)?;
            return Ok(kept);
        }
        let folder = root().join(FOLDER);
        if reuse {
            return Ok(kept);
        }
        let workspace = folder.join("workspace");
        copy_workspace(&workspace)?;
        for (file, old, new) in self.edits {
            let path = workspace.join(in_folder_of(function, file));
            let text = std::fs::read_to_string(&path)?;
            std::fs::write(&path, text.replace(&written_out(old), new))?;
        }
        let environment: Vec<(String, String)> = self
            .environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        // Other features may need other packages, so the lock file is not held.
        let built =
            artifacts::build_function(&workspace, &folder.join("target"), function, &environment, &[])?;
        std::fs::copy(built, &kept)?;
        Ok(kept)
    }
}

fn copied(binary: &Path) -> Result<PathBuf, Failure> {
    let folder = root().join(FOLDER);
    std::fs::create_dir_all(&folder)?;
    let copy = folder.join(HELLO_WORLD);
    std::fs::copy(binary, &copy)?;
    Ok(copy)
}

/// The file of an edit; `FUNCTION` stands for the function's folder.
fn in_folder_of(function: &str, file: &str) -> String {
    file.replace("FUNCTION", function)
}

/// The text of an edit; `DEFAULTS` stands for how the AWS crates are trimmed.
fn written_out(text: &str) -> String {
    text.replace("DEFAULTS", TRIMMED)
}

/// A fresh copy of what the repository tracks, without the benchmarks.
fn copy_workspace(to: &Path) -> Result<(), Failure> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()?;
    if !listed.status.success() {
        return Err("the variants are built from a git checkout, and this is none".into());
    }
    for file in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        if file.starts_with("bench/") {
            continue;
        }
        let copy = to.join(file);
        let parent = copy.parent().ok_or("a file lies in a folder")?;
        std::fs::create_dir_all(parent)?;
        std::fs::copy(root().join(file), &copy)?;
    }
    Ok(())
}
