//! `people show LOGIN`

use clap::Args;
use holdfast::id::Login;

use super::person::{attempts, closed_text, find, parse_login};
use crate::exit::{Ending, Exit};
use crate::output::Output;
use crate::tables::{Tables, now};
use crate::text::human;

/// Show one person: what they may do, and how they stand
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast people show alice
  holdfast people show alice --output json | jq .state")]
pub(super) struct Show {
    /// The person's login
    #[arg(value_parser = parse_login)]
    login: Login,
}

pub(super) async fn show(show: &Show, tables: &Tables, output: Output) -> Ending {
    let person = find(tables, &show.login).await?;
    let now = now();
    let mut standing = holdfast::identity::Standing::default();
    for (_, row) in attempts(tables).await? {
        if *row.login() == show.login {
            standing.add(&row, now);
        }
    }
    let user = &person.user;
    let lock = user.lock.state.live(now);
    let has_api_key = person.secrets.is_some_and(|(secrets, _)| secrets.api_key);
    output.thing(
        &person.json(Some(&standing), now),
        &[
            ("login", user.login.to_string()),
            ("name", user.name.clone()),
            ("company", user.company.to_string()),
            ("state", person.state().to_owned()),
            (
                "locked by",
                lock.map_or_else(String::new, |lock| {
                    format!("{}, {}", lock.owner.as_str(), human(lock.since, now))
                }),
            ),
            ("second factor", person.second_factor().to_owned()),
            ("API key", if has_api_key { "yes" } else { "" }.to_owned()),
            ("roles", user.roles.join(", ")),
            ("groups", user.groups.join(", ")),
            ("privileges", user.privileges.join(", ")),
            ("record group", user.record_group.clone()),
            ("may edit", user.editable_groups.join(", ")),
            ("IP filter", user.ip_filter.clone()),
            ("known sources", user.sources.join(", ")),
            (
                "last sign-in",
                standing
                    .last_sign_in
                    .map_or_else(String::new, |at| human(at, now)),
            ),
            ("closed to", closed_text(&standing, now)),
            ("changed", human(user.changed_at, now)),
        ],
    )?;
    Ok(Exit::Done)
}
