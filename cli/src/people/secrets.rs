//! `people set-password`, `reset-totp` and `new-api-key`: each ends the sessions of the person.

use clap::Args;
use holdfast::id::Login;
use holdfast::secret::{
    ApiKey, NoRandomness, Password, PasswordHash, TotpSecret, hash_password, random_password,
};
use holdfast::store::{NewCredential, NewSecret, RowWrite};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;

use super::person::{Person, change, find, parse_login};
use crate::exit::{Ending, Exit, Failure};
use crate::locks::encode;
use crate::output::{Output, note};
use crate::profile::Settings;
use crate::secret::Secret;
use crate::tables::Tables;
use crate::terminal::{ask_secret, confirm, secret_from_stdin};

/// Give someone a new password, and end their sessions.
///
/// The password is asked for twice and not shown. With --generate it is 100 random bits, shown once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast people set-password alice
  holdfast people set-password alice --generate
  pass show alice | holdfast people set-password alice --password-stdin")]
pub(super) struct SetPassword {
    /// The person's login
    #[arg(value_parser = parse_login)]
    login: Login,
    /// Make a random one and show it
    #[arg(long, conflicts_with = "password_stdin")]
    generate: bool,
    /// Read the password from stdin
    #[arg(long)]
    password_stdin: bool,
}

/// Give someone a new second factor, and end their sessions.
///
/// It is shown once: as an otpauth:// address, and as a QR code for the authenticator app. Codes of the old one count no longer.
/// HOLDFAST_SECOND_FACTOR_KEYS has the key that it is stored under; with --local the server has its own.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast people reset-totp alice
  holdfast people reset-totp alice --yes --output json | jq -r .uri")]
pub(super) struct ResetTotp {
    /// The person's login
    #[arg(value_parser = parse_login)]
    login: Login,
    /// Do not ask to type the login
    #[arg(long)]
    yes: bool,
}

/// Give someone a new API key, and end their sessions.
///
/// It is shown once. The old key counts no longer.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast people new-api-key robot
  holdfast people new-api-key robot --yes --output json | jq -r .apiKey")]
pub(super) struct NewApiKey {
    /// The person's login
    #[arg(value_parser = parse_login)]
    login: Login,
    /// Do not ask to type the login
    #[arg(long)]
    yes: bool,
}

pub(super) async fn set_password(set: &SetPassword, tables: &Tables, output: Output) -> Ending {
    let login = &set.login;
    find(tables, login).await?;
    let password = if set.generate {
        random_password().map_err(unrandom)?
    } else {
        typed(set)?.reveal().to_owned()
    };
    if password.is_empty() {
        return Err(Failure::usage(
            "an empty password lets nobody sign in: give another",
        ));
    }
    let hash = hash(&password).await?;
    change(tables, login, |person| {
        if let Some((_, rev)) = person.secrets {
            return Ok(
                RowWrite::change_secrets(login, &[NewSecret::Password(&hash)], rev, person.rev).into(),
            );
        }
        let credential = NewCredential {
            company: &person.user.company,
            login,
            password_hash: &hash,
            totp_secret: None,
            api_key_hash: None,
        };
        Ok(vec![
            RowWrite::enter_credential(&credential, person.gone_secrets),
            RowWrite::revoke_sessions(login, person.rev),
        ])
    })
    .await?;
    let shown = if set.generate { password } else { String::new() };
    let mut json = json!({"login": login.as_str(), "changed": true});
    if let (true, Some(json)) = (set.generate, json.as_object_mut()) {
        json.insert("password".to_owned(), shown.as_str().into());
    }
    output.thing(
        &json,
        &[
            ("login", login.to_string()),
            ("now", "a new password, and no sessions".to_owned()),
            ("password", shown),
        ],
    )?;
    Ok(Exit::Done)
}

