//! `restore adopt`: tables that were put back to an earlier state, made ready for a stack.

use clap::{Args, Subcommand};
use futures_util::stream::{StreamExt, iter};
use holdfast::failure::{Corrupt, Failure as StoreFailure};
use holdfast::lock::Epoch;
use holdfast::store::{OperatorResult, RowKey, RowWrite, Store, StoredRow, Table};
use holdfast_directory::{PARALLEL, Watch};
use serde_json::json;

use crate::directory::progress::Bar;
use crate::exit::{Ending, Exit, Failure};
use crate::output::{Output, note};
use crate::profile::Settings;
use crate::tables::{TableOptions, Tables, now, of_store};
use crate::terminal::confirm;

/// How often a row is revoked again that somebody else has changed.
const TRIES: u32 = 10;

/// What a backup does not have, which no command brings back.
const LOST: [&str; 3] = [
    "locks that were taken, renewed, released or broken since the backup are as they were then",
    "who was disabled or removed since may sign in again, and passwords, second factors and API keys are those of then",
    "devices, resources and activity sessions are those of then",
];

/// Make tables ready that were restored from a backup.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast restore adopt --current-epoch 0")]
pub(crate) struct Restore {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    tables: TableOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    Adopt(Adopt),
}

/// Revoke all sessions in restored tables, and say which epoch to set.
///
/// A restored table has old fences, while systems remember newer ones. The next epoch is above all of them. Run it on the restored
/// tables, while the stack's API is closed (Maintenance=closed); docs/operate.md has the whole runbook. It is safe to run twice.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast restore adopt --current-epoch 0 --resources-table restored-resources --identity-table restored-identity
  holdfast restore adopt --current-epoch 1 --yes --output json | jq .epoch")]
struct Adopt {
    /// The epoch that was in force: the stack's output FenceEpoch. A backup cannot know of a later one
    #[arg(long, value_name = "N")]
    current_epoch: Epoch,
    /// Do not ask to type the table's name
    #[arg(long)]
    yes: bool,
}

/// What the tables hold, for an adoption.
struct Found {
    /// The largest fence.
    fence: u64,
    /// Users with sessions that would count, each with the row as it is.
    open: Vec<StoredRow>,
    /// How many users' sessions an earlier run has revoked.
    revoked: usize,
}

pub(crate) async fn run(restore: Restore, settings: &Settings, output: Output) -> Ending {
    let Command::Adopt(adopt) = &restore.command;
    let current = adopt.current_epoch;
    let next = current.following().ok_or_else(|| {
        Failure::failed(format!(
            "epoch {current} is the last: no larger fence is left, so these tables cannot take the place of newer ones"
        ))
    })?;
    let mut tables = Tables::open(&restore.tables, settings).await?;
    tables.store = tables.store.in_epoch(next);
    let found = look(&tables.store, current, next).await?;
    let name = tables.store.table_name(Table::Resources).to_owned();
    if !found.open.is_empty() {
        let deed = format!(
            "This ends all sessions of {} in {name}, for epoch {next}.",
            people(found.open.len())
        );
        confirm(&deed, &name, adopt.yes)?;
    }
    revoke(&tables, next, &found.open).await?;
    show(&tables, settings, output, (current, next), &found).await
}

/// Reads every row that has a number of an epoch. One beyond the epoch that is said to be in force was given out by a later one.
async fn look(store: &Store, current: Epoch, next: Epoch) -> Result<Found, Failure> {
    let (rows, sessions) = tokio::try_join!(
        store.scan_kinds(
            Table::Resources,
            &["user/", "device/", "activity-session/", "access/"]
        ),
        store.scan_kinds(Table::Identity, &["session/"]),
    )
    .map_err(of_store)?;
    let mut found = Found {
        fence: 0,
        open: Vec::new(),
        revoked: 0,
    };
    let mut rows: Vec<StoredRow> = rows.into_iter().chain(sessions).collect();
    // The same row is named whenever one has to be.
    rows.sort_by(|a, b| a.key().pk().cmp(b.key().pk()));
    for row in rows {
        let counted = row.counted().map_err(|error| corrupt(row.key(), error))?;
        found.fence = found.fence.max(counted.fence);
        let is_user = row.key().is_user();
        let is_revoked = is_user && Epoch::of(counted.revocations) == Some(next);
        // An earlier run has given a user's row the next epoch's change and revocations, and no fence.
        let largest = if is_revoked {
            counted.fence
        } else {
            counted.fence.max(counted.change).max(counted.revocations)
        };
        if Epoch::of(largest).is_none_or(|of| of > current) {
            return Err(later(row.key(), largest, current));
        }
        let is_removed = row.removed_at().map_err(|error| corrupt(row.key(), error))?;
        match (is_user && is_removed.is_none(), is_revoked) {
            (true, true) => found.revoked += 1,
            (true, false) => found.open.push(row),
            (false, _) => {}
        }
    }
    Ok(found)
}

