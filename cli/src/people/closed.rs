//! `people closed` and `people clear-lockout`: the count of guesses.

use clap::Args;
use holdfast::id::Login;
use serde_json::{Value, json};

use super::person::{attempts, closed_text, find, parse_login, standing_json, standings};
use crate::exit::{Ending, Exit};
use crate::output::Output;
use crate::tables::{Tables, now, of_store};

/// Who is closed out by guessing, from where and until when.
///
/// Five failures in a row close a login to one source for 15 minutes. A hundred wrong passwords or twenty wrong codes in a day
/// close it to everywhere that the user has not signed in from.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast people closed
  holdfast people closed --output json | jq -r '.[].login'")]
pub(super) struct Closed {}

/// Let someone sign in again who is closed out by guessing.
///
/// Every count of the login starts over, from all sources. Where the user has signed in from stays known.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast people clear-lockout alice")]
pub(super) struct ClearLockout {
    /// The person's login
    #[arg(value_parser = parse_login)]
    login: Login,
}

pub(super) async fn closed(_: &Closed, tables: &Tables, output: Output) -> Ending {
    let now = now();
    let mut rows = output.rows(&["LOGIN", "CLOSED TO"]);
    for (login, standing) in standings(tables).await? {
        if !standing.is_closed() {
            continue;
        }
        let mut json = standing_json(&standing);
        json.insert("login".to_owned(), login.as_str().into());
        rows.push(
            &Value::Object(json),
            &[login.to_string(), closed_text(&standing, now)],
        )?;
    }
    rows.finish()?;
    Ok(Exit::Done)
}

pub(super) async fn clear_lockout(clear: &ClearLockout, tables: &Tables, output: Output) -> Ending {
    let login = &clear.login;
    find(tables, login).await?;
    let mut cleared = 0;
    for (key, row) in attempts(tables).await? {
        if row.login() == login {
            tables.store.clear_attempts(&key).await.map_err(of_store)?;
            cleared += 1;
        }
    }
    output.thing(
        &json!({"login": login.as_str(), "cleared": cleared}),
        &[
            ("login", login.to_string()),
            ("counts that start over", cleared.to_string()),
        ],
    )?;
    Ok(Exit::Done)
}
