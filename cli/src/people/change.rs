//! `people disable`, `enable` and `revoke-sessions`.

use clap::Args;
use holdfast::id::{Kind, Login};
use holdfast::store::{PageRequest, RowWrite, TargetRow};
use serde_json::json;

use super::person::{Person, all, change, find, licences, parse_login};
use super::review::Review;
use crate::exit::{Ending, Exit, Failure};
use crate::output::{Output, note};
use crate::tables::{Tables, now, of_store};
use crate::terminal::confirm;

/// How many of the locks of one owner are named.
const NAMED: usize = 10;

/// Keep someone from signing in, and end their sessions at once.
///
/// Their locks stay, for them or a break to end. Where they own a live lock on an account, or are the last of their company who
/// may lock users, --force is needed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast people disable bob
  holdfast people disable bob --yes --output json")]
pub(super) struct Disable {
    /// The person's login
    #[arg(value_parser = parse_login)]
    login: Login,
    /// Also where others may be left who can no longer be helped
    #[arg(long)]
    force: bool,
    /// Do not ask to type the login
    #[arg(long)]
    yes: bool,
}

/// Let someone sign in again who was disabled
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast people enable bob")]
pub(super) struct Enable {
    /// The person's login
    #[arg(value_parser = parse_login)]
    login: Login,
}

/// End all sessions of someone, of every kind and at once.
///
/// They can sign in again. Where somebody else knows their secrets, change these: that ends the sessions, too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast people revoke-sessions bob")]
pub(super) struct RevokeSessions {
    /// The person's login
    #[arg(value_parser = parse_login)]
    login: Login,
}

pub(super) async fn disable(disable: &Disable, tables: &Tables, output: Output) -> Ending {
    let login = &disable.login;
    let person = find(tables, login).await?;
    if person.user.disabled {
        return done(output, login, "disabled", false);
    }
    let warnings = warnings(tables, &person).await?;
    for warning in &warnings {
        note(&format!("warning: {warning}"));
    }
    if !warnings.is_empty() && !disable.force {
        return Err(Failure::failed(format!(
            "{login} is not disabled: give --force to do so all the same"
        )));
    }
    let deed = format!(
        "This keeps {login} ({}) from signing in, and ends their sessions.",
        person.user.name
    );
    confirm(&deed, login.as_str(), disable.yes)?;
    let seen = change(tables, login, |person| {
        Ok(if person.user.disabled {
            Vec::new()
        } else {
            vec![RowWrite::disable(login, person.rev)]
        })
    });
    let was_disabled = seen.await?.user.disabled;
    done(output, login, "disabled", !was_disabled)
}

pub(super) async fn enable(enable: &Enable, tables: &Tables, output: Output) -> Ending {
    let login = &enable.login;
    let seen = change(tables, login, |person| {
        Ok(if person.user.disabled {
            vec![RowWrite::enable(login, person.rev)]
        } else {
            Vec::new()
        })
    });
    let was_disabled = seen.await?.user.disabled;
    done(output, login, "enabled", was_disabled)
}

pub(super) async fn revoke_sessions(revoke: &RevokeSessions, tables: &Tables, output: Output) -> Ending {
    let login = &revoke.login;
    change(tables, login, |person| {
        Ok(vec![RowWrite::revoke_sessions(login, person.rev)])
    })
    .await?;
    done(output, login, "signed out everywhere", true)
}

fn done(output: Output, login: &Login, state: &str, changed: bool) -> Ending {
    let shown = if changed {
        state.to_owned()
    } else {
        format!("{state} already")
    };
    output.thing(
        &json!({"login": login.as_str(), "changed": changed, "state": state}),
        &[("login", login.to_string()), ("now", shown)],
    )?;
    Ok(Exit::Done)
}

/// What may be stuck without this person.
async fn warnings(tables: &Tables, person: &Person) -> Result<Vec<String>, Failure> {
    let (user, now) = (&person.user, now());
    let mut warnings = Vec::new();
    let page = PageRequest {
        limit: NAMED,
        after: None,
    };
    let owner = user.login.to_owner();
    let held = tables
        .store
        .locks(&user.company, Kind::User, Some(&owner), &page, now)
        .await;
    let held = held.map_err(of_store)?.entries;
    if !held.is_empty() {
        let locked: Vec<String> = held
            .iter()
            .map(|row| TargetRow::target(row).to_string())
            .collect();
        warnings.push(format!("{} holds the lock on {}", user.login, locked.join(", ")));
    }
    let licences = licences(tables).await?.remove(&user.company).unwrap_or_default();
    let locks_users = |person: &Person| {
        Review::of(person, licences.clone())
            .locks
            .contains(&Kind::User.as_str())
    };
    if locks_users(person) {
        let others = all(tables, Some(&user.company)).await?;
        let mut others = others.iter().filter(|other| other.user.login != user.login);
        if !others.any(locks_users) {
            warnings.push(format!(
                "{} is the last of company {} who may lock and unlock users",
                user.login, user.company
            ));
        }
    }
    Ok(warnings)
}
