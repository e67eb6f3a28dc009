//! Questions to the person at the terminal. All go to stderr; without a terminal none is asked.

use std::io::{self, IsTerminal, Read, Write};

use console::Term;

use crate::exit::{Exit, Failure};
use crate::secret::Secret;
use crate::text::clean;

/// Whether someone can be asked: both what is typed and the question pass through a terminal.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a line. `otherwise` says how to give it where nobody can be asked.
pub(crate) fn ask(question: &str, otherwise: &str) -> Result<String, Failure> {
    put(question, otherwise)?;
    let line = Term::stderr().read_line().map_err(|error| unreadable(&error))?;
    Ok(line.trim().to_owned())
}

/// Asks for a line that is not shown.
pub(crate) fn ask_secret(question: &str, otherwise: &str) -> Result<Secret, Failure> {
    put(question, otherwise)?;
    let line = Term::stderr()
        .read_secure_line()
        .map_err(|error| unreadable(&error))?;
    Ok(Secret::new(line))
}

/// Goes on only where `yes` was given, or the person types the name of what is to be destroyed. `deed` says what is about
/// to happen: `Breaking this lock ends bob's work.`
pub(crate) fn confirm(deed: &str, name: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    crate::output::note(deed);
    let typed = ask(&format!("Type {name} to go on: "), "--yes")?;
    if typed == name {
        return Ok(());
    }
    Err(Failure::failed("nothing was changed: that is not its name"))
}

/// All of stdin as one secret, without the line's end.
pub(crate) fn secret_from_stdin() -> Result<Secret, Failure> {
    let mut text = String::new();
    // No secret is longer than a request may be.
    io::stdin()
        .take(64 * 1024)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(&error))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

fn put(question: &str, otherwise: &str) -> Result<(), Failure> {
    if !is_interactive() {
        let what = question.trim_end_matches([':', ' ']);
        return Err(Failure::usage(format!(
            "this is not a terminal, so nobody can answer \"{what}\": give {otherwise}"
        )));
    }
    let mut err = io::stderr();
    write!(err, "{}", clean(question))
        .and_then(|()| err.flush())
        .map_err(|error| unreadable(&error))
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot read the answer: {error}"))
}
