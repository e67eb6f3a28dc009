//! `holdfast import FILE`

use std::path::PathBuf;

use clap::Args;
use holdfast::Clock;
use holdfast::store::{self, Store, Tables, Timeouts};
use holdfast_directory::Directory;

/// Enter the people and devices of a directory file into the tables of a stack.
///
/// What is there already stays as it is. Credentials and region are those of the AWS profile in use.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The JSON file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The stack's output `ResourcesTableName`.
    #[arg(long, value_name = "NAME")]
    resources_table: String,
    /// The stack's output `IdentityTableName`.
    #[arg(long, value_name = "NAME")]
    identity_table: String,
}

pub(crate) async fn run(import: Import) -> Result<(), String> {
    let file = import.file.display();
    let text = std::fs::read_to_string(&import.file).map_err(|error| format!("{file}: {error}"))?;
    let directory = Directory::parse(&text).map_err(|error| format!("{file}: {error}"))?;
    let tables = Tables {
        resources: import.resources_table,
        identity: import.identity_table,
        history: String::new(),
    };
    let config = aws_config::load_defaults(aws_config::BehaviorVersion::v2026_01_12()).await;
    let store = Store::new(store::client(&config, None, Timeouts::PATIENT), tables);
    holdfast_directory::import(&store, &directory, Clock::System.now())
        .await
        .map_err(|error| error.to_string())
}
