//! Signing in: a password and a code, or an API key.

use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

use super::{Api, Factors, Reply};
use crate::exit::{Exit, Failure};
use crate::profile::Settings;
use crate::secret::Secret;
use crate::terminal::{ask, ask_secret, secret_from_stdin};

/// What a client without a second factor sends in place of a code.
const NO_CODE: &str = "NA";

/// How to give a password and a code without being asked.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Credentials {
    /// Read the password (or the API key) from stdin [env: HOLDFAST_PASSWORD, HOLDFAST_API_KEY]
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// The code of the second factor, or NA for who has none [env: HOLDFAST_CODE]
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
}

impl Credentials {
    fn password(&self, settings: &Settings, login: &str) -> Result<Secret, Failure> {
        if self.password_stdin {
            return secret_from_stdin();
        }
        match &settings.password {
            Some(password) => Ok(password.clone()),
            None => ask_secret(
                &format!("Password of {login}: "),
                "--password-stdin or HOLDFAST_PASSWORD",
            ),
        }
    }

    /// The code, where there is one.
    fn code(&self, settings: &Settings) -> Result<Option<Secret>, Failure> {
        let code = match (&self.code, &settings.code) {
            (Some(code), _) => code.clone(),
            (None, Some(code)) => code.reveal().to_owned(),
            (None, None) => ask("Code (empty if you have none): ", "--code or HOLDFAST_CODE")?,
        };
        Ok((!code.is_empty() && code != NO_CODE).then(|| Secret::new(code)))
    }

    /// The API key to sign in with.
    pub(crate) fn api_key(&self, settings: &Settings, login: &str) -> Result<Secret, Failure> {
        if self.password_stdin {
            return secret_from_stdin();
        }
        match &settings.api_key {
            Some(key) => Ok(key.clone()),
            None => ask_secret(
                &format!("API key of {login}: "),
                "--password-stdin or HOLDFAST_API_KEY",
            ),
        }
    }

    /// Whether a password and a code were given, so that nobody has to be asked.
    pub(crate) fn are_given(&self, settings: &Settings) -> bool {
        (self.password_stdin || settings.password.is_some())
            && (self.code.is_some() || settings.code.is_some())
    }
}

/// Signs a person in with a password, and with a code where they have one: the token.
pub(crate) async fn sign_in(
    api: &Api,
    settings: &Settings,
    login: &str,
    credentials: &Credentials,
) -> Result<(Secret, Factors), Failure> {
    let password = credentials.password(settings, login)?;
    let body = json!({"Login": login, "Password": password.reveal()}).to_string();
    let first = token(api.call(Method::POST, "/signinBody", None, Some(body)).await?)?;
    let code = credentials.code(settings)?;
    let (body, with) = match &code {
        Some(code) => (code.reveal(), Factors::PasswordAndCode),
        None => (NO_CODE, Factors::Password),
    };
    let reply = api.call(Method::POST, "/signin2fa", Some(&first), Some(body.to_owned()));
    Ok((token(reply.await?)?, with))
}

/// Signs a machine in: a token for 20 seconds.
pub(crate) async fn sign_in_with_key(api: &Api, login: &str, key: &Secret) -> Result<Secret, Failure> {
    let body = json!({"UserLogin": login, "ApiKey": key.reveal()}).to_string();
    let reply = api.call(Method::POST, "/login", None, Some(body)).await?;
    match (reply.status, reply.text("Token")) {
        (200, token) if !token.is_empty() => Ok(Secret::new(token.to_owned())),
        (401, _) => Err(not_signed_in("the login or the API key is wrong")),
        _ => Err(refused(&reply)),
    }
}

fn token(reply: Reply) -> Result<Secret, Failure> {
    match (reply.status, reply.body) {
        (200, Value::String(token)) => Ok(Secret::new(token)),
        (status, body) => Err(refused(&Reply { status, body })),
    }
}

fn not_signed_in(message: impl Into<String>) -> Failure {
    Failure::new(Exit::NotSignedIn, message)
}

fn refused(reply: &Reply) -> Failure {
    match reply.status {
        401 => not_signed_in(format!(
            "{} Five failures in a row close sign-in from here for 15 minutes",
            reply.text("detail")
        )),
        403 => not_signed_in(format!(
            "the account is locked: {}: {}",
            reply.text("title"),
            reply.text("detail")
        )),
        400 => not_signed_in("the server cannot take this login, password or code: a code has six digits"),
        429 | 502..=504 => Failure::new(
            Exit::TryAgain,
            "the service is busy or unavailable: try again in a moment",
        ),
        status => Failure::failed(format!("the server answered {status}: check the address")),
    }
}
