//! Which stack a command works with: flags come first, then the environment, then the profile file.
//!
//! `~/.config/holdfast/config.toml` names the stacks that someone works with:
//!
//! ```toml
//! default = "production"
//!
//! [profiles.production]
//! url = "https://abc123.execute-api.eu-central-1.amazonaws.com"
//! region = "eu-central-1"
//! resources_table = "holdfast-ResourcesTable-1ABC"
//! identity_table = "holdfast-IdentityTable-1ABC"
//! history_table = "holdfast-HistoryTable-1ABC"
//! epoch = 1
//! ```

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::{Host, Url};

use crate::exit::Failure;
use crate::output::Format;
use crate::secret::Secret;

/// The keys that second factors are sealed with. Only the environment has them: no argument, which every process of the machine
/// may read, and no file that is there for ever.
pub(crate) const SECOND_FACTOR_KEYS: &str = "HOLDFAST_SECOND_FACTOR_KEYS";
/// The server on this machine, as `cargo run` starts it.
const LOCAL: &str = "http://127.0.0.1:6500";

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The stack of this name in the profile file [env: HOLDFAST_PROFILE]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "local")]
    profile: Option<String>,
    /// The address of the API, in place of the profile's [env: HOLDFAST_URL]
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// The local server, at http://127.0.0.1:6500 unless --url says where on this machine
    #[arg(long, global = true)]
    local: bool,
    /// The profile file in place of ~/.config/holdfast/config.toml [env: HOLDFAST_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The form of the data on stdout
    #[arg(long, short, global = true, value_enum, value_name = "FORM", default_value_t)]
    output: Format,
}

impl Global {
    /// The form of the data on stdout.
    pub(crate) const fn format(&self) -> Format {
        self.output
    }
}

/// The stack to work with.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What its sign-in is kept under.
    pub(crate) name: String,
    /// The login that it is used with, unless another is given.
    pub(crate) login: Option<String>,
    /// Its AWS region.
    pub(crate) region: Option<String>,
    /// Its table `ResourcesTable`.
    pub(crate) resources_table: Option<String>,
    /// Its table `IdentityTable`.
    pub(crate) identity_table: Option<String>,
    /// Its table `HistoryTable`.
    pub(crate) history_table: Option<String>,
    /// Its epoch, unchecked.
    pub(crate) epoch: Option<String>,
    /// Whether it is the local server.
    pub(crate) is_local: bool,
    /// Where sign-ins are kept.
    pub(crate) state: PathBuf,
    /// `HOLDFAST_PASSWORD`
    pub(crate) password: Option<Secret>,
    /// `HOLDFAST_CODE`
    pub(crate) code: Option<Secret>,
    /// `HOLDFAST_API_KEY`
    pub(crate) api_key: Option<Secret>,
    /// `HOLDFAST_SECOND_FACTOR_KEYS`
    pub(crate) second_factor_keys: Option<Secret>,
    url: Option<Url>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    url: Option<String>,
    login: Option<String>,
    region: Option<String>,
    resources_table: Option<String>,
    identity_table: Option<String>,
    history_table: Option<String>,
    epoch: Option<u16>,
}

impl File {
    /// The profile of this name; an empty one where there is none and none is needed.
    fn take(mut self, name: &str, may_be_new: bool) -> Result<Profile, Failure> {
        if !is_name(name) {
            return Err(Failure::usage(format!(
                "'{name}' is not a profile's name: 1 to 64 letters, digits, '-' and '_'"
            )));
        }
        match self.profiles.remove(name) {
            Some(profile) => Ok(profile),
            None if may_be_new => Ok(Profile::default()),
            None => {
                let known: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                Err(Failure::usage(format!(
                    "the profile file has no profile '{name}' (it has: {known})"
                )))
            }
        }
    }
}

impl Settings {
    /// What `global` and this process's environment say.
    pub(crate) fn load(global: &Global) -> Result<Self, Failure> {
        Self::resolve(global, |name| std::env::var_os(name))
    }

