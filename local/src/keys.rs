//! The keys that second factors are sealed with: given, or the server's own.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use holdfast::config::SECOND_FACTOR_KEYS;
use holdfast::secret::{InvalidSealingKeys, SealingKeys, random_sealing_key};
use holdfast::store::{Store, Table};

use crate::StartError;
use crate::data_file::OWNER_ALONE;

/// The keys, and the text that they were read from: the command asks for it.
#[derive(Clone)]
pub struct Keys {
    text: String,
    keys: SealingKeys,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(redacted)")
    }
}

impl Keys {
    /// Reads one key, or two with a comma between them.
    ///
    /// # Errors
    /// [`InvalidSealingKeys`]
    pub fn parse(text: &str) -> Result<Self, InvalidSealingKeys> {
        Ok(Self {
            text: text.to_owned(),
            keys: SealingKeys::parse(text)?,
        })
    }

    pub(crate) const fn sealing(&self) -> &SealingKeys {
        &self.keys
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.text
    }

    /// The server's own keys: from the file beside its data, which is made where there is none yet, or new ones. They open what
    /// the store has, or the server does not start.
    pub(crate) async fn own(store: &Store, data: Option<&Path>) -> Result<Self, StartError> {
        let file = data.map(beside).transpose()?;
        let known = file.as_deref().map(read).transpose()?.flatten();
        let sealed = sealed_under(store).await?;
        let keys = match known {
            Some(keys) => keys,
            None if sealed.is_empty() => made(file.as_deref())?,
            None => {
                return Err(StartError(match file {
                    Some(file) => format!(
                        "the data file has second factors, and the key that opens them is not there: put {} back, or set \
                         {SECOND_FACTOR_KEYS}",
                        file.display()
                    ),
                    None => format!(
                        "the store has second factors that a server before this one has sealed: set {SECOND_FACTOR_KEYS} to its key"
                    ),
                }));
            }
        };
        match (sealed.iter().find(|key| !keys.keys.has(**key)), file) {
            (Some(other), Some(file)) => Err(StartError(format!(
                "the data file has second factors that are sealed under the key {other}, and {} has the key {}: put the right one there",
                file.display(),
                keys.keys.first()
            ))),
            _ => Ok(keys),
        }
    }
}

/// `FILE.key`, beside the file that a link leads to.
fn beside(data: &Path) -> Result<PathBuf, StartError> {
    let mut path = data.canonicalize().map_err(unusable)?.into_os_string();
    path.push(".key");
    Ok(path.into())
}

/// The keys of a file; none where there is no file.
fn read(file: &Path) -> Result<Option<Keys>, StartError> {
    let mut text = String::new();
    match File::open(file).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error)),
    }
    let keys = Keys::parse(text.trim_end());
    keys.map(Some)
        .map_err(|why| unusable(format!("{} {why}", file.display())))
}

/// New keys, in a new file where one is named. It is whole or not there: a server that is stopped in between makes another.
fn made(file: Option<&Path>) -> Result<Keys, StartError> {
    let text = random_sealing_key().map_err(unusable)?;
    if let Some(file) = file {
        let part = file.with_extension("key-part");
        let write = || -> io::Result<()> {
            let mut made = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(OWNER_ALONE)
                .open(&part)?;
            writeln!(made, "{text}")?;
            made.sync_all()?;
            std::fs::rename(&part, file)
        };
        write().map_err(unusable)?;
    }
    Keys::parse(&text).map_err(unusable)
}

fn unusable(error: impl fmt::Display) -> StartError {
    StartError::new("the key of second factors cannot be used", error)
}

/// The keys that the store's second factors are sealed under.
async fn sealed_under(store: &Store) -> Result<Vec<holdfast::secret::KeyId>, StartError> {
    let rows = store.scan_kinds(Table::Identity, &["credential/"]).await;
    let mut keys = Vec::new();
    for row in rows.map_err(unusable)? {
        keys.extend(row.second_factor().map_err(unusable)?.map(|sealed| sealed.key()));
    }
    Ok(keys)
}
