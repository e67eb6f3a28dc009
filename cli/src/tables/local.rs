//! The tables of the local server, which says where they are.

use aws_config::Region;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use holdfast::store::{self, Store, Tables, Timeouts};
use hyper::Method;
use serde_json::Value;

use crate::api::Api;
use crate::exit::Failure;
use crate::profile::Settings;

/// The store behind the local server, and who works with it.
pub(super) async fn find(settings: &Settings) -> Result<(Store, String), Failure> {
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
    // A local store asks for a signature and accepts any.
    let credentials = Credentials::new("local", "local", None, None, "local");
    let config = SdkConfig::builder()
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let client = store::client(&config, Some(&endpoint), Timeouts::PATIENT);
    Ok((Store::new(client, names), user()))
}

/// `local/<user of this machine>`
pub(super) fn user() -> String {
    let user = std::env::var_os("USER").or_else(|| std::env::var_os("LOGNAME"));
    let user = user.and_then(|user| user.into_string().ok());
    format!("local/{}", user.unwrap_or_else(|| "unknown".to_owned()))
}