    /// The same with an environment that a test can make up.
    fn resolve(global: &Global, env: impl Fn(&str) -> Option<OsString>) -> Result<Self, Failure> {
        let word = |name: &str| {
            env(name)
                .and_then(|value| value.into_string().ok())
                .filter(|value| !value.is_empty())
        };
        let home = env("HOME").map(PathBuf::from);
        let state = state_folder(&env, home.as_deref())?;
        if global.local {
            let url = address(global.url.as_deref().unwrap_or(LOCAL))?;
            if url.scheme() != "http" {
                return Err(Failure::usage(format!(
                    "'{url}' is not on this machine, as --local says"
                )));
            }
            return Ok(Self {
                is_local: true,
                url: Some(url),
                ..Self::named("local", Profile::default(), state, word)
            });
        }
        let named = global
            .config
            .clone()
            .or_else(|| env("HOLDFAST_CONFIG").map(PathBuf::from));
        let file = match (&named, config_file(&env, home.as_deref())) {
            (Some(path), _) => read(path, true)?,
            (None, Some(path)) => read(&path, false)?,
            (None, None) => File::default(),
        };
        let flag_or_env = global.profile.clone().or_else(|| word("HOLDFAST_PROFILE"));
        let url = global.url.clone().or_else(|| word("HOLDFAST_URL"));
        // An address without a profile means this address, and not the default profile with another.
        let profile = flag_or_env.or_else(|| file.default.clone().filter(|_| url.is_none()));
        let mut settings = match (profile, &url) {
            (Some(name), url) => {
                let profile = file.take(&name, url.is_some())?;
                Self::named(&name, profile, state, word)
            }
            (None, url) => {
                let hash = hex::encode(Sha256::digest(url.as_deref().unwrap_or_default()));
                let name = format!("at-{}", hash.chars().take(16).collect::<String>());
                Self::named(&name, Profile::default(), state, word)
            }
        };
        if let Some(url) = url {
            settings.url = Some(address(&url)?);
        }
        Ok(settings)
    }

    fn named(name: &str, profile: Profile, state: PathBuf, env: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            login: env("HOLDFAST_LOGIN").or(profile.login),
            region: env("AWS_REGION").or(profile.region),
            resources_table: env("HOLDFAST_RESOURCES_TABLE").or(profile.resources_table),
            identity_table: env("HOLDFAST_IDENTITY_TABLE").or(profile.identity_table),
            history_table: env("HOLDFAST_HISTORY_TABLE").or(profile.history_table),
            epoch: env("HOLDFAST_EPOCH").or_else(|| profile.epoch.map(|epoch| epoch.to_string())),
            is_local: false,
            state,
            password: env("HOLDFAST_PASSWORD").map(Secret::new),
            code: env("HOLDFAST_CODE").map(Secret::new),
            api_key: env("HOLDFAST_API_KEY").map(Secret::new),
            second_factor_keys: env(SECOND_FACTOR_KEYS).map(Secret::new),
            url: profile.url.as_deref().and_then(|url| address(url).ok()),
        }
    }

    /// The address of the API, without a slash at its end.
    pub(crate) fn url(&self) -> Result<&str, Failure> {
        let url = self.url.as_ref().ok_or_else(|| {
            Failure::usage("which API? Give --url, HOLDFAST_URL, --local, or a profile with a url")
        })?;
        Ok(url.as_str().trim_end_matches('/'))
    }
}

/// Checks an address. A password or a token travels over TLS, or stays on this machine.
fn address(text: &str) -> Result<Url, Failure> {
    let wrong = |why: &str| Failure::usage(format!("'{text}' is not the address of an API: {why}"));
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(wrong("it has more than a host and a path"));
    }
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here => Ok(url),
        "http" => Err(wrong("http:// is for this machine only; use https://")),
        _ => Err(wrong("it does not begin with https://")),
    }
}

/// A name that is also a file's, everywhere.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn read(path: &Path, must_exist: bool) -> Result<File, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {
            return Ok(File::default());
        }
        Err(error) => return Err(wrong(&error)),
    };
    let file: File = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| {
            text.get(..span.start).unwrap_or_default().matches('\n').count() + 1
        });
        wrong(&format!("line {line}: {}", error.message()))
    })?;
    for profile in file.profiles.values() {
        if let Some(url) = &profile.url {
            address(url).map_err(|failure| wrong(&failure.message))?;
        }
    }
    Ok(file)
}

