//! How the command ends: a code for scripts, and one line for people.

use std::io;
use std::process::ExitCode;

/// The exit codes, which scripts rely on. `docs/command.md` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// What was asked for is so.
    Done = 0,
    /// It failed, or was refused.
    Failed = 1,
    /// The command line is wrong, or a question cannot be asked because there is no terminal. clap ends so as well.
    Usage = 2,
    /// Someone else holds the lock, or the caller is held off from it.
    Held = 3,
    /// There is no sign-in that counts.
    NotSignedIn = 4,
    /// There is no such thing.
    NotFound = 5,
    /// `plan --detailed-exitcode` found changes to make.
    ChangesPlanned = 6,
    /// Unreachable or busy: the same command may well succeed in a moment.
    TryAgain = 75,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// How a command ends: with a code of its own, or with a failure.
pub(crate) type Ending = Result<Exit, Failure>;

/// Why a command does not do what it was asked for: the cause and what to do about it, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The code to end with.
    pub(crate) exit: Exit,
    /// What is shown on stderr after the command's name. Where it has text of others in it, `main` escapes that.
    pub(crate) message: String,
}

impl Failure {
    /// A failure with this exit code.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }

    /// A failure with exit code 1.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// A failure with exit code 2: the caller has to say something else.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// What a failed write to stdout means. A reader that has seen enough (`| head`) is not a failure, and gets no message.
    pub(crate) fn of_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Done, "");
        }
        Self::failed(format!("cannot write the output: {error}"))
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::failed(message)
    }
}
