//! `rescue unlock TARGET`: the way in when nobody can sign in.

use clap::{Args, Subcommand};
use holdfast::id::Company;
use holdfast::lock::{self, Aftermath, Fence, HoldOff, Lock, Outcome, Reason, Timestamp};
use holdfast::store::{
    LockCall, LockResult, LockTarget, Lockable, ResourceRow, Row, RowKey, StoredRow, TargetRow,
};
use holdfast::target::Target;
use serde_json::{Value, json};

use crate::companies::{chosen, parse_company};
use crate::exit::{Ending, Exit, Failure};
use crate::locks::parse_target;
use crate::output::{Output, note};
use crate::profile::Settings;
use crate::tables::{EpochOption, TableOptions, Tables, now, of_store};
use crate::terminal::confirm;
use crate::text::{human, parse_seconds};

/// End a lock at the tables, when nobody can sign in who might.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast rescue unlock user/admin --reason 'Both administrators are locked out, ticket 4711'")]
pub(crate) struct Rescue {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    tables: TableOptions,
    #[command(flatten)]
    epoch: EpochOption,
}

#[derive(Debug, Subcommand)]
enum Command {
    Unlock(Unlock),
}

/// End somebody else's lock with AWS credentials, past the API.
///
/// Where anyone can still sign in who has the privilege Locks.Break, use `holdfast break`. The tenure that is shown is ended
/// and no other; the history records it as broken by operator/<identity>, and an alarm of its own goes off.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast rescue unlock user/admin --reason 'Both administrators are locked out, ticket 4711'
  holdfast rescue unlock device/ID5 --company 1 --reason 'Ticket 4711' --fence 41 --yes

