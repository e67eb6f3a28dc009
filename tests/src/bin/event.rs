//! The events of `events/`, for a script: `event prepare URL NAME` lets happen at the URL what must happen before the event, and
//! prints it with live credentials, for which the demo's people sign in there. `event snapshot NAME` reads a function's answer and
//! prints what is compared of it.

use std::io::Read;
use std::process::ExitCode;

use holdfast_tests::{Credentials, Event};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = match arguments.as_slice() {
        ["prepare", url, name] => match Event::read(name) {
            Some(event) => {
                let url = url.trim_end_matches('/');
                Ok(event.prepare(url, &mut Credentials::new(url)).await)
            }
            None => Err(format!("there is no event {name}\n")),
        },
        ["snapshot", name] => {
            let mut answer = String::new();
            std::io::stdin().read_to_string(&mut answer).expect("text");
            let answer = serde_json::from_str(&answer).map_err(|error| format!("no answer: {error}\n"));
            let event = Event::read(name).ok_or_else(|| format!("there is no event {name}\n"));
            event.and_then(|event| event.snapshot(&answer?))
        }
        _ => Err("usage: event prepare URL NAME | event snapshot NAME\n".to_owned()),
    };
    match said {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprint!("{text}");
            ExitCode::FAILURE
        }
    }
}
