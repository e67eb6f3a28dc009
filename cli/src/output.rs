//! What a command shows: data on stdout, in the form that was asked for.
//!
//! A command makes one [`Output`] and shows one thing ([`Output::thing`]) or a list ([`Output::rows`]). JSON has the API's names
//! and RFC 3339 times; a table has what people want to know. Everything else (notes, questions, progress) goes to stderr.

use std::io::{self, Write};

use clap::ValueEnum;
use console::{measure_text_width, style, truncate_str};
use serde::Serialize;

use crate::exit::Failure;
use crate::text::{clean, clean_json};

/// The forms of the data on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // For people: aligned columns that fit the terminal. With doc comments, every `--help` would list the three.
    #[default]
    Table,
    // One document.
    Json,
    // One object a line, each as soon as it is known.
    Ndjson,
}

/// Where a command's data goes, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
    /// The columns of the terminal; `None` where stdout is not one, and nothing needs to fit.
    width: Option<usize>,
}

impl Output {
    /// stdout, in this form.
    pub(crate) fn new(format: Format) -> Self {
        let term = console::Term::stdout();
        let width = term.is_term().then(|| usize::from(term.size().1));
        Self { format, width }
    }

    /// Whether it is read by a person.
    pub(crate) const fn is_for_people(self) -> bool {
        matches!(self.format, Format::Table)
    }

    /// Shows one thing: in a table its facts, one a line under their names; else its JSON.
    pub(crate) fn thing(self, value: &impl Serialize, facts: &[(&str, String)]) -> Result<(), Failure> {
        match self.format {
            Format::Table => {
                let widest = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
                let lines = facts
                    .iter()
                    .filter(|(_, fact)| !fact.is_empty())
                    .map(|(name, fact)| {
                        format!(
                            "{}{}  {}",
                            bold(name),
                            " ".repeat(widest - name.len()),
                            clean(fact)
                        )
                    });
                print(lines)
            }
            Format::Json => print([pretty(value)?]),
            Format::Ndjson => print([line(value)?]),
        }
    }

    /// Shows a document that is JSON in every form.
    pub(crate) fn document(self, value: &impl Serialize) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Json => print([pretty(value)?]),
            Format::Ndjson => print([line(value)?]),
        }
    }

    /// Begins a list under these headings. Nothing is shown before [`Rows::finish`], unless the form is `ndjson`.
    pub(crate) const fn rows(self, headings: &'static [&'static str]) -> Rows {
        Rows {
            output: self,
            headings,
            cells: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Shows a row of a list without an end at once: in a table its cells, else a line of JSON, also where the form is `json`.
    pub(crate) fn live(self, value: &impl Serialize, cells: &[String]) -> Result<(), Failure> {
        match self.format {
            Format::Table => {
                let cells: Vec<String> = cells.iter().map(|cell| clean(cell)).collect();
                print([cut(cells.join("  ").trim_end(), self.width)])
            }
            Format::Json | Format::Ndjson => print([line(value)?]),
        }
    }
}

/// A list that is being shown.
#[derive(Debug)]
pub(crate) struct Rows {
    output: Output,
    headings: &'static [&'static str],
    cells: Vec<Vec<String>>,
    values: Vec<serde_json::Value>,
}

impl Rows {
    /// Adds a row: its JSON, and a cell for each heading.
    pub(crate) fn push(&mut self, value: &impl Serialize, cells: &[String]) -> Result<(), Failure> {
        self.push_lines(value, &[cells.to_vec()])
    }

    /// Adds a row that takes several lines of a table.
    pub(crate) fn push_lines(
        &mut self,
        value: &impl Serialize,
        lines: &[Vec<String>],
    ) -> Result<(), Failure> {
        match self.output.format {
            Format::Table => {
                let clean = |line: &Vec<String>| line.iter().map(|cell| clean(cell)).collect();
                self.cells.extend(lines.iter().map(clean));
            }
            Format::Json => self
                .values
                .push(serde_json::to_value(value).map_err(unserializable)?),
            Format::Ndjson => print([line(value)?])?,
        }
        Ok(())
    }

