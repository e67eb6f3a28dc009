//! `holdfast watch` follows changes until it is stopped.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use holdfast_tests::{Terminal, World, operators};
use serde_json::{Value, json};

/// How long anything may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_mins(1);

struct Watching {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

fn lines(reader: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(reader).lines() {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Watching {
    fn start(terminal: &Terminal, arguments: &[&str]) -> Self {
        let mut child = terminal
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        assert_eq!(
            stderr.recv_timeout(PATIENCE).unwrap(),
            "following changes; Ctrl-C ends it"
        );
        Self {
            child,
            stdout,
            stderr,
        }
    }

    fn next(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("a change")
    }

    /// Sends it a signal: how it ended.
    fn stop(&mut self, signal: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert_eq!(self.stdout.try_iter().count() + self.stderr.try_iter().count(), 0);
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended already, which is what the tests are about.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A shell in which somebody without a second factor has signed in.
fn signed_in(world: &World, login: &str, arguments: &[&str]) -> Terminal {
    let terminal = Terminal::new(world);
    let login = [&["login", login, "--code", "NA"], arguments].concat();
    let run = terminal.run_with(&login, &[("HOLDFAST_PASSWORD", holdfast_tests::PASSWORD)], "");
    assert_eq!(run.code, 0, "{run:?}");
    terminal
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_seen_once_each_until_ctrl_c() {
    let world = World::live_with_history(operators()).await;
    let (audrey, bob) = (signed_in(&world, "audrey", &[]), signed_in(&world, "bob", &[]));
    assert_eq!(bob.run(&["lock", "device/ID6"]).code, 0);
    let mut all = Watching::start(&audrey, &["watch", "--kind", "device", "--output", "json"]);
    let mut one = Watching::start(&audrey, &["watch", "device/ID5"]);
    assert_eq!(bob.run(&["lock", "device/ID5"]).code, 0);
    assert_eq!(bob.run(&["unlock", "device/ID5"]).code, 0);

    let told = |line: &str| -> Value { serde_json::from_str(line).unwrap() };
    let mut seen: Vec<Value> = Vec::new();
    // What was on its way into the history when it began may be among them.
    while seen.last().is_none_or(|record| record["action"] != "released") {
        let record = told(&all.next());
        seen.push(record);
    }
    let of_one: Vec<&Value> = seen.iter().filter(|record| record["id"] == "ID5").collect();
    let actions: Vec<&str> = of_one
        .iter()
        .map(|record| record["action"].as_str().unwrap())
        .collect();
    assert!(actions.ends_with(&["acquired", "released"]), "{seen:?}");
    assert_eq!(seen.len(), {
        let mut changes: Vec<String> = seen
            .iter()
            .map(|r| format!("{}{}", r["id"], r["change"]))
            .collect();
        changes.sort();
        changes.dedup();
        changes.len()
    });
    let mut lines = vec![one.next()];
    while !lines.last().unwrap().contains("released") {
        lines.push(one.next());
    }
    assert!(lines.iter().all(|line| line.contains("device/ID5")), "{lines:?}");
    assert!(
        lines
            .last()
            .unwrap()
            .ends_with("device/ID5  released  by bob  bob → -"),
        "{lines:?}"
    );
    assert_eq!(all.stop("-INT"), Some(0));
    assert_eq!(one.stop("-TERM"), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_servers_events_are_followed_as_they_come() {
    let world = World::live_with_history(operators()).await;
    let (url, bob) = (world.url(""), signed_in(&world, "bob", &[]));
    let audrey = signed_in(&world, "audrey", &["--local", "--url", &url]);
    let mut watching = Watching::start(
        &audrey,
        &[
            "watch",
            "--local",
            "--url",
            &url,
            "device/ID5",
            "--output",
            "ndjson",
        ],
    );
    assert_eq!(bob.run(&["lock", "device/ID6"]).code, 0);
    assert_eq!(bob.run(&["lock", "device/ID5"]).code, 0);
    let record: Value = loop {
        let record: Value = serde_json::from_str(&watching.next()).unwrap();
        if record["action"] == "acquired" {
            break record;
        }
    };
    assert_eq!((&record["id"], &record["actor"]), (&json!("ID5"), &json!("bob")));
    assert_eq!(watching.stop("-INT"), Some(0));
}
