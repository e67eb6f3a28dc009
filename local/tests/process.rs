//! The program as its user runs it: started, tried with the commands that it prints, interrupted and killed.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test may give up loudly, too"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use holdfast::Clock;
use holdfast::secret::TotpSecret;
use reqwest::header::{CONTENT_TYPE, COOKIE, HOST, HeaderName, SET_COOKIE};
use reqwest::{Client, Method};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_holdfast-local");
/// How long anything may take before it counts as hanging, on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_mins(2);

/// The running program; killed where the test ends before it does.
struct Running {
    child: Child,
    printed: Vec<String>,
    base: String,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["--port", "0"])
            .args(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut printed = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(base) = line.strip_prefix("listening on ") {
                return Self {
                    child,
                    printed,
                    base: base.to_owned(),
                };
            }
            printed.push(line);
        }
        panic!("it ended without listening: {:?}", child.wait());
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, which is what most tests are about.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// A folder of this run's own: another run of the same tests may be under way.
fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    // A process with this number may have left it, or not.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn failed(arguments: &[&str]) -> String {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = ended(&mut child).unwrap_or_else(|| panic!("{arguments:?} did not end"));
    assert!(!status.success(), "{arguments:?}");
    std::io::read_to_string(child.stderr.take().unwrap()).unwrap()
}

/// How it ended by itself. What does not is killed.
fn ended(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// Splits a line as a shell does, as far as the printed commands go: blanks, single quotes, and double quotes with
/// variables and the one substitution in them.
fn words(line: &str, variables: &HashMap<String, String>) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for character in line.chars() {
        let word = words.last_mut().unwrap();
        match (quote, character) {
            (None, ' ') => words.push(String::new()),
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            _ => word.push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    for word in &mut words {
        if let Some(login) = word.strip_prefix("$(cargo run -q -- totp ") {
            let output = Command::new(PROGRAM)
                .args(["totp", login.trim_end_matches(')')])
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap().trim().clone_into(word);
        }
        for (name, value) in variables {
            *word = word.replace(&format!("${name}"), value);
        }
    }
    words
}

/// What a session at a terminal remembers.
#[derive(Default)]
struct Terminal {
    jars: HashMap<String, String>,
    variables: HashMap<String, String>,
}

impl Terminal {
    /// Does what a shell would do with a printed command: the status and the body.
    async fn run(&mut self, line: &str) -> (u16, Option<String>, String) {
        let assigned = line.strip_suffix(')').and_then(|line| line.split_once("=$("));
        let Some((name, command)) = assigned else {
            return self.curl(line).await;
        };
        let (command, filter) = command.split_once(" | ").unwrap();
        let (status, fence, body) = self.curl(command).await;
        let value = match filter {
            "tr -d '\"'" => body.replace('"', ""),
            r#"sed 's/.*"Token":"\([^"]*\)".*/\1/'"# => {
                let answer: Value = serde_json::from_str(&body).unwrap();
                answer["Token"].as_str().unwrap().to_owned()
            }
            r#"sed 's/,"lock".*//; s/.*"fence"://'"# => {
                let (before, _) = body.split_once(",\"lock\"").unwrap();
                before.rsplit_once("\"fence\":").unwrap().1.to_owned()
            }
            filter => panic!("{filter} in {line}"),
        };
        self.variables.insert(name.to_owned(), value);
        (status, fence, body)
    }

    async fn curl(&mut self, line: &str) -> (u16, Option<String>, String) {
        let words = words(line, &self.variables);
        let mut words = words.iter();
        assert_eq!(words.next().unwrap(), "curl");
        let (mut method, mut headers, mut body, mut save, mut url) = (None, Vec::new(), None, None, None);
        while let Some(word) = words.next() {
            match word.as_str() {
                "-s" | "-si" => {}
                "-X" => method = words.next().map(|method| method.parse().unwrap()),
                "-H" => {
                    let (name, value) = words.next().unwrap().split_once(": ").unwrap();
                    headers.push((name.parse::<HeaderName>().unwrap(), value.to_owned()));
                }
                "-d" => body = words.next().cloned(),
                "-c" => save = words.next().cloned(),
                "-b" => headers.push((COOKIE, self.jars[words.next().unwrap()].clone())),
                word if word.starts_with("http://") => url = Some(word.to_owned()),
                word => panic!("{word} in {line}"),
            }
        }
        let method = method.unwrap_or(if body.is_some() { Method::POST } else { Method::GET });
        let mut request = client()
            .request(method, url.unwrap())
            .body(body.unwrap_or_default());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        if let Some(jar) = save {
            let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
            self.jars
                .insert(jar, cookie.split(';').next().unwrap().to_owned());
        }
        let fence = response
            .headers()
            .get("lock-fence")
            .map(|fence| fence.to_str().unwrap().to_owned());
        (response.status().as_u16(), fence, response.text().await.unwrap())
    }
}

