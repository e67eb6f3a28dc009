//! The tables of a stack, as an operator works with them: with AWS credentials, past the API.

mod epoch;
mod fault;
mod local;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use clap::Args;
use holdfast::Clock;
use holdfast::id::RequestId;
use holdfast::lock::{Timestamp, Writer};
use holdfast::secret::SealingKeys;
use holdfast::store::{self, Store, Table, Timeouts, operator};

pub(crate) use epoch::EpochOption;
pub(crate) use fault::of_store;

use crate::exit::Failure;
use crate::output::note;
use crate::profile::{SECOND_FACTOR_KEYS, Settings};
use crate::secret::Secret;

/// Where the tables are.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Tables")]
pub(crate) struct TableOptions {
    /// The stack's output ResourcesTableName, in place of the profile's [env: HOLDFAST_RESOURCES_TABLE]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "local")]
    resources_table: Option<String>,
    /// The stack's output IdentityTableName, in place of the profile's [env: HOLDFAST_IDENTITY_TABLE]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "local")]
    identity_table: Option<String>,
    /// The region of the tables, in place of the profile's [env: AWS_REGION]
    #[arg(long, global = true, value_name = "REGION", conflicts_with = "local")]
    region: Option<String>,
}

/// The tables, and who works with them.
#[derive(Debug)]
pub(crate) struct Tables {
    /// The store that they make.
    pub(crate) store: Store,
    identity: String,
    request: RequestId,
    keys: Option<Secret>,
}

impl Tables {
    /// Finds the tables and compares each with its definition, before anything is read or written.
    ///
    /// # Errors
    /// One line: exit code 2 where it is not said which tables, 75 where they do not answer, 1 for all else.
    pub(crate) async fn open(options: &TableOptions, settings: &Settings) -> Result<Self, Failure> {
        let (store, identity, keys) = if settings.is_local {
            let (store, identity, keys) = local::find(settings).await?;
            (
                store,
                identity,
                keys.or_else(|| settings.second_factor_keys.clone()),
            )
        } else {
            let (store, identity) = in_aws(options, settings).await?;
            (store, identity, settings.second_factor_keys.clone())
        };
        let mut tables = vec![Table::Resources, Table::Identity];
        if !store.table_name(Table::History).is_empty() {
            tables.push(Table::History);
        }
        for table in tables {
            let checked = store.check_table(table).await;
            checked.map_err(|fault| fault::of_table(&store, table, fault))?;
        }
        Ok(Self {
            store,
            identity,
            request: RequestId::new(uuid::Uuid::new_v4().to_string()),
            keys,
        })
    }

    /// The same for a command that writes fences, in the epoch of the stack, which must be that of its rows at least.
    ///
    /// # Errors
    /// As [`Tables::open`], and exit code 2 where the rows are of a later epoch.
    pub(crate) async fn open_to_write(
        options: &TableOptions,
        epoch: &EpochOption,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let mut tables = Self::open(options, settings).await?;
        if !settings.is_local {
            let epoch = epoch.of(settings)?;
            tables.store = tables.store.in_epoch(epoch);
        }
        epoch::check(&tables.store).await?;
        Ok(tables)
    }

    /// Who works with them: `operator/<identity>` is what the history says.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// What second factors are sealed with: the local server's, or those in the environment. Only what seals or compares one asks
    /// for them.
    pub(crate) fn sealing_keys(&self) -> Result<SealingKeys, Failure> {
        let keys = self.keys.as_ref().ok_or_else(|| {
            Failure::usage(format!(
                "no key for second factors: set {SECOND_FACTOR_KEYS} to what `aws secretsmanager get-secret-value --query SecretString \
                 --output text --secret-id ARN` prints, where ARN is the stack's output SecondFactorKeyArn"
            ))
        })?;
        SealingKeys::parse(keys.reveal()).map_err(|why| Failure::usage(format!("{SECOND_FACTOR_KEYS} {why}")))
    }

    /// The operator as the writer of rows.
    pub(crate) fn writer(&self, now: Timestamp) -> Writer {
        operator(&self.identity, self.request.clone(), now)
    }
}

/// The edge: where these commands read the clock.
pub(crate) fn now() -> Timestamp {
    Clock::System.now()
}

async fn in_aws(options: &TableOptions, settings: &Settings) -> Result<(Store, String), Failure> {
    let table = |flag: &Option<String>, setting: &Option<String>, option: &str| {
        flag.clone().or_else(|| setting.clone()).ok_or_else(|| {
            Failure::usage(format!(
                "which table? Give {option}, a profile that names it, or --local"
            ))
        })
    };
    let names = store::Tables {
        resources: table(
            &options.resources_table,
            &settings.resources_table,
            "--resources-table",
        )?,
        identity: table(
            &options.identity_table,
            &settings.identity_table,
            "--identity-table",
        )?,
        history: settings.history_table.clone().unwrap_or_default(),
    };
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
    if let Some(region) = options.region.as_ref().or(settings.region.as_ref()) {
        loader = loader.region(Region::new(region.clone()));
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(Failure::usage(
            "which region? Give --region, AWS_REGION, or a profile that names it",
        ));
    }
    has_credentials(&config).await?;
    let identity = identity(&config).await?;
    let client = store::client(&config, None, Timeouts::PATIENT);
    Ok((Store::new(client, names), identity))
}

async fn has_credentials(config: &SdkConfig) -> Result<(), Failure> {
    const NONE: &str = "no AWS credentials: set AWS_PROFILE, or sign in with `aws sso login`";
    let Some(provider) = config.credentials_provider() else {
        return Err(Failure::failed(NONE));
    };
    let credentials = provider.provide_credentials().await;
    credentials.map(drop).map_err(|error| {
        // The chain of providers tells of each of them, a line each; the first line says what came of it.
        let cause = std::error::Error::source(&error)
            .map(ToString::to_string)
            .unwrap_or_default();
        let first = cause.lines().next().unwrap_or_default();
        let first = first.split(". Attempted").next().unwrap_or_default();
        Failure::failed(format!("{NONE} ({first})"))
    })
}

/// Who AWS takes the caller for: the ARN without what all ARNs begin with.
async fn identity(config: &SdkConfig) -> Result<String, Failure> {
    // A DynamoDB that is not AWS's has no callers of AWS. Where only this one is named, AWS is not asked.
    let is_elsewhere = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_elsewhere("AWS_ENDPOINT_URL_DYNAMODB") && !is_elsewhere("AWS_ENDPOINT_URL_STS") {
        note("the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)");
        return Ok(local::user());
    }
    let answer = aws_sdk_sts::Client::new(config)
        .get_caller_identity()
        .send()
        .await;
    let answer = answer.map_err(|error| fault::of_identity(&error))?;
    let arn = answer.arn.unwrap_or_default();
    // arn:aws:sts::123456789012:assumed-role/Operators/alice
    let (_, who) = arn.split_once("::").unwrap_or(("", arn.as_str()));
    Ok(who.to_owned())
}