/// An absolute path of the XDG base directory specification; relative ones are to be ignored.
fn xdg(env: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<PathBuf> {
    env(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn config_file(env: &impl Fn(&str) -> Option<OsString>, home: Option<&Path>) -> Option<PathBuf> {
    let folder = xdg(env, "XDG_CONFIG_HOME").or_else(|| Some(home?.join(".config")))?;
    Some(folder.join("holdfast").join("config.toml"))
}

fn state_folder(env: &impl Fn(&str) -> Option<OsString>, home: Option<&Path>) -> Result<PathBuf, Failure> {
    let usual = if cfg!(target_os = "macos") {
        "Library/Application Support"
    } else {
        ".local/state"
    };
    xdg(env, "XDG_STATE_HOME")
        .or_else(|| Some(home?.join(usual)))
        .map(|folder| folder.join("holdfast"))
        .ok_or_else(|| Failure::usage("where to keep the sign-in? Set HOME or XDG_STATE_HOME"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        default = "production"
        [profiles.production]
        url = "https://api.example.com/"
        region = "eu-central-1"
        resources_table = "prod-resources"
        [profiles.trial]
        url = "https://trial.example.com/v1"
    "#;

    fn settings(text: &str, global: Global, env: &[(&str, &str)]) -> Result<Settings, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        let global = Global {
            config: Some(path),
            ..global
        };
        Settings::resolve(&global, |name| match name {
            "HOME" => Some("/home/me".into()),
            _ => env
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).into()),
        })
    }

    #[test]
    fn flags_come_before_the_environment_and_the_environment_before_the_file() {
        let none = Global::default;
        let flag = |profile: Option<&str>, url: Option<&str>| Global {
            profile: profile.map(str::to_owned),
            url: url.map(str::to_owned),
            ..none()
        };
        for (global, env, name, url) in [
            (none(), &[][..], "production", "https://api.example.com"),
            (
                none(),
                &[("HOLDFAST_PROFILE", "trial")],
                "trial",
                "https://trial.example.com/v1",
            ),
            (
                flag(Some("production"), None),
                &[("HOLDFAST_PROFILE", "trial")],
                "production",
                "https://api.example.com",
            ),
            (
                none(),
                &[("HOLDFAST_URL", "https://other.example.com")],
                "at-a14fa92a5b0ac5ae",
                "https://other.example.com",
            ),
            (
                flag(None, Some("http://[::1]:1")),
                &[("HOLDFAST_URL", "https://x.example.com")],
                "at-",
                "http://[::1]:1",
            ),
            (
                flag(Some("new"), Some("https://n.example.com")),
                &[],
                "new",
                "https://n.example.com",
            ),
            (
                Global {
                    local: true,
                    ..none()
                },
                &[("HOLDFAST_URL", "https://x.example.com")],
                "local",
                LOCAL,
            ),
        ] {
            let settings = settings(FILE, global, env).unwrap();
            assert!(
                settings.name == name || name.starts_with("at-") && settings.name.starts_with("at-"),
                "{}",
                settings.name
            );
            assert_eq!(settings.url().unwrap(), url);
        }
        let tables = settings(FILE, none(), &[("HOLDFAST_IDENTITY_TABLE", "x")]).unwrap();
        assert_eq!(tables.resources_table.as_deref(), Some("prod-resources"));
        assert_eq!(tables.identity_table.as_deref(), Some("x"));
        assert_eq!(tables.region.as_deref(), Some("eu-central-1"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_one_line() {
        for (text, env, message) in [
            (
                "",
                &[][..],
                "which API? Give --url, HOLDFAST_URL, --local, or a profile with a url",
            ),
            (
                "",
                &[("HOLDFAST_PROFILE", "x")],
                "the profile file has no profile 'x' (it has: none)",
            ),
            (
                "",
                &[("HOLDFAST_PROFILE", "../x")],
                "'../x' is not a profile's name: 1 to 64 letters, digits, '-' and '_'",
            ),
            (
                "",
                &[("HOLDFAST_URL", "http://example.com")],
                "'http://example.com' is not the address of an API: http:// is for this machine only; use https://",
            ),
            (
                "",
                &[("HOLDFAST_URL", "ftp://example.com")],
                "'ftp://example.com' is not the address of an API: it does not begin with https://",
            ),
            (
                "",
                &[("HOLDFAST_URL", "https://a:b@example.com")],
                "'https://a:b@example.com' is not the address of an API: it has more than a host and a path",
            ),
            (
                "\nprofile = 1",
                &[],
                "[file]: line 2: unknown field `profile`, expected `default` or `profiles`",
            ),
        ] {
            let failure = settings(text, Global::default(), env)
                .and_then(|settings| settings.url().map(str::to_owned))
                .unwrap_err();
            let told = failure
                .message
                .split_once("config.toml")
                .map_or(failure.message.clone(), |(_, rest)| format!("[file]{rest}"));
            assert_eq!((failure.exit, told.as_str()), (crate::exit::Exit::Usage, message));
        }
    }

    #[test]
    fn sign_ins_are_kept_where_the_system_keeps_state() {
        let env = |name: &str| (name == "XDG_STATE_HOME").then(|| OsString::from("/state"));
        assert_eq!(state_folder(&env, None), Ok(PathBuf::from("/state/holdfast")));
        assert!(state_folder(&|_| None, None).is_err());
        assert!(
            state_folder(&|_| None, Some(Path::new("/home/me")))
                .unwrap()
                .starts_with("/home/me")
        );
    }
}
