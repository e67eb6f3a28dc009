use std::io::Read;
use std::path::Path;

use holdfast_directory::Directory;

use crate::exit::Failure;

/// Reads a directory file; `-` is stdin. A bad file is refused whole, with every fault and its place.
pub(super) fn read(path: &Path) -> Result<Directory, Failure> {
    let (name, read) = if path.as_os_str() == "-" {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        ("stdin".to_owned(), read.map(|_| text))
    } else {
        (path.display().to_string(), std::fs::read_to_string(path))
    };
    let text = read.map_err(|error| Failure::failed(format!("{name}: {error}")))?;
    Directory::parse(&text).map_err(|error| Failure::failed(format!("{name}: {error}")))
}
