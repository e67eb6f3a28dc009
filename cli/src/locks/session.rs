//! `login`, `logout` and `whoami`.

use clap::Args;
use serde_json::json;

use super::now;
use crate::api::{Api, Caller, Credentials, Factors, Kept, sign_in, sign_in_with_key};
use crate::exit::{Ending, Exit};
use crate::output::{Output, note};
use crate::profile::Settings;
use crate::terminal::ask;

/// Sign in, and keep the sign-in for the commands that follow.
///
/// The password and the code of the second factor are asked for. The token goes into a file of the profile that only you can
/// read. It is renewed while you work: it runs out 15 minutes after the last command that renewed it, and 12 hours after the sign-in.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast login alice
  holdfast login alice --profile production
  pass show holdfast | holdfast login alice --password-stdin --code 123456
  holdfast login robot --api-key")]
pub(crate) struct Login {
    /// Who signs in; asked for where neither this, HOLDFAST_LOGIN nor the profile says it
    #[arg(value_name = "LOGIN")]
    name: Option<String>,
    #[command(flatten)]
    credentials: Credentials,
    /// Sign in as a machine with an API key. The key is kept, and each command gets a token of its own for 20 seconds
    #[arg(long, conflicts_with = "code")]
    api_key: bool,
}

pub(crate) async fn login(login: Login, settings: &Settings, output: Output) -> Ending {
    let api = Api::at(settings.url()?)?;
    let name = match login.name.or_else(|| settings.login.clone()) {
        Some(name) => name,
        None => ask("Login: ", "it as an argument")?,
    };
    let kept = if login.api_key {
        let key = login.credentials.api_key(settings, &name)?;
        sign_in_with_key(&api, &name, &key).await?;
        Kept::of_machine(api.base(), &name, key, now())
    } else {
        let (token, with) = sign_in(&api, settings, &name, &login.credentials).await?;
        Kept::of_person(api.base(), &name, with, token, now())
    };
    kept.write(settings)?;
    show(&name, kept.with, settings, output)
}

/// Forget the sign-in of this profile.
///
/// The token is deleted here. The API has no call that ends it, so a copy of it counts until it runs out, within 15 minutes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast logout
  holdfast logout --profile production")]
pub(crate) struct Logout {}

pub(crate) fn logout(settings: &Settings) -> Ending {
    note(if Kept::forget(settings)? {
        "signed out"
    } else {
        "nobody was signed in"
    });
    Ok(Exit::Done)
}

/// Show who is signed in, and where.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast whoami
  holdfast whoami --output json | jq -r .login")]
pub(crate) struct Whoami {}

pub(crate) async fn whoami(settings: &Settings, output: Output) -> Ending {
    let mut caller = Caller::load(settings)?;
    caller.refresh().await?;
    show(caller.login(), caller.with(), settings, output)
}

fn show(login: &str, with: Factors, settings: &Settings, output: Output) -> Ending {
    let url = settings.url()?;
    let value = json!({"login": login, "url": url, "profile": settings.name, "with": with});
    output.thing(
        &value,
        &[
            ("login", login.to_owned()),
            ("api", url.to_owned()),
            ("profile", settings.name.clone()),
            (
                "signed in with",
                match with {
                    Factors::Password => "a password",
                    Factors::PasswordAndCode => "a password and a code",
                    Factors::ApiKey => "an API key",
                }
                .to_owned(),
            ),
        ],
    )?;
    Ok(Exit::Done)
}