#[tokio::test]
async fn the_printed_commands_do_what_they_say() {
    let running = Running::start(&[]);
    let commands: Vec<&str> = running
        .printed
        .iter()
        .map(|line| line.trim())
        .filter(|line| line.starts_with("curl") || line.contains("=$("))
        .collect();
    let mut terminal = Terminal::default();
    let mut told = Vec::new();
    let mut last = String::new();
    for command in commands {
        let (status, fence, body) = terminal.run(command).await;
        told.push((status, fence.unwrap_or_default()));
        last = body;
    }
    let expected = [
        // Session Delivery Manager: two sign-ins; locked, refused, listed, unlocked, and taken.
        (200, ""),
        (200, ""),
        (204, "1"),
        (423, ""),
        (200, ""),
        (204, "1"),
        (204, "2"),
        // Aktion.NEXT: signed in, locked, read; the locked user is kept out; unlocked.
        (200, ""),
        (200, ""),
        (200, ""),
        (401, ""),
        (200, ""),
        // Netwrix Privilege Secure: both factors; sessions locked, read and unlocked.
        (200, ""),
        (200, ""),
        (200, ""),
        (200, ""),
        (200, ""),
        // Holdfast's own API: alice signs in and locks.
        (200, ""),
        (200, ""),
        (201, ""),
        // The operator signs in, lists, looks, names the fence, and breaks.
        (200, ""),
        (200, ""),
        (200, ""),
        (200, ""),
        (200, ""),
        (200, ""),
        // Alice reads it and is held off.
        (200, ""),
        (409, ""),
    ];
    assert_eq!(told, expected.map(|(status, fence)| (status, fence.to_owned())));
    let refusal: Value = serde_json::from_str(&last).unwrap();
    let broken = &refusal["lastBreak"];
    assert_eq!(
        json!([broken["owner"], broken["fence"], broken["by"], broken["reason"]]),
        json!(["alice", 1, "olga", "Alice is on leave"])
    );
}

/// The store by itself serves another process, which finds the tables and the people in it.
#[tokio::test]
async fn the_store_serves_another_process() {
    let key = "k".repeat(43);
    let mut store = Command::new(PROGRAM)
        .args(["store", "--listen", "127.0.0.1:0"])
        .env("SECOND_FACTOR_KEYS", &key)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(store.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let endpoint = line
        .trim()
        .strip_prefix("store listening on ")
        .unwrap()
        .to_owned();
    let keys = [("SECOND_FACTOR_KEYS", key.as_str())];
    let running = Running::start_with(&["--dynamodb", &endpoint], &keys);
    let cookie = sign_in(&running, "alice", "alice-demo").await;
    // A second server on the same store: the session of the first one counts, and nothing is entered twice.
    let other = Running::start_with(&["--dynamodb", &endpoint], &keys);
    let devices = client()
        .get(other.url("/rest/v1.3/inventory/deviceMgmt/devices"))
        .header(COOKIE, cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(devices.status(), 200);
    store.kill().unwrap();
    store.wait().unwrap();
}

#[test]
fn totp_prints_a_code_for_a_user_who_has_one() {
    let output = Command::new(PROGRAM).args(["totp", "alice"]).output().unwrap();
    let code = String::from_utf8(output.stdout).unwrap();
    assert!(
        code.len() == 7 && code.trim().bytes().all(|b| b.is_ascii_digit()),
        "{code:?}"
    );
    assert!(failed(&["totp", "bob"]).contains("has no user bob with a totp_secret"));
}

#[tokio::test]
async fn ctrl_c_and_sigterm_end_it_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let mut running = Running::start(&[]);
        assert_eq!(client().get(running.url("/")).send().await.unwrap().status(), 200);
        running.signal(signal);
        let status = ended(&mut running.child).unwrap_or_else(|| panic!("{signal} did not end it"));
        assert!(status.success(), "{signal}: {status}");
    }
}