fn later(key: &RowKey, number: u64, current: Epoch) -> Failure {
    let (kind, _) = key.pk().split_once('/').unwrap_or((key.pk(), ""));
    // The key of a session says which token it is of.
    let row = if kind == "session" { "a session" } else { key.pk() };
    let of = Epoch::of(number).map_or_else(|| "none".to_owned(), |epoch| epoch.to_string());
    Failure::failed(format!(
        "{row} has the number {number}, which epoch {of} gave out, and not {current}: were these tables in use since? Give \
         --current-epoch as the output FenceEpoch of the stack that was in use says it"
    ))
}

/// Ends the sessions of these users, many at once.
async fn revoke(tables: &Tables, next: Epoch, users: &[StoredRow]) -> Result<(), Failure> {
    let bar = Bar::default();
    bar.begin("people", users.len());
    let mut ended = iter(users)
        .map(|user| async {
            let ended = revoke_one(tables, next, user.clone()).await;
            bar.step();
            ended
        })
        .buffer_unordered(PARALLEL);
    let mut failed = None;
    while let Some(ended) = ended.next().await {
        if let Err(failure) = ended {
            failed.get_or_insert(failure);
        }
    }
    bar.end();
    failed.map_or(Ok(()), |failure| {
        Err(Failure::new(
            failure.exit,
            format!(
                "not all sessions are ended, and the same command goes on from there: {}",
                failure.message
            ),
        ))
    })
}

async fn revoke_one(tables: &Tables, next: Epoch, user: StoredRow) -> Result<(), Failure> {
    let key = user.key().clone();
    let mut row = user;
    for _ in 0..TRIES {
        let rev = row.revision().map_err(|error| corrupt(&key, error))?;
        let write = RowWrite::revoke_sessions_of(key.clone(), rev);
        let written = tables
            .store
            .write_as_operator(&[write], &tables.writer(now()))
            .await;
        if written.map_err(of_store)? == OperatorResult::Made {
            return Ok(());
        }
        let mut rows = tables
            .store
            .stored(std::slice::from_ref(&key))
            .await
            .map_err(of_store)?;
        let Some(newer) = rows.remove(&key) else {
            return Ok(());
        };
        let counted = newer.counted().map_err(|error| corrupt(&key, error))?;
        let is_removed = newer.removed_at().map_err(|error| corrupt(&key, error))?;
        if is_removed.is_some() || counted.revocations >= next.first() {
            return Ok(());
        }
        row = newer;
    }
    Err(Failure::new(
        Exit::TryAgain,
        format!("{} is changed all the time: is the API closed?", key.pk()),
    ))
}

async fn show(
    tables: &Tables,
    settings: &Settings,
    output: Output,
    (current, next): (Epoch, Epoch),
    found: &Found,
) -> Ending {
    let command = next_command(&tables.store, settings.is_local, next)
        .await
        .map_err(of_store)?;
    output.thing(
        &json!({
            "currentEpoch": current.get(),
            "epoch": next.get(),
            "largestFence": found.fence,
            "nextFence": next.next(found.fence),
            "sessionsEnded": found.open.len(),
            "endedBefore": found.revoked,
            "lost": LOST,
            "next": command,
        }),
        &[
            ("epoch to set", next.to_string()),
            ("largest fence", found.fence.to_string()),
            ("fences go on from", next.next(found.fence).to_string()),
            ("signed out", people(found.open.len())),
            ("signed out before", people(found.revoked)),
            ("next", command),
        ],
    )?;
    note("A backup does not bring back what came after it:");
    for lost in LOST {
        note(&format!("- {lost}"));
    }
    Ok(Exit::Done)
}

/// The command that starts what uses the tables.
async fn next_command(store: &Store, is_local: bool, next: Epoch) -> Result<String, StoreFailure> {
    if is_local {
        return Ok(format!(
            "stop the server, and start it with --data as before and --epoch {next}"
        ));
    }
    let name = |table| match store.table_name(table) {
        "" => "<name>",
        name => name,
    };
    let stream = store.stream_label(Table::Resources).await?;
    Ok(format!(
        "sam deploy --parameter-overrides Maintenance=closed DeploymentType=AllAtOnce FenceEpoch={next} \
         ExistingResourcesTable={} ExistingResourcesStream={} ExistingIdentityTable={} ExistingHistoryTable={} \
         ExistingSecondFactorKeyArn=<SecondFactorKeyArn>",
        name(Table::Resources),
        stream.as_deref().unwrap_or("<label>"),
        name(Table::Identity),
        name(Table::History),
    ))
}

fn people(count: usize) -> String {
    match count {
        1 => "1 person".to_owned(),
        count => format!("{count} people"),
    }
}

fn corrupt(key: &RowKey, error: Corrupt) -> Failure {
    Failure::failed(format!("{}: {error}", key.pk()))
}
