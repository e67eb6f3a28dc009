//! Which company is meant.

use holdfast::id::Company;
use holdfast::store::Table;

use crate::exit::Failure;
use crate::tables::{Tables, of_store};

/// Reads a company from the command line.
pub(crate) fn parse_company(text: &str) -> Result<Company, String> {
    Company::try_from(text).map_err(|error| error.to_string())
}

/// The company that was given, or the only one that there is.
pub(crate) async fn chosen(tables: &Tables, given: Option<&Company>) -> Result<Company, Failure> {
    if let Some(given) = given {
        return Ok(given.clone());
    }
    let rows = tables
        .store
        .scan_all(Table::Resources, "company/")
        .await
        .map_err(of_store)?;
    let mut known: Vec<Company> = rows
        .iter()
        .filter(|row| matches!(row.removed_at(), Ok(None)))
        .filter_map(|row| Company::try_from(row.key().pk().strip_prefix("company/")?).ok())
        .collect();
    known.sort();
    match known.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Failure::usage("which company? Give --company")),
        several => {
            let several: Vec<&str> = several.iter().map(Company::as_str).collect();
            Err(Failure::usage(format!(
                "which company? Give --company ({})",
                several.join(", ")
            )))
        }
    }
}