#[test]
fn what_cannot_be_used_is_told_in_clear_lines() {
    let folder = scratch("unusable");
    let bad = folder.join("bad.json");
    std::fs::write(
        &bad,
        r#"{"companies":[{"id":"a b"}],"users":[{"company":"1","login":"x","passwrod":"y"}]}"#,
    )
    .unwrap();
    let told = failed(&["--port", "0", "--directory", bad.to_str().unwrap()]);
    for fault in [
        "companies[0].id: a company id is",
        "users[0].company: is none",
        "users[0].passwrod: there is no such member here",
    ] {
        assert!(told.contains(fault), "{told}");
    }
    let told = failed(&["--port", "0", "--directory", "no-such-file.json"]);
    assert!(told.starts_with("holdfast-local: no-such-file.json: "), "{told}");

    let running = Running::start(&[]);
    let port = running.base.rsplit(':').next().unwrap();
    let told = failed(&["--port", port]);
    assert!(
        told.starts_with(&format!("holdfast-local: port {port} cannot be used: ")),
        "{told}"
    );

    let told = failed(&["--port", "0", "--data", folder.to_str().unwrap()]);
    assert!(
        told.starts_with("holdfast-local: the data file cannot be used: "),
        "{told}"
    );
    assert!(failed(&["--data", "x", "--dynamodb", "http://127.0.0.1:1"]).contains("cannot be used with"));
}

#[test]
fn help_names_every_option() {
    let output = Command::new(PROGRAM).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for option in [
        "--port",
        "--bind",
        "--host",
        "--quiet",
        "--data",
        "--epoch",
        "--directory",
        "--dynamodb",
        "6500",
    ] {
        assert!(help.contains(option), "{help}");
    }
}

async fn sign_in(running: &Running, login: &str, password: &str) -> String {
    let answer: Value = client()
        .post(running.url("/rest/v1.3/admin/login"))
        .header(CONTENT_TYPE, "application/json")
        .body(json!({"userName": login, "password": password}).to_string())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    format!("JSESSIONID={}", answer["sessionId"].as_str().unwrap())
}

