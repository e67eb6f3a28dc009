//! The command `holdfast` as its user runs it, with a home of its own.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::{SECOND_FACTOR_KEY, World, command};

/// Somebody's shell: a home folder, and the address of a world's API. Nothing of it is a terminal.
#[derive(Debug)]
pub struct Terminal {
    home: TempDir,
    url: String,
}

/// How a run of the command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The exit code.
    pub code: i32,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Run {
    /// stdout, read as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }
}

impl Terminal {
    /// A shell before the API of `world`.
    pub fn new(world: &World) -> Self {
        Self::at(&world.url(""))
    }

    /// A shell before the API at this address.
    pub fn at(url: &str) -> Self {
        Self {
            home: tempfile::tempdir().expect("a folder"),
            url: url.to_owned(),
        }
    }

    /// The command with these arguments, ready to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command();
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("XDG_STATE_HOME", self.home.path().join("state"))
            .env("HOLDFAST_URL", &self.url);
        command
    }

    /// Runs the command with more in its environment, and `stdin`.
    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)], stdin: &str) -> Run {
        let mut child = self
            .command(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        // A command that does not read it may have ended by now.
        let _ = child.stdin.take().expect("stdin").write_all(stdin.as_bytes());
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Run {
            code: output.status.code().expect("an exit code"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs the command.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[], "")
    }

    /// Signs `login` in with the password and this code.
    ///
    /// # Panics
    /// Where that fails.
    pub fn sign_in(&self, login: &str, code: &str) {
        let arguments = ["login", login, "--password-stdin", "--code", code];
        let run = self.run_with(&arguments, &[], crate::PASSWORD);
        assert_eq!(run.code, 0, "{run:?}");
    }

    /// The file in which the only sign-in is kept.
    ///
    /// # Panics
    /// Where there is none, or more than one.
    pub fn kept(&self) -> PathBuf {
        let folder = self.home.path().join("state/holdfast");
        let mut files = std::fs::read_dir(folder).expect("a folder");
        let file = files.next().expect("a sign-in").expect("a file").path();
        assert!(files.next().is_none(), "one sign-in");
        file
    }

    /// The home folder.
    pub fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// Runs the commands one after the other, and shows them as a terminal would. What differs from run to run is replaced.
    pub fn session(&self, commands: &[&[&str]]) -> String {
        let mut shown = String::new();
        for arguments in commands {
            let run = self.run(arguments);
            self.show(&mut shown, arguments, &run);
        }
        shown
    }

    /// Adds a run to a session.
    pub fn show(&self, shown: &mut String, arguments: &[&str], run: &Run) {
        writeln!(shown, "$ holdfast {}", arguments.join(" ")).expect("a String takes all");
        shown.push_str(&self.steady(&run.stdout));
        for line in self.steady(&run.stderr).lines() {
            writeln!(shown, "! {line}").expect("a String takes all");
        }
        if run.code != 0 {
            writeln!(shown, "= {}", run.code).expect("a String takes all");
        }
    }

    /// The text with its address, ids of requests and times for people replaced; wide gaps become two blanks, because they
    /// depend on what was replaced.
    fn steady(&self, text: &str) -> String {
        let mut steady = String::new();
        for line in text.replace(&self.url, "[url]").lines() {
            let line = without_request(line);
            let indent = line.len() - line.trim_start().len();
            let cells: Vec<String> = line
                .split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .map(without_times)
                .collect();
            writeln!(steady, "{}{}", " ".repeat(indent), cells.join("  ")).expect("a String takes all");
        }
        steady
    }
}

/// The environment of an operator's shell, for the tables at `endpoint`.
pub fn operator_environment(endpoint: &str) -> Vec<(&str, &str)> {
    vec![
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("HOLDFAST_RESOURCES_TABLE", "holdfast-resources"),
        ("HOLDFAST_IDENTITY_TABLE", "holdfast-identity"),
        ("HOLDFAST_SECOND_FACTOR_KEYS", SECOND_FACTOR_KEY),
    ]
}

/// `"requestId":"[request]"`
fn without_request(line: &str) -> String {
    let Some((before, after)) = line.split_once("\"requestId\":") else {
        return line.to_owned();
    };
    let after = after.trim_start().strip_prefix('"').expect("a text");
    let (_, after) = after.split_once('"').expect("its end");
    format!("{before}\"requestId\":\"[request]\"{}", without_request(after))
}

/// `[time]` for `just now`, `3 min ago`, `in 9 min` and a day.
fn without_times(cell: &str) -> String {
    let words: Vec<&str> = cell.split(' ').collect();
    let (mut kept, mut rest) = (Vec::new(), words.as_slice());
    while let [word, more @ ..] = rest {
        let bare = word.trim_start_matches('(').trim_end_matches([',', ')', ';']);
        let is_count = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
        let taken = match more {
            [now, ..] if bare == "just" && now.starts_with("now") => 2,
            [_, ago, ..] if is_count(bare) && ago.starts_with("ago") => 3,
            [count, unit, ..] if bare == "in" && is_count(count) => {
                assert!(unit.len() <= 5, "{cell}");
                3
            }
            _ if bare.len() == 10 && bare.bytes().filter(|byte| *byte == b'-').count() == 2 => 1,
            _ => 0,
        };
        if taken == 0 {
            kept.push((*word).to_owned());
            rest = more;
            continue;
        }
        let (time, after) = rest.split_at(taken);
        let last = time.last().expect("a word");
        let end = &last[last.trim_end_matches([',', ')', ';', ':']).len()..];
        let begin = if word.starts_with('(') { "(" } else { "" };
        kept.push(format!("{begin}[time]{end}"));
        rest = after;
    }
    kept.join(" ")
}