pub(super) async fn reset_totp(
    reset: &ResetTotp,
    tables: &Tables,
    settings: &Settings,
    output: Output,
) -> Ending {
    let login = &reset.login;
    let person = find(tables, login).await?;
    has_password(&person)?;
    let keys = tables.sealing_keys()?;
    if let Some(key) = person.sealed_under.filter(|key| !keys.has(*key)) {
        note(&format!(
            "warning: {login} has a second factor under the key {key}, and the new one will be under {}: is that the key of this \
             stack's sign-in?",
            keys.first()
        ));
    }
    if person.secrets.is_some_and(|(secrets, _)| secrets.totp) {
        confirm(
            &format!("This takes {login}'s second factor away, and ends their sessions."),
            login.as_str(),
            reset.yes,
        )?;
    }
    let secret = TotpSecret::issue().map_err(unrandom)?;
    let sealed = keys.seal(&secret, login);
    let sealed = sealed.map_err(|error| Failure::failed(error.to_string()))?;
    change(tables, login, |person| {
        let rev = has_password(person)?;
        let secrets = [NewSecret::Totp(Some(&sealed))];
        Ok(RowWrite::change_secrets(login, &secrets, rev, person.rev).into())
    })
    .await?;
    let uri = uri(&settings.name, login, &secret);
    output.thing(
        &json!({"login": login.as_str(), "changed": true, "secret": secret.reveal(), "uri": uri}),
        &[
            ("login", login.to_string()),
            ("now", "a new second factor, and no sessions".to_owned()),
            ("address", uri.clone()),
        ],
    )?;
    if output.is_for_people() {
        note(&drawn(&uri)?);
    }
    Ok(Exit::Done)
}

pub(super) async fn new_api_key(new: &NewApiKey, tables: &Tables, output: Output) -> Ending {
    let login = &new.login;
    let person = find(tables, login).await?;
    has_password(&person)?;
    if person.secrets.is_some_and(|(secrets, _)| secrets.api_key) {
        confirm(
            &format!("This takes {login}'s API key away, and ends their sessions."),
            login.as_str(),
            new.yes,
        )?;
    }
    let key = ApiKey::issue().map_err(unrandom)?;
    let hash = key.hash();
    change(tables, login, |person| {
        let rev = has_password(person)?;
        let secrets = [NewSecret::ApiKey(Some(&hash))];
        Ok(RowWrite::change_secrets(login, &secrets, rev, person.rev).into())
    })
    .await?;
    output.thing(
        &json!({"login": login.as_str(), "changed": true, "apiKey": key.reveal()}),
        &[
            ("login", login.to_string()),
            ("now", "a new API key, and no sessions".to_owned()),
            ("API key", key.reveal()),
        ],
    )?;
    Ok(Exit::Done)
}

fn typed(set: &SetPassword) -> Result<Secret, Failure> {
    const OTHERWISE: &str = "--password-stdin or --generate";
    if set.password_stdin {
        return secret_from_stdin();
    }
    let first = ask_secret(&format!("New password of {}: ", set.login), OTHERWISE)?;
    if first != ask_secret("The same again: ", OTHERWISE)? {
        return Err(Failure::failed("nothing was changed: the two are not the same"));
    }
    Ok(first)
}

/// Hashing takes its time, and is done once.
async fn hash(password: &str) -> Result<PasswordHash, Failure> {
    let password = Password::new(password);
    let hashed = tokio::task::spawn_blocking(move || hash_password(&password)).await;
    hashed
        .map_err(|error| Failure::failed(error.to_string()))?
        .map_err(|error| Failure::failed(error.to_string()))
}

fn has_password(person: &Person) -> Result<holdfast::lock::Revision, Failure> {
    let login = &person.user.login;
    let (_, rev) = person.secrets.ok_or_else(|| {
        Failure::failed(format!(
            "{login} has no password yet: run `holdfast people set-password {login}` first"
        ))
    })?;
    Ok(rev)
}

/// What authenticator apps take: the parameters are their defaults, and said all the same.
fn uri(stack: &str, login: &Login, secret: &TotpSecret) -> String {
    let (issuer, login) = (encode(&format!("Holdfast {stack}")), encode(login.as_str()));
    format!(
        "otpauth://totp/{issuer}:{login}?secret={}&issuer={issuer}&algorithm=SHA1&digits=6&period=30",
        secret.reveal()
    )
}

fn drawn(uri: &str) -> Result<String, Failure> {
    let code = QrCode::new(uri).map_err(|error| Failure::failed(format!("no QR code: {error}")))?;
    // A block is as bright as the text of a dark terminal: dark on light, as cameras expect.
    Ok(code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build())
}

fn unrandom(none: NoRandomness) -> Failure {
    Failure::failed(none.to_string())
}
