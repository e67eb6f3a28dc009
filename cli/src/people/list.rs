//! `people list`

use clap::Args;
use holdfast::id::Company;

use super::person::{all, closed_text, licences, standings};
use super::review::Review;
use crate::companies::parse_company;
use crate::exit::{Ending, Exit};
use crate::output::Output;
use crate::tables::{Tables, now};
use crate::text::human;

/// List people, and with --privileges what they may do.
///
/// The access review says of everyone who can sign in what they may lock, whether they may break locks and read the history,
/// what their second factor is, and when they last signed in (as far as 31 days back).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast people list
  holdfast people list --company 1 --output ndjson | jq -r .login
  holdfast people list --privileges
  holdfast people list --privileges --output json | jq '.[] | select(.secondFactor != \"yes\")'")]
pub(super) struct List {
    /// Only people of this company
    #[arg(long, value_name = "ID", value_parser = parse_company)]
    company: Option<Company>,
    /// An access review: what each person may do
    #[arg(long)]
    privileges: bool,
}

pub(super) async fn list(list: &List, tables: &Tables, output: Output) -> Ending {
    let people = all(tables, list.company.as_ref()).await?;
    let standings = standings(tables).await?;
    let now = now();
    let signed_in = |login| {
        let standing = standings.get(login).and_then(|standing| standing.last_sign_in);
        standing.map_or_else(String::new, |at| human(at, now))
    };
    if list.privileges {
        let licences = licences(tables).await?;
        let mut rows = output.rows(&[
            "LOGIN",
            "COMPANY",
            "STATE",
            "LOCKS",
            "BREAKS",
            "HISTORY",
            "2ND FACTOR",
            "LAST SIGN-IN",
        ]);
        for person in &people {
            let review = Review::of(
                person,
                licences.get(&person.user.company).cloned().unwrap_or_default(),
            );
            let yes = |is: bool| if is { "yes".to_owned() } else { String::new() };
            rows.push(
                &review.json(person, standings.get(&person.user.login)),
                &[
                    person.user.login.to_string(),
                    person.user.company.to_string(),
                    person.state().to_owned(),
                    review.locks.join(", "),
                    yes(review.breaks),
                    yes(review.reads_history),
                    person.second_factor().to_owned(),
                    signed_in(&person.user.login),
                ],
            )?;
        }
        rows.finish()?;
        return Ok(Exit::Done);
    }
    let mut rows = output.rows(&[
        "LOGIN",
        "NAME",
        "COMPANY",
        "STATE",
        "LOCKED BY",
        "CLOSED TO",
        "LAST SIGN-IN",
    ]);
    for person in &people {
        let user = &person.user;
        let standing = standings.get(&user.login);
        rows.push(
            &person.json(standing, now),
            &[
                user.login.to_string(),
                user.name.clone(),
                user.company.to_string(),
                person.state().to_owned(),
                user.lock
                    .state
                    .live(now)
                    .map_or_else(String::new, |lock| lock.owner.as_str().to_owned()),
                standing.map_or_else(String::new, |standing| closed_text(standing, now)),
                signed_in(&user.login),
            ],
        )?;
    }
    rows.finish()?;
    Ok(Exit::Done)
}
