//! `people reseal`: the second half of a rotation of the keys that second factors are sealed with.

use clap::Args;
use futures_util::stream::{StreamExt, iter};
use holdfast::id::Login;
use holdfast::secret::SealingKeys;
use holdfast::store::{RowKey, StoredRow, Table};
use holdfast_directory::Watch;
use serde_json::json;

use crate::directory::progress::Bar;
use crate::directory::unopened;
use crate::exit::{Ending, Exit, Failure};
use crate::output::{Output, note};
use crate::tables::{Tables, of_store};

/// How many rows are under way at once.
const PARALLEL: usize = 32;
/// How often a row is read again that others are faster than.
const TRIES: u32 = 10;
/// Of those that do not open, so many are named on stderr.
const NAMED: usize = 20;

/// Seal every second factor again under the first key.
///
/// For a rotation: HOLDFAST_SECOND_FACTOR_KEYS has the new key, a comma, and the old key, as the function sign-in has them
/// by then. No secret changes and no session ends. What is sealed under the first key already is left alone, so the command may be
/// repeated.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast people reseal
  holdfast people reseal --output json | jq .unopened")]
pub(super) struct Reseal {}

/// What became of a row.
enum Done {
    Resealed,
    Already,
    /// There is no second factor.
    None,
    Unopened(Login, Failure),
}

pub(super) async fn reseal(tables: &Tables, output: Output) -> Ending {
    let keys = tables.sealing_keys()?;
    let rows = tables.store.scan_kinds(Table::Identity, &["credential/"]).await;
    let rows = rows.map_err(of_store)?;
    let bar = Bar::default();
    bar.begin("second factors", rows.len());
    let results: Vec<Result<Done, Failure>> = iter(rows)
        .map(async |row| {
            let done = of_row(tables, &keys, row).await;
            bar.step();
            done
        })
        .buffer_unordered(PARALLEL)
        .collect()
        .await;
    bar.end();
    let (mut resealed, mut already, mut unopened) = (0_usize, 0_usize, Vec::new());
    let mut failed = None;
    for result in results {
        match result {
            Ok(Done::Resealed) => resealed += 1,
            Ok(Done::Already) => already += 1,
            Ok(Done::None) => {}
            Ok(Done::Unopened(login, why)) => unopened.push((login, why)),
            Err(failure) => failed = Some(failure),
        }
    }
    unopened.sort_by(|(one, _), (other, _)| one.cmp(other));
    let logins: Vec<&str> = unopened.iter().map(|(login, _)| login.as_str()).collect();
    output.thing(
        &json!({"key": keys.first().to_string(), "resealed": resealed, "already": already, "unopened": logins}),
        &[
            ("key", keys.first().to_string()),
            ("sealed again", resealed.to_string()),
            ("already under it", already.to_string()),
        ],
    )?;
    for (_, why) in unopened.iter().take(NAMED) {
        note(&why.message);
    }
    if let Some(failure) = failed {
        let message = format!(
            "not all are sealed again, and the same command goes on from there: {}",
            failure.message
        );
        return Err(Failure::new(failure.exit, message));
    }
    match unopened.len() {
        0 => Ok(Exit::Done),
        1 => Err(Failure::failed(
            "1 second factor does not open, and is left as it is",
        )),
        count => Err(Failure::failed(format!(
            "{count} second factors do not open, and are left as they are"
        ))),
    }
}

/// Seals the second factor of a row again, and once more where others were faster.
async fn of_row(tables: &Tables, keys: &SealingKeys, row: StoredRow) -> Result<Done, Failure> {
    let login = row.key().pk().strip_prefix("credential/").unwrap_or_default();
    let corrupt = |error: &dyn std::fmt::Display| Failure::failed(format!("{}: {error}", row.key().pk()));
    let login = Login::try_from(login).map_err(|error| corrupt(&error))?;
    let mut now = Some(row.clone());
    for _ in 0..TRIES {
        let known = now.as_ref().map(StoredRow::second_factor).transpose();
        let Some(was) = known.map_err(|error| corrupt(&error))?.flatten() else {
            return Ok(Done::None);
        };
        if was.key() == keys.first() {
            return Ok(Done::Already);
        }
        let secret = match keys.unseal(&was, &login) {
            Ok(secret) => secret,
            Err(why) => return Ok(Done::Unopened(login.clone(), unopened(&login, why))),
        };
        let becomes = keys.seal(&secret, &login).map_err(|error| corrupt(&error))?;
        if tables
            .store
            .reseal(&login, &was, &becomes)
            .await
            .map_err(of_store)?
        {
            return Ok(Done::Resealed);
        }
        let key = RowKey::credential(&login);
        let mut rows = tables
            .store
            .stored(std::slice::from_ref(&key))
            .await
            .map_err(of_store)?;
        now = rows.remove(&key);
    }
    Err(Failure::new(
        Exit::TryAgain,
        format!("{login} was changed by others each time"),
    ))
}