#[tokio::test]
async fn a_directory_of_ones_own_replaces_the_demo_and_its_secrets_are_not_printed() {
    let file = scratch("directory").join("directory.json");
    let directory = json!({
        "companies": [{"id": "x"}],
        "users": [{"company": "x", "login": "erin", "password": "a secret of erin's"}],
    });
    std::fs::write(&file, directory.to_string()).unwrap();
    let running = Running::start(&["--directory", file.to_str().unwrap()]);
    assert!(running.printed.is_empty(), "{:?}", running.printed);
    sign_in(&running, "erin", "a secret of erin's").await;
    let demo = client()
        .post(running.url("/rest/v1.3/admin/login"))
        .header(CONTENT_TYPE, "application/json")
        .body(r#"{"userName":"alice","password":"alice-demo"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(demo.status(), 401);
}

fn people_file(folder: &std::path::Path) -> String {
    let file = folder.join("directory.json");
    let people = json!({
        "companies": [{"id": "1"}],
        "users": [{"company": "1", "login": "erin", "password": "x", "groups": ["provisioners"]}],
    });
    std::fs::write(&file, people.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The demo's secrets are public: its people are entered where there is nobody, and nowhere else.
#[tokio::test]
async fn the_demo_is_not_entered_where_there_are_people() {
    let folder = scratch("demo");
    let data = folder.join("data.sqlite");
    let data = data.to_str().unwrap();
    let running = Running::start(&["--data", data, "--directory", &people_file(&folder)]);
    sign_in(&running, "erin", "x").await;
    drop(running);
    let again = Running::start(&["--data", data]);
    assert_eq!(
        again.printed,
        ["The store has people already, so the demo's are not entered."]
    );
    sign_in(&again, "erin", "x").await;
    let admin = client()
        .post(again.url("/rest/v1.3/admin/login"))
        .header(CONTENT_TYPE, "application/json")
        .body(r#"{"userName":"admin","password":"admin-demo"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(admin.status(), 401);
}

/// The file holds what a thief of sessions and hashes looks for, and so do the two that SQLite keeps beside it.
#[test]
fn the_data_are_for_their_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = scratch("private");
    let people = people_file(&folder);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let known = folder.join("known.sqlite");
    std::fs::write(&known, "").unwrap();
    std::fs::set_permissions(&known, PermissionsExt::from_mode(0o644)).unwrap();
    for data in [folder.join("new.sqlite"), known] {
        let data = data.to_str().unwrap();
        let _running = Running::start(&["--data", data, "--directory", &people]);
        for file in ["", "-wal", "-shm", "-lock", ".key"].map(|end| PathBuf::from(format!("{data}{end}"))) {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }
}

fn second_factor_file(folder: &std::path::Path) -> String {
    let path = folder.join("second-factor.json");
    let people = json!({
        "companies": [{"id": "1"}],
        "users": [{"company": "1", "login": "erin", "password": "x", "totp_secret": TOTP_SECRET}],
    });
    std::fs::write(&path, people.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

const TOTP_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// Both steps of erin's sign-in, with the code of the moment: the status of the second.
async fn second_step(running: &Running) -> u16 {
    let post = |path: &str| {
        let request = client().post(running.url(path));
        request.header(CONTENT_TYPE, "application/json")
    };
    let first = post("/signinBody").body(r#"{"Login":"erin","Password":"x"}"#);
    let token: String = first.send().await.unwrap().json().await.unwrap();
    let code = TotpSecret::parse(TOTP_SECRET)
        .unwrap()
        .code_at(Clock::System.now());
    let second = post("/signin2fa").bearer_auth(token).body(code);
    second.send().await.unwrap().status().as_u16()
}

/// The data alone open no second factor; with the key beside them they do, also after a restart.
#[tokio::test]
async fn the_key_of_second_factors_is_beside_the_data_and_made_once() {
    let folder = scratch("key");
    let (data, people) = (folder.join("data.sqlite"), second_factor_file(&folder));
    let key = folder.join("data.sqlite.key");
    let arguments = ["--data", data.to_str().unwrap(), "--directory", &people];
    let running = Running::start(&arguments);
    let made = std::fs::read_to_string(&key).unwrap();
    assert_eq!(made.trim_end().len(), 64);
    assert_eq!(second_step(&running).await, 200);
    let kept = ["", "-wal"].map(|end| std::fs::read(format!("{}{end}", data.display())).unwrap());
    let kept = String::from_utf8_lossy(&kept.concat()).into_owned();
    assert!(kept.contains("credential/erin") && !kept.contains(TOTP_SECRET));
    drop(running);
    // A code counts once, so of the same half minute it is a replay: right, and not a 500.
    let running = Running::start(&arguments);
    assert!([200, 401].contains(&second_step(&running).await));
    assert_eq!(std::fs::read_to_string(&key).unwrap(), made);
    drop(running);

    let refused = ["--port", "0", "--data", data.to_str().unwrap()];
    std::fs::write(&key, "k".repeat(43)).unwrap();
    let told = failed(&refused);
    assert!(
        told.contains("sealed under the key ") && told.ends_with(": put the right one there\n"),
        "{told}"
    );
    std::fs::write(&key, "too short").unwrap();
    let told = failed(&refused);
    assert!(
        told.starts_with("holdfast-local: the key of second factors cannot be used: "),
        "{told}"
    );
    std::fs::remove_file(&key).unwrap();
    let told = failed(&refused);
    assert_eq!(
        told,
        format!(
            "holdfast-local: the data file has second factors, and the key that opens them is not there: put {} back, or set \
             SECOND_FACTOR_KEYS\n",
            folder.canonicalize().unwrap().join("data.sqlite.key").display()
        )
    );
    assert!(!key.exists(), "another one would hide the mistake");
    let made = made.trim_end();
    let running = Running::start_with(&arguments, &[("SECOND_FACTOR_KEYS", made)]);
    assert!([200, 401].contains(&second_step(&running).await));
    assert!(!key.exists(), "it was given");
}

/// A store that other processes use is sealed with a key that they have as well.
#[test]
fn the_store_by_itself_asks_for_the_key_that_sign_in_has() {
    assert_eq!(
        failed(&["store", "--listen", "127.0.0.1:0"]),
        "holdfast-local: SECOND_FACTOR_KEYS is not set: give this store and sign-in the same key, such as the output of `openssl rand \
         -hex 32`\n"
    );
}

/// Two servers would each answer from what it has read. The second one is told so, and the first one's end frees the
/// file, however it ends.
#[test]
fn the_data_are_for_one_server_at_a_time() {
    let folder = scratch("shared");
    let people = people_file(&folder);
    let data = folder.join("data.sqlite");
    let link = folder.join("link.sqlite");
    let running = Running::start(&["--data", data.to_str().unwrap(), "--directory", &people]);
    std::os::unix::fs::symlink(&data, &link).unwrap();
    for name in [&data, &link] {
        let told = failed(&[
            "--port",
            "0",
            "--data",
            name.to_str().unwrap(),
            "--directory",
            &people,
        ]);
        assert_eq!(
            told,
            "holdfast-local: the data file cannot be used: another server is using it\n"
        );
    }
    running.signal("-KILL");
    drop(running);
    Running::start(&["--data", link.to_str().unwrap(), "--directory", &people]);
}

/// A page of some other site whose name has come to lead to this machine is not answered (DNS rebinding).
#[tokio::test]
async fn other_names_of_this_machine_are_not_answered() {
    let running = Running::start(&[]);
    let port = running.base.rsplit(':').next().unwrap();
    let asked = async |host: &str| {
        let request = client().get(running.url("/")).header(HOST, host);
        request.send().await.unwrap()
    };
    for host in ["localhost", "127.0.0.1", "[::1]", "LocalHost", "localhost:1"] {
        assert_eq!(asked(host).await.status(), 200, "{host}");
        assert_eq!(
            asked(&format!("{}:{port}", host.trim_end_matches(":1")))
                .await
                .status(),
            200,
            "{host}"
        );
    }
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0",
        "[::]",
        "a b",
        "",
    ] {
        let answer = asked(host).await;
        assert_eq!(answer.status(), 421, "{host}");
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(
            answer.text().await.unwrap(),
            r#"{"message":"This server answers for localhost, 127.0.0.1 and [::1] alone."}"#
        );
    }
}

/// Killed without warning in the middle of load: every lock that was acknowledged is there after the restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_no_acknowledged_lock() {
    let folder = scratch("killed");
    let directory = folder.join("directory.json");
    let devices: Vec<Value> = (0..2_000)
        .map(|n| json!({"company": "1", "id": format!("D{n}")}))
        .collect();
    let content = json!({
        "companies": [{"id": "1"}],
        "users": [{"company": "1", "login": "erin", "password": "x", "groups": ["provisioners"]}],
        "devices": devices,
    });
    std::fs::write(&directory, content.to_string()).unwrap();
    let data = folder.join("data.sqlite");
    let arguments = [
        "--data",
        data.to_str().unwrap(),
        "--directory",
        directory.to_str().unwrap(),
    ];

    let mut running = Running::start(&arguments);
    let cookie = sign_in(&running, "erin", "x").await;
    let action = |base: String, cookie: String, device: usize, action: &'static str| async move {
        client()
            .post(format!(
                "{base}/rest/v1.3/inventory/deviceMgmt/devices/D{device}/action"
            ))
            .header(COOKIE, cookie)
            .header(CONTENT_TYPE, "application/json")
            .body(format!("{{\"type\":\"{action}\"}}"))
            .send()
            .await
    };
    let stop = AtomicBool::new(false);
    let acknowledged = std::sync::Mutex::new(HashMap::new());
    let load = join_all((0..8_usize).map(|worker| {
        let (base, cookie) = (running.base.clone(), cookie.clone());
        let (stop, acknowledged) = (&stop, &acknowledged);
        async move {
            for device in (worker..2_000).step_by(8) {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                match action(base.clone(), cookie.clone(), device, "Lock").await {
                    Ok(answer) if answer.status() == 204 => {
                        let fence = answer.headers()["lock-fence"].to_str().unwrap().to_owned();
                        acknowledged.lock().unwrap().insert(device, fence);
                    }
                    // The kill has come between the request and its answer: nobody was promised anything.
                    _ => break,
                }
            }
        }
    }));
    let killer = async {
        while acknowledged.lock().unwrap().len() < 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running.signal("-KILL");
        stop.store(true, Ordering::SeqCst);
    };
    futures_util::future::join(load, killer).await;
    running.child.wait().unwrap();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(
        (100..2_000).contains(&acknowledged.len()),
        "{}",
        acknowledged.len()
    );

    let again = Running::start(&arguments);
    for (device, fence) in acknowledged {
        let read: Value = client()
            .get(again.url(&format!("/rest/v1.3/inventory/deviceMgmt/devices/D{device}")))
            .header(COOKIE, &cookie)
            .header("Accept", "application/json")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(read["lock"]["owner"], "erin", "D{device}: {read}");
        assert_eq!(read["lock"]["fence"].to_string(), fence, "D{device}");
    }
}

/// What a container's client sees: the service's name is answered, any other is not, and the caller's own address is the source.
#[tokio::test]
async fn it_is_bound_beyond_loopback_and_answers_for_addresses_and_names_that_were_given() {
    let running = Running::start(&["--bind", "0.0.0.0", "--host", "holdfast", "--quiet"]);
    assert_eq!(running.printed, Vec::<String>::new(), "only the address");
    let port = running.base.rsplit(':').next().unwrap();
    for (host, status) in [
        ("holdfast:6500", 200),
        ("192.0.2.7", 200),
        ("localhost", 200),
        ("evil.example", 421),
        ("holdfast.evil.example", 421),
    ] {
        let request = client()
            .get(format!("http://127.0.0.1:{port}/health"))
            .header(HOST, host);
        assert_eq!(request.send().await.unwrap().status(), status, "{host}");
    }
    let health = |port: &str| {
        Command::new(PROGRAM)
            .args(["health", "--port", port])
            .output()
            .unwrap()
    };
    assert_eq!(health(port).status.code(), Some(0));
    running.signal("-TERM");
    drop(running);
    let unreachable = health("1");
    assert_eq!(unreachable.status.code(), Some(1));
    let said = String::from_utf8_lossy(&unreachable.stderr).into_owned();
    assert!(said.starts_with("holdfast-local: 127.0.0.1:1: "), "{said}");
}

#[tokio::test]
async fn quiet_is_one_line_and_no_line_a_request() {
    let mut child = Command::new(PROGRAM)
        .args(["--port", "0", "--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let base = line.strip_prefix("listening on ").unwrap();
    let answer = client().get(format!("{base}/health")).send().await.unwrap();
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(answer.text().await.unwrap(), r#"{"status":"ok"}"#);
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let ended = child.wait_with_output().unwrap();
    // What goes wrong is still said, such as a history that is stopped halfway.
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!said.contains("INFO") && !said.contains("/health"), "{said}");
    assert!(lines.next().is_none());
}