    /// Shows the list. Of a table without rows only its headings are left.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self.output.format {
            Format::Table => print(table(self.headings, &self.cells, self.output.width)),
            Format::Json => print([pretty(&self.values)?]),
            Format::Ndjson => Ok(()),
        }
    }
}

/// Says something to the person at the terminal, on stderr.
pub(crate) fn note(text: &str) {
    // Where stderr is closed nobody is there to be told.
    let _ = writeln!(io::stderr(), "{}", crate::text::clean_lines(text));
}

/// The lines of a table. The widest columns are cut until it fits; the first, which says what a row is about, at last.
fn table(headings: &[&str], rows: &[Vec<String>], width: Option<usize>) -> Vec<String> {
    const GAP: usize = 2;
    const LEAST: usize = 5;
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(measure_text_width(cell));
        }
    }
    if let Some(width) = width {
        let room = width.saturating_sub(GAP * headings.len().saturating_sub(1));
        while widths.iter().sum::<usize>() > room {
            let Some((first, others)) = widths.split_first_mut() else {
                break;
            };
            match others.iter_mut().max().filter(|widest| **widest > LEAST) {
                Some(widest) => *widest -= 1,
                None if *first > LEAST => *first -= 1,
                None => break,
            }
        }
    }
    let lay = |cells: &[String]| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            let cell = truncate_str(cell, *width, "…");
            let gap = width.saturating_sub(measure_text_width(&cell)) + GAP;
            text.push_str(&cell);
            text.push_str(&" ".repeat(gap));
        }
        text.trim_end().to_owned()
    };
    let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let mut lines = vec![bold(&lay(&headings))];
    lines.extend(rows.iter().map(|row| lay(row)));
    lines
}

/// Bold on a terminal with colours; `NO_COLOR` and `TERM=dumb` say that it is none.
fn bold(text: &str) -> String {
    style(text).for_stdout().bold().to_string()
}

fn cut(text: &str, width: Option<usize>) -> String {
    width.map_or_else(
        || text.to_owned(),
        |width| truncate_str(text, width, "…").into_owned(),
    )
}

fn pretty(value: &impl Serialize) -> Result<String, Failure> {
    let json = serde_json::to_string_pretty(value).map_err(unserializable)?;
    Ok(clean_json(&json))
}

fn line(value: &impl Serialize) -> Result<String, Failure> {
    let json = serde_json::to_string(value).map_err(unserializable)?;
    Ok(clean_json(&json))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unserializable(error: serde_json::Error) -> Failure {
    Failure::failed(format!("a defect: {error}"))
}

fn print(lines: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}").map_err(|error| Failure::of_output(&error))?;
    }
    out.flush().map_err(|error| Failure::of_output(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter()
            .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
            .collect()
    }

    #[test]
    fn a_table_is_as_wide_as_what_is_in_it() {
        let rows = rows(&[&["device/ID5", "alice", "x"], &["user/名前", "bob", ""]]);
        assert_eq!(
            table(&["TARGET", "OWNER", "T"], &rows, None),
            ["TARGET      OWNER  T", "device/ID5  alice  x", "user/名前   bob"]
        );
    }

    #[test]
    fn a_table_on_a_terminal_fits() {
        let rows = rows(&[&[
            "activity-session/00000000-0000-4000-8000-000000000001",
            "alice",
            "Maintenance of the whole site",
        ]]);
        for width in [24, 40, 60, 79] {
            for line in table(&["TARGET", "OWNER", "TITLE"], &rows, Some(width)) {
                assert!(measure_text_width(&line) <= width, "{width}: {line}");
            }
        }
        assert_eq!(
            table(&["TARGET", "OWNER", "TITLE"], &rows, Some(72)),
            [
                "TARGET                                                 OWNER  TITLE",
                "activity-session/00000000-0000-4000-8000-000000000001  alice  Maintenan…"
            ]
        );
    }
}
