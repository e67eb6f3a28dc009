//! Fills the placeholders of `events/README.md` for a script: `fill-events URL` writes each line that it reads with
//! live credentials in place of them, for which the demo's people sign in at the URL.

use std::io::{BufRead, Write};

use holdfast_tests::Credentials;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = std::env::args().nth(1).expect("usage: fill-events URL");
    let mut credentials = Credentials::new(url.trim_end_matches('/'));
    for line in std::io::stdin().lock().lines() {
        let filled = credentials.fill(&line.expect("text")).await;
        let mut out = std::io::stdout();
        writeln!(out, "{filled}")
            .and_then(|()| out.flush())
            .expect("a reader");
    }
}
