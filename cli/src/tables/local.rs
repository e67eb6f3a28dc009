//! The tables of the local server, which says where they are.

use aws_config::Region;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use holdfast::lock::Epoch;
use holdfast::store::{self, Store, Tables, Timeouts};
use hyper::Method;
use serde_json::Value;

use crate::api::Api;
use crate::exit::Failure;
use crate::profile::Settings;
use crate::secret::Secret;

/// The store behind the local server, who works with it, and the server's keys for second factors.
pub(super) async fn find(settings: &Settings) -> Result<(Store, String, Option<Secret>), Failure> {
    let api = Api::at(settings.url()?)?;
    let reply = api.call(Method::GET, "/local/tables", None, None).await?;
    let text = |name: &str| {
        let text = reply.body.get(name).and_then(Value::as_str);
        text.map(str::to_owned)
            .ok_or_else(|| Failure::failed(format!("{} is not a local server of Holdfast", api.base())))
    };
    let names = Tables {
        resources: text("resources")?,
        identity: text("identity")?,
        history: text("history")?,
    };
    let endpoint = text("endpoint")?;
    let keys = text("secondFactorKeys").ok().map(Secret::new);
    // A local store asks for a signature and accepts any.
    let credentials = Credentials::new("local", "local", None, None, "local");
    let config = SdkConfig::builder()
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let epoch = reply.body.get("epoch").and_then(Value::as_u64);
    let epoch = epoch.and_then(|epoch| Epoch::new(u16::try_from(epoch).ok()?));
    let client = store::client(&config, Some(&endpoint), Timeouts::PATIENT);
    let store = Store::new(client, names).in_epoch(epoch.unwrap_or_default());
    Ok((store, user(), keys))
}

/// `local/<user of this machine>`
pub(super) fn user() -> String {
    let user = std::env::var_os("USER").or_else(|| std::env::var_os("LOGNAME"));
    let user = user.and_then(|user| user.into_string().ok());
    format!("local/{}", user.unwrap_or_else(|| "unknown".to_owned()))
}
