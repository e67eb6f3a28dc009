//! The epoch that a command writes in. The tables of a stack do not say it, its output does.

use clap::Args;
use holdfast::lock::Epoch;
use holdfast::store::{Store, Table, UserRow};

use super::of_store;
use crate::exit::Failure;
use crate::profile::Settings;

/// The epoch to write in.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Tables")]
pub(crate) struct EpochOption {
    /// The stack's output FenceEpoch, in place of the profile's; 0 where neither says it [env: HOLDFAST_EPOCH]
    #[arg(long, global = true, value_name = "N", conflicts_with = "local")]
    epoch: Option<Epoch>,
}

impl EpochOption {
    /// What the flag says, or else the environment or the profile.
    pub(super) fn of(&self, settings: &Settings) -> Result<Epoch, Failure> {
        match (self.epoch, &settings.epoch) {
            (Some(epoch), _) => Ok(epoch),
            (None, Some(text)) => text.parse().map_err(|error| {
                Failure::usage(format!(
                    "HOLDFAST_EPOCH, or the profile's epoch, is '{text}': {error}"
                ))
            }),
            (None, None) => Ok(Epoch::default()),
        }
    }
}

/// Refuses an epoch that the rows are past: fences and changes would be given out a second time. In each epoch but the first, every
/// user's `revocations` are of that epoch, so one user tells.
pub(super) async fn check(store: &Store) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = store.scan(Table::Resources, "user/", after.as_ref()).await;
        let page = page.map_err(of_store)?;
        let user = page.rows.iter().find(|row| matches!(row.removed_at(), Ok(None)));
        if let Some(row) = user {
            let user: UserRow = row
                .parse()
                .map_err(|error| Failure::failed(format!("{}: {error}", row.key().pk())))?;
            return match Epoch::of(user.revocations) {
                Some(of) if of <= store.epoch() => Ok(()),
                of => Err(Failure::usage(format!(
                    "these tables are in epoch {}, and this command would write in epoch {}: give --epoch as the stack's \
                     output FenceEpoch says it",
                    of.map_or_else(|| "?".to_owned(), |epoch| epoch.to_string()),
                    store.epoch()
                ))),
            };
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
