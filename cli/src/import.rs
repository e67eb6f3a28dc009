//! `holdfast import FILE`

use std::path::PathBuf;

use clap::Args;
use holdfast::Clock;
use holdfast::store::{self, Store, Tables, Timeouts};
use holdfast_directory::Directory;

use crate::exit::{Ending, Exit, Failure};
use crate::profile::Settings;

/// Enter the people and devices of a directory file into the tables of a stack.
///
/// What is there already stays as it is. Credentials and region are those of the AWS profile in use.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast import directory.json --profile production
  holdfast import directory.json --resources-table <NAME> --identity-table <NAME>")]
pub(crate) struct Import {
    /// The JSON file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The stack's output `ResourcesTableName` [env: HOLDFAST_RESOURCES_TABLE]
    #[arg(long, value_name = "NAME")]
    resources_table: Option<String>,
    /// The stack's output `IdentityTableName` [env: HOLDFAST_IDENTITY_TABLE]
    #[arg(long, value_name = "NAME")]
    identity_table: Option<String>,
}

pub(crate) async fn run(import: Import, settings: &Settings) -> Ending {
    let file = import.file.display();
    let text = std::fs::read_to_string(&import.file).map_err(|error| format!("{file}: {error}"))?;
    let directory = Directory::parse(&text).map_err(|error| format!("{file}: {error}"))?;
    let table = |flag: Option<String>, setting: &Option<String>, option: &str| {
        flag.or_else(|| setting.clone())
            .ok_or_else(|| Failure::usage(format!("which table? Give {option}, or a profile that names it")))
    };
    let tables = Tables {
        resources: table(
            import.resources_table,
            &settings.resources_table,
            "--resources-table",
        )?,
        identity: table(
            import.identity_table,
            &settings.identity_table,
            "--identity-table",
        )?,
        history: settings.history_table.clone().unwrap_or_default(),
    };
    let mut loader = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12());
    if let Some(region) = &settings.region {
        loader = loader.region(aws_config::Region::new(region.clone()));
    }
    let config = loader.load().await;
    let store = Store::new(store::client(&config, None, Timeouts::PATIENT), tables);
    holdfast_directory::import(&store, &directory, Clock::System.now())
        .await
        .map_err(|error| error.to_string())?;
    Ok(Exit::Done)
}