Exit code 3: another tenure than the one named holds now.")]
struct Unlock {
    /// device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>
    #[arg(value_parser = parse_target)]
    target: Target,
    /// Why, for its owner and for the history: 1 to 500 characters
    #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
    reason: Reason,
    /// The tenure to end; otherwise the one that holds now
    #[arg(long, value_name = "NUMBER")]
    fence: Option<u64>,
    /// For so long the old owner cannot take it again: 0 to 1h, 60s unless given
    #[arg(long, value_name = "TIME", value_parser = parse_hold_off)]
    hold_off: Option<HoldOff>,
    /// The device's company, where there are several
    #[arg(long, value_name = "ID", value_parser = parse_company)]
    company: Option<Company>,
    /// Do not ask to type the target
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(rescue: Rescue, settings: &Settings, output: Output) -> Ending {
    let Command::Unlock(request) = &rescue.command;
    let tables = Tables::open_to_write(&rescue.tables, &rescue.epoch, settings).await?;
    unlock(request, &tables, output).await
}

async fn unlock(request: &Unlock, tables: &Tables, output: Output) -> Ending {
    let target = &request.target;
    let (company, row) = read(request, tables).await?;
    let state = &row.record().state;
    let Some(lock) = state.live(now()) else {
        note(&format!("{target} is free: there is nothing to end"));
        return Ok(Exit::Done);
    };
    let fence = request.fence.map_or_else(|| state.fence(), Fence::new);
    if fence != state.fence() {
        return Err(other_tenure(target, Some(lock), state.fence()));
    }
    let deed = format!(
        "This ends the lock of {} on {target} ({}, taken {}, fence {fence}), as {}.",
        lock.owner.as_str(),
        row.name().unwrap_or_default(),
        human(lock.since, now()),
        tables.identity(),
    );
    confirm(&deed, &target.to_string(), request.yes)?;
    let now = now();
    let by = tables.writer(now);
    let wanted = lock::Request::Break {
        by: by.actor.clone(),
        fence,
        reason: request.reason.clone(),
        then: Aftermath::Free,
        hold_off: request.hold_off.unwrap_or_default(),
    };
    let call = LockCall {
        request: &wanted,
        now,
        origin: &by.origin,
        actor: None,
    };
    let place = LockTarget::of(&company, target);
    let ended = tables.store.rescue(&place, row, call).await.map_err(of_store)?;
    match ended {
        LockResult::Done(Outcome::Broken {
            broken, fence: next, ..
        }) => show(output, target, Some((&broken, fence)), next),
        LockResult::Done(Outcome::TenureOver { fence, .. }) => show(output, target, None, fence),
        LockResult::Done(Outcome::OtherTenure { fence, lock }) => {
            Err(other_tenure(target, lock.as_ref(), fence))
        }
        LockResult::Gone => Err(absent(target)),
        LockResult::Refused(never) => match never {},
        other @ (LockResult::Done(_) | LockResult::ActorLocked) => {
            Err(Failure::failed(format!("a defect: {other:?}")))
        }
    }
}

/// The target's row, and its company. A lock on something that was removed is over.
async fn read(request: &Unlock, tables: &Tables) -> Result<(Company, TargetRow), Failure> {
    let target = &request.target;
    let company = match target {
        Target::Device(_) => Some(chosen(tables, request.company.as_ref()).await?),
        // The keys of these say nothing of the company; their rows do.
        Target::Access(..) | Target::ActivitySession(_) | Target::User(_) => None,
    };
    let key = match (target, &company) {
        (Target::Device(id), Some(company)) => RowKey::device(company, id),
        (Target::Access(resource, login), _) => RowKey::access(*resource, login),
        (Target::ActivitySession(id), _) => RowKey::activity_session(*id),
        (Target::User(login), _) => RowKey::user(login),
        (Target::Device(_), None) => return Err(absent(target)),
    };
    let mut keys = vec![key.clone()];
    if let Target::Access(resource, login) = target {
        keys.extend([RowKey::resource(*resource), RowKey::user(login)]);
    }
    let rows = tables.store.stored(&keys).await.map_err(of_store)?;
    let is_there = |key: &RowKey| {
        rows.get(key)
            .is_some_and(|row| matches!(row.removed_at(), Ok(None)))
    };
    if !keys.iter().all(is_there) {
        return Err(absent(target));
    }
    let row: TargetRow = parse(rows.get(&key).ok_or_else(|| absent(target))?)?;
    if let Target::Access(resource, _) = target
        && let Some(resource) = rows.get(&RowKey::resource(*resource))
        && parse::<ResourceRow>(resource)?.company != *row.company()
    {
        return Err(Failure::failed(format!(
            "{target}: the pair is of another company than its resource"
        )));
    }
    let company = row.company().clone();
    Ok((company, row))
}

fn parse<R: Row>(row: &StoredRow) -> Result<R, Failure> {
    row.parse()
        .map_err(|error| Failure::failed(format!("{}: {error}", row.key().pk())))
}

fn absent(target: &Target) -> Failure {
    Failure::new(
        Exit::NotFound,
        format!("{target} is not there, or was never locked"),
    )
}

fn other_tenure(target: &Target, lock: Option<&Lock>, fence: Fence) -> Failure {
    let who = lock.map_or("nobody", |lock| lock.owner.as_str());
    Failure::new(
        Exit::Held,
        format!("{target} is held by {who} with the fence {fence} now: nothing was ended"),
    )
}

fn show(output: Output, target: &Target, broken: Option<(&Lock, Fence)>, fence: Fence) -> Ending {
    let mut json = json!({
        "kind": target.kind().as_str(),
        "id": target.id(),
        "changed": broken.is_some(),
        "fence": fence.get(),
    });
    let time = |time: Timestamp| Value::from(time.to_string());
    if let (Some((lock, fence)), Some(json)) = (broken, json.as_object_mut()) {
        json.insert(
            "broken".to_owned(),
            json!({"owner": lock.owner.as_str(), "since": time(lock.since), "fence": fence.get()}),
        );
    }
    output.thing(
        &json,
        &[
            (
                "lock",
                if broken.is_some() { "ended" } else { "over already" }.to_owned(),
            ),
            (
                "of",
                broken.map_or_else(String::new, |(lock, _)| lock.owner.as_str().to_owned()),
            ),
            ("target", target.to_string()),
            ("fence", fence.to_string()),
        ],
    )?;
    Ok(Exit::Done)
}

fn parse_reason(text: &str) -> Result<Reason, String> {
    Reason::try_from(text).map_err(|error| error.to_string())
}

fn parse_hold_off(text: &str) -> Result<HoldOff, String> {
    HoldOff::from_seconds(parse_seconds(text)?).map_err(|error| error.to_string())
}
