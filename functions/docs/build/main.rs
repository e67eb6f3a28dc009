//! Makes what the function serves, while it is built: the document in JSON with the examples of `events/`, the page, and the
//! list of addresses.

#![expect(
    clippy::indexing_slicing,
    clippy::format_push_string,
    clippy::format_collect,
    clippy::assigning_clones,
    reason = "what is wrong with the document ends the build, on the machine of those who build"
)]

mod addresses;
mod curl;
mod document;
mod page;
mod prose;
mod schema;

use std::error::Error;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use document::{Document, Fixture};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("style.css");

#[expect(
    clippy::disallowed_methods,
    reason = "Cargo tells a build script all by its environment"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new("../..");
    let (yaml, events) = (root.join("docs/openapi.yaml"), root.join("events"));
    for path in [&yaml, &events, &PathBuf::from("build")] {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let fixtures = Fixture::all(&events)?;
    let mut document = Document::parse(&std::fs::read_to_string(yaml)?)?;
    document.illustrate(&fixtures)?;

    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("openapi.json"), serde_json::to_string(document.root())?)?;
    std::fs::write(out.join("addresses.rs"), addresses::list(&document))?;
    std::fs::write(out.join("docs.html"), page::page(&document, &fixtures, STYLE))?;
    std::fs::write(out.join("policy.txt"), policy())?;
    Ok(())
}

/// Nothing from elsewhere, no frame, and of its own the one style and the one script.
fn policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; script-src 'self'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
}
