//! Whether a run of the tests has seen every status of every operation that the document has:
//! `API_COVERAGE=<folder> cargo test …`, then `api-coverage <folder>`.

use std::path::Path;
use std::process::ExitCode;

use holdfast_tests::coverage;

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: api-coverage FOLDER");
        return ExitCode::from(2);
    };
    let (table, gaps) = coverage::table(&coverage::seen(Path::new(&folder)));
    println!("{table}");
    if gaps == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("the tests do not reach {gaps} statuses of the document, in brackets above");
    ExitCode::FAILURE
}
