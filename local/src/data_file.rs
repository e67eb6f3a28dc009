//! The file that holds the data: for its user alone, and for one server at a time.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::StartError;

/// Sessions, password hashes and sealed second factors are in it.
pub(crate) const OWNER_ALONE: u32 = 0o600;

/// A data file that this process has for itself until this is dropped, or the process ends, however it does.
#[derive(Debug)]
pub(crate) struct DataFile {
    path: String,
    /// Beside the data: a process that closes the data file itself loses the locks that SQLite holds on it.
    _lock: File,
}

impl DataFile {
    /// Takes the file, which is made where there is none.
    ///
    /// # Errors
    /// [`StartError`] where another server has taken it, and whatever the file system reports.
    pub(crate) fn take(path: &Path) -> Result<Self, StartError> {
        open(path).map_err(unusable)?;
        // By its own name, whatever link leads to it: that is the name beside which SQLite and the lock have theirs.
        let path = path.canonicalize().map_err(unusable)?;
        let path = path
            .to_str()
            .ok_or_else(|| unusable("its path is not UTF-8"))?
            .to_owned();
        let lock = open(Path::new(&format!("{path}-lock"))).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(unusable("another server is using it")),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        // Those that were there already. SQLite gives the files that it makes beside the data the data's own mode.
        for end in ["", "-wal", "-shm"] {
            match std::fs::set_permissions(format!("{path}{end}"), Permissions::from_mode(OWNER_ALONE)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
                _ => {}
            }
        }
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

pub(crate) fn unusable(error: impl std::fmt::Display) -> StartError {
    StartError::new("the data file cannot be used", error)
}

/// Opens a file as it is, or makes an empty one that only its owner may read from its first moment on.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(OWNER_ALONE)
        .open(path)
}
