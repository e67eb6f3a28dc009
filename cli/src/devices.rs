//! The commands for devices, with AWS credentials and past the API.

use clap::{Args, Subcommand};
use holdfast::id::{Company, DeviceId};
use holdfast::lock::{Lock, Timestamp};
use holdfast::store::{DeviceRow, RowKey, StoredRow, Table};
use serde_json::{Map, Value, json};

use crate::companies::{chosen, parse_company};
use crate::exit::{Ending, Exit, Failure};
use crate::output::Output;
use crate::profile::Settings;
use crate::tables::{TableOptions, Tables, now, of_store};
use crate::text::human;

/// List and show devices.
///
/// These commands work with the tables, past the API: they need AWS credentials that may read them, or --local. Devices are entered,
/// changed and removed with `holdfast apply`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast devices list
  holdfast devices show ID5")]
pub(crate) struct Devices {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    tables: TableOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
}

/// List devices, and who holds the lock on each
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast devices list
  holdfast devices list --company 1 --output ndjson | jq -r .id")]
struct List {
    /// Only devices of this company
    #[arg(long, value_name = "ID", value_parser = parse_company)]
    company: Option<Company>,
}

/// Show one device, and whether it was removed
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast devices show ID5
  holdfast devices show ID5 --company 1 --output json | jq .lock")]
struct Show {
    /// The device's id
    #[arg(value_parser = parse_device)]
    id: DeviceId,
    /// The device's company, where there are several
    #[arg(long, value_name = "ID", value_parser = parse_company)]
    company: Option<Company>,
}

pub(crate) async fn run(devices: Devices, settings: &Settings, output: Output) -> Ending {
    let tables = Tables::open(&devices.tables, settings).await?;
    match devices.command {
        Command::List(of) => list(&of, &tables, output).await,
        Command::Show(of) => show(&of, &tables, output).await,
    }
}

async fn list(list: &List, tables: &Tables, output: Output) -> Ending {
    let prefix = match &list.company {
        Some(company) => format!("device/{company}/"),
        None => "device/".to_owned(),
    };
    let now = now();
    let mut devices = Vec::new();
    for row in tables
        .store
        .scan_all(Table::Resources, &prefix)
        .await
        .map_err(of_store)?
    {
        devices.extend(device(&row)?);
    }
    devices.sort_by(|a, b| (&a.company, &a.name, &a.id).cmp(&(&b.company, &b.name, &b.id)));
    let mut rows = output.rows(&["DEVICE", "NAME", "COMPANY", "ADDRESS", "LOCKED BY", "SINCE"]);
    for device in &devices {
        let lock = device.lock.state.live(now);
        let of_lock =
            |text: fn(&Lock, Timestamp) -> String| lock.map_or_else(String::new, |lock| text(lock, now));
        rows.push(
            &json(device, now),
            &[
                device.id.to_string(),
                device.name.clone(),
                device.company.to_string(),
                device.ip.clone(),
                of_lock(|lock, _| lock.owner.as_str().to_owned()),
                of_lock(|lock, now| human(lock.since, now)),
            ],
        )?;
    }
    rows.finish()?;
    Ok(Exit::Done)
}

async fn show(show: &Show, tables: &Tables, output: Output) -> Ending {
    let company = chosen(tables, show.company.as_ref()).await?;
    let key = RowKey::device(&company, &show.id);
    let rows = tables
        .store
        .stored(std::slice::from_ref(&key))
        .await
        .map_err(of_store)?;
    let absent = || {
        let id = &show.id;
        Failure::new(
            Exit::NotFound,
            format!("there is no device {id} in company {company}"),
        )
    };
    let row = rows.get(&key).ok_or_else(absent)?;
    let now = now();
    if let Ok(Some(at)) = row.removed_at() {
        return Err(Failure::new(
            Exit::NotFound,
            format!("the device {} was removed {}", show.id, human(at, now)),
        ));
    }
    let device = device(row)?.ok_or_else(absent)?;
    let lock = device.lock.state.live(now);
    output.thing(
        &json(&device, now),
        &[
            ("device", device.id.to_string()),
            ("name", device.name.clone()),
            ("company", device.company.to_string()),
            ("address", device.ip.clone()),
            ("description", device.description.clone()),
            (
                "locked by",
                lock.map_or_else(String::new, |lock| {
                    format!("{}, {}", lock.owner.as_str(), human(lock.since, now))
                }),
            ),
            ("fence", device.lock.state.fence().get().to_string()),
        ],
    )?;
    Ok(Exit::Done)
}

/// Reads a device; `None` for one that was removed.
fn device(row: &StoredRow) -> Result<Option<DeviceRow>, Failure> {
    let corrupt = |error: holdfast::failure::Corrupt| Failure::failed(format!("{}: {error}", row.key().pk()));
    if row.removed_at().map_err(corrupt)?.is_some() {
        return Ok(None);
    }
    row.parse().map(Some).map_err(corrupt)
}

fn json(device: &DeviceRow, now: Timestamp) -> Value {
    let mut shown = json!({
        "id": device.id.as_str(),
        "name": device.name,
        "company": device.company.as_str(),
        "ip": device.ip,
        "description": device.description,
        "fence": device.lock.state.fence().get(),
    });
    if let (Some(lock), Some(shown)) = (device.lock.state.live(now), shown.as_object_mut()) {
        let mut of = Map::new();
        of.insert("owner".to_owned(), lock.owner.as_str().into());
        of.insert("since".to_owned(), lock.since.to_string().into());
        if let Some(until) = lock.until {
            of.insert("until".to_owned(), until.to_string().into());
        }
        shown.insert("lock".to_owned(), Value::Object(of));
    }
    shown
}

fn parse_device(text: &str) -> Result<DeviceId, String> {
    DeviceId::try_from(text).map_err(|error| error.to_string())
}
