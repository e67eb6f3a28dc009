//! The sign-in that is kept between two commands: one file for each profile, for its user alone.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use holdfast::lock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::exit::{Exit, Failure};
use crate::profile::Settings;
use crate::secret::Secret;

/// What somebody has signed in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Factors {
    Password,
    PasswordAndCode,
    ApiKey,
}

/// A sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Kept {
    /// The API that it is for: no other is sent its token.
    pub(crate) url: String,
    /// Who signed in.
    pub(crate) login: String,
    /// What they signed in with.
    pub(crate) with: Factors,
    /// A person's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<Secret>,
    /// A machine's key, which gets a token for each command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api_key: Option<Secret>,
    /// When the token was issued, by this machine's clock; RFC 3339.
    pub(crate) issued_at: String,
}

impl Kept {
    /// A person's sign-in.
    pub(crate) fn of_person(url: &str, login: &str, with: Factors, token: Secret, now: Timestamp) -> Self {
        Self {
            url: url.to_owned(),
            login: login.to_owned(),
            with,
            token: Some(token),
            api_key: None,
            issued_at: now.to_string(),
        }
    }

    /// A machine's sign-in.
    pub(crate) fn of_machine(url: &str, login: &str, key: Secret, now: Timestamp) -> Self {
        Self {
            url: url.to_owned(),
            login: login.to_owned(),
            with: Factors::ApiKey,
            token: None,
            api_key: Some(key),
            issued_at: now.to_string(),
        }
    }

    /// Reads the sign-in of this profile; `None` where there is none, or none for this address.
    pub(crate) fn read(settings: &Settings) -> Result<Option<Self>, Failure> {
        let path = path(settings);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::failed(format!("{}: {error}", path.display()))),
        };
        let kept: Self = serde_json::from_str(&text)
            .map_err(|_| Failure::new(Exit::NotSignedIn, "the sign-in is damaged: run `holdfast login`"))?;
        Ok((kept.url == settings.url()?).then_some(kept))
    }

    /// Keeps the sign-in. The file is never there for others to read, nor half written.
    pub(crate) fn write(&self, settings: &Settings) -> Result<(), Failure> {
        let path = path(settings);
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::failed(format!("cannot keep the sign-in in {}: {error}", path.display()))
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&settings.state)
            .map_err(|error| wrong(&error))?;
        // Its mode is 0600 from the beginning.
        let mut file = tempfile::NamedTempFile::new_in(&settings.state).map_err(|error| wrong(&error))?;
        let text = serde_json::to_vec_pretty(self).map_err(|error| wrong(&error))?;
        file.write_all(&text).map_err(|error| wrong(&error))?;
        file.persist(&path).map_err(|error| wrong(&error.error))?;
        Ok(())
    }

    /// Forgets the sign-in of this profile. The answer is whether there was one.
    pub(crate) fn forget(settings: &Settings) -> Result<bool, Failure> {
        let path = path(settings);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Failure::failed(format!("{}: {error}", path.display()))),
        }
    }
}

fn path(settings: &Settings) -> PathBuf {
    settings.state.join(format!("{}.json", settings.name))
}
