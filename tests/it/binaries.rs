//! The built binaries, each against a small Lambda Runtime API: every event in `events/`, and hostile ones.

use std::time::Duration;

use holdfast::store::Table;
use holdfast_local::{FUNCTIONS, STREAM_FUNCTIONS};
use holdfast_tests::{Bus, Credentials, Event, Invocation, Lambda, TlsEndpoint, World};
use serde_json::{Value, json};

const DEMO: &str = include_str!("../../local/demo-directory.json");

/// The answer of an invocation that must have one: its status, after a look at its form.
fn status(what: &str, invocation: &Invocation) -> u64 {
    let Invocation::Answered(answer) = invocation else {
        panic!("{what}: {invocation:?}")
    };
    let headers = answer["headers"]
        .as_object()
        .unwrap_or_else(|| panic!("{what}: {answer}"));
    assert_eq!(headers["cache-control"], "no-store", "{what}");
    assert_eq!(headers["x-content-type-options"], "nosniff", "{what}");
    assert!(headers.contains_key("strict-transport-security"), "{what}");
    answer["statusCode"].as_u64().unwrap()
}

/// What `events/README.md` says of each event.
fn expected(name: &str) -> Vec<u64> {
    let readme = include_str!("../../events/README.md");
    let (function, happens) = name.split_once("--").unwrap();
    let row = readme
        .lines()
        .find(|line| line.starts_with(&format!("| `{function}--")) && line.contains(&format!("--{happens}`")))
        .unwrap();
    let answer = row.split('|').nth(2).unwrap();
    answer
        .split(|character: char| !character.is_ascii_digit())
        .filter(|digits| digits.len() == 3)
        .map(|digits| digits.parse().unwrap())
        .collect()
}

/// An ordinary event for the first route of a function, without credentials or a body: refused, and clearly so.
fn ordinary(function: &str) -> Value {
    let event = Event::of(function).remove(0);
    let mut event: Value = serde_json::from_str(event.text()).unwrap();
    event.as_object_mut().unwrap().remove("cookies");
    event.as_object_mut().unwrap().remove("body");
    event["isBase64Encoded"] = json!(false);
    event["rawQueryString"] = json!("");
    event.as_object_mut().unwrap().remove("queryStringParameters");
    event["headers"].as_object_mut().unwrap().remove("authorization");
    event["headers"].as_object_mut().unwrap().remove("content-length");
    event
}

/// Events that no client sends by accident, each with the statuses that are a clear answer to it.
#[expect(clippy::too_many_lines, reason = "a table, one row an event")]
fn hostile(function: &str) -> Vec<(&'static str, String, Vec<u64>)> {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut event = ordinary(function);
        change(&mut event);
        event.to_string()
    };
    let set = |pointer: &str, value: Value| {
        let mut event = ordinary(function);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[name] = value;
        event.to_string()
    };
    let bad = vec![400];
    let mut refused = vec![400, 401, 403, 404, 413, 415];
    if function == "docs" {
        // It looks at no header, no body and no credential.
        refused.push(200);
    }
    let large = "x".repeat(70_000);
    let session = |random: &str| format!("JSESSIONID={}.MS9hbGljZQ", random.repeat(43));
    let mut all = vec![
        (
            "a space in the query",
            set("/rawQueryString", json!("a b")),
            bad.clone(),
        ),
        (
            "a quote in the query",
            set("/rawQueryString", json!("a\"b")),
            bad.clone(),
        ),
        (
            "angle brackets in the query",
            set("/rawQueryString", json!("<a>")),
            bad.clone(),
        ),
        (
            "a control character in the query",
            set("/rawQueryString", json!("a\u{1}b")),
            bad.clone(),
        ),
        (
            "broken escapes in the query",
            set("/rawQueryString", json!("Token=%zz&%=&=%f")),
            refused.clone(),
        ),
        (
            "a host with a space",
            set("/headers/host", json!("a b")),
            bad.clone(),
        ),
        (
            "a host with a bad port",
            set("/headers/host", json!("a:99999")),
            bad.clone(),
        ),
        ("an empty host", set("/headers/host", json!("")), bad.clone()),
        (
            "two schemes",
            set("/headers/x-forwarded-proto", json!("https,http")),
            bad.clone(),
        ),
        (
            "no such scheme",
            set("/headers/x-forwarded-proto", json!("\u{e9}")),
            bad.clone(),
        ),
        ("a long query", set("/rawQueryString", json!(large)), vec![414]),
        (
            "a long path",
            set("/rawPath", json!(format!("/{large}"))),
            vec![414],
        ),
        (
            "a long stage",
            set("/requestContext/stage", json!(large)),
            vec![414],
        ),
        (
            "a stage that is a path",
            set("/requestContext/stage", json!("a/../b?c#d")),
            bad.clone(),
        ),
        ("an empty path", set("/rawPath", json!("")), bad.clone()),
        (
            "another function's route",
            set("/requestContext/routeKey", json!("GET /nowhere")),
            vec![404],
        ),
        (
            "no route at all",
            set("/requestContext/routeKey", json!("$default")),
            vec![404, 405],
        ),
        (
            "a large header",
            set("/headers/x-large", json!("x".repeat(200_000))),
            refused.clone(),
        ),
        (
            "a header name that is none",
            set("/headers/x y", json!("z")),
            bad.clone(),
        ),
        (
            "a cookie that is none",
            set("/cookies", json!(["\u{0}", "=;=", "JSESSIONID"])),
            refused.clone(),
        ),
        (
            "two session cookies",
            set("/cookies", json!([session("x"), session("y")])),
            refused.clone(),
        ),
        (
            "a thousand session cookies",
            set("/cookies", json!(vec![session("x"); 1_000])),
            refused.clone(),
        ),
        ("no event", "null".to_owned(), bad.clone()),
        (
            "an event of another kind",
            json!({"Records": [{"eventSource": "aws:sqs"}]}).to_string(),
            bad.clone(),
        ),
        ("an event that is a list", "[]".to_owned(), bad.clone()),
        (
            "no request context",
            with(&|event| drop(event.as_object_mut().unwrap().remove("requestContext"))),
            bad.clone(),
        ),
        (
            "no headers",
            with(&|event| drop(event.as_object_mut().unwrap().remove("headers"))),
            refused.clone(),
        ),
    ];
    for (name, body, base64, statuses) in [
        ("a body that is no base64", "%%%", true, bad),
        ("a body in base64 that is no text", "//79", true, refused.clone()),
        ("a body that is anything", "\u{0}\u{ffff}", false, refused.clone()),
        (
            "a body of nothing but brackets",
            &"[".repeat(65_536),
            false,
            refused.clone(),
        ),
        (
            "a body of nothing but tags",
            &"<a>".repeat(21_845),
            false,
            refused.clone(),
        ),
    ] {
        let event = with(&|event| {
            event["body"] = json!(body);
            event["isBase64Encoded"] = json!(base64);
        });
        all.push((name, event, statuses));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_answered_as_the_readme_says_and_no_hostile_one_ends_the_process() {
    let world = World::live(serde_json::from_str(DEMO).unwrap()).await;
    let mut credentials = Credentials::new(&world.url(""));
    for function in FUNCTIONS {
        // A function's events may end the sessions that they use. A second factor is good for one sign-in.
        credentials.forget_sessions();
        let mut lambda = Lambda::start(function.name, world.endpoint()).await;
        for (what, event, statuses) in hostile(function.name) {
            let status = status(
                &format!("{}: {what}", function.name),
                &lambda.invoke(&event).await,
            );
            assert!(
                statuses.contains(&status),
                "{}: {what} is a {status}",
                function.name
            );
            assert!(lambda.is_alive(), "{}: {what} ended the process", function.name);
        }
        for event in in_order(Event::of(function.name)) {
            let name = event.name();
            let locked_account = name.contains("locked-account");
            if locked_account {
                let admin = credentials.value("aktion-token:admin").await;
                assert_eq!(world.lock_user_by(&admin, "mona", 1).await.status, 200);
            }
            let event = credentials.fill(event.text()).await;
            let status = status(name, &lambda.invoke(&event).await);
            assert!(
                expected(name).contains(&status),
                "{name} is a {status}, not {:?}",
                expected(name)
            );
            if locked_account {
                let admin = credentials.value("aktion-token:admin").await;
                assert_eq!(world.lock_user_by(&admin, "mona", 0).await.status, 200);
            }
        }
        assert!(lambda.is_alive());
        logs_are_clean(function.name, &lambda.into_log().await, credentials.secrets());
    }
}

/// Twice, because the stream hands a batch over more than once.
#[tokio::test(flavor = "multi_thread")]
async fn every_batch_of_the_stream_is_handled_to_its_end_and_leaves_the_records_that_the_readme_says() {
    let world = World::live(serde_json::from_str(DEMO).unwrap()).await;
    let bus = Bus::start().await;
    for function in STREAM_FUNCTIONS {
        // Who publishes reaches no store.
        let (store, said) = match *function {
            "publish-events" => ("http://127.0.0.1:9", "is not published"),
            _ => (world.endpoint(), "is kept raw"),
        };
        let environment = [
            ("AWS_ENDPOINT_URL_EVENTBRIDGE", bus.endpoint()),
            ("EVENT_BUS", "holdfast"),
            ("STACK_NAME", "prod"),
        ];
        let mut lambda = Lambda::start_with(function, store, &environment).await;
        for event in ["null", "[]", "{}", r#"{"Records":[{"eventSource":"aws:sqs"}]}"#] {
            let invocation = lambda.invoke(event).await;
            assert!(matches!(invocation, Invocation::Failed(_)), "{invocation:?}");
            assert!(lambda.is_alive(), "{event} ended {function}");
        }
        for event in Event::of(function) {
            for _ in 0..2 {
                let invocation = lambda.invoke(event.text()).await;
                let handled = Invocation::Answered(json!({"batchItemFailures": []}));
                assert_eq!(invocation, handled, "{}", event.name());
            }
        }
        let log = lambda.into_log().await;
        let of_poison = log.iter().filter(|line| line.contains(said));
        assert_eq!(of_poison.count(), 2, "{log:?}");
        for never in ["lock_owner", "NewImage", "203.0.113.7"] {
            assert!(!log.join("\n").contains(never), "{function} logs {never}");
        }
    }
    let events = bus.taken().into_iter().map(|entry| {
        let event: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        format!(
            "{} {}",
            event["id"].as_str().unwrap(),
            event["type"].as_str().unwrap()
        )
    });
    insta::assert_snapshot!(events.collect::<Vec<_>>().join("\n"), @r"
    1/device/ID5/00000000000000000001 holdfast.lock.created.v1
    1/device/ID5/00000000000000000002 holdfast.lock.acquired.v1
    1/device/ID5/00000000000000000003 holdfast.lock.released.v1
    1/device/ID5/00000000000000000001 holdfast.lock.created.v1
    1/device/ID5/00000000000000000002 holdfast.lock.acquired.v1
    1/device/ID5/00000000000000000003 holdfast.lock.released.v1
    ");
    let mut kept: Vec<String> = world
        .rows(Table::History)
        .await
        .iter()
        .map(|row| {
            let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok()).cloned();
            let action = text("action").unwrap_or_default();
            format!("{} {} {action}", text("pk").unwrap(), text("sk").unwrap())
                .trim_end()
                .to_owned()
        })
        .collect();
    kept.sort();
    insta::assert_snapshot!(kept.join("\n"), @r"
    1/device/ID5 00000000000000000001 created
    1/device/ID5 00000000000000000002 acquired
    1/device/ID5 00000000000000000003 released
    raw/100000000021468400155 raw
    ");
}

/// Some events presume another: a lock before someone is refused, a lock before it is released.
fn in_order(mut events: Vec<Event>) -> Vec<Event> {
    let rank = |name: &str| match name {
        name if name.ends_with("--lock") || name.ends_with("--hold") => 0,
        name if name.ends_with("--hold-without-end") || name.ends_with("--break") => 0,
        name if name.contains("by-another-user") => 1,
        name if name.contains("locked-account") => 3,
        _ => 2,
    };
    events.sort_by_key(|event| rank(event.name()));
    events
}

/// Every line is an object of its own with the keys that dashboards know, and none shows a secret, a query string or a
/// body.
fn logs_are_clean(function: &str, log: &[String], secrets: &[String]) {
    let mut answered = 0;
    let mut counted = 0;
    let mut outcomes = std::collections::BTreeSet::new();
    for line in log {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("{function}: no JSON: {line}"));
        if line.get("_aws").is_some() {
            counted += 1;
            assert_eq!(line["Operation"], function);
            assert_eq!(line["Count"], 1, "{line}");
            assert_eq!(line["Stack"], "test", "{line}");
            assert!(line["function_request_id"].is_string(), "{line}");
            outcomes.insert(line["Outcome"].as_str().unwrap().to_owned());
            continue;
        }
        for key in ["level", "message", "timestamp", "service", "function_name"] {
            assert!(line.get(key).is_some(), "{function}: no {key} in {line}");
        }
        if line["message"].as_str().unwrap().starts_with("answered") {
            answered += 1;
            for key in [
                "function_request_id",
                "xray_trace_id",
                "cold_start",
                "status",
                "duration_ms",
            ] {
                assert!(line.get(key).is_some(), "{function}: no {key} in {line}");
            }
            assert_eq!(line["cold_start"], answered == 1, "{function}: {line}");
        }
    }
    assert!(
        answered > 20 && answered == counted,
        "{function}: {answered} answers, {counted} counted"
    );
    let expected: &[&str] = match function {
        "lock-device" => &["acquired", "held_by_other", "refused", "released", "renewed"],
        "lock-user" | "lock-activity-sessions" => &["acquired", "refused", "released"],
        "hold-lock" => &["acquired", "held_by_other", "refused", "released"],
        "break-lock" => &["broken", "refused"],
        "sign-in" => &["done", "refused", "second_factor_guessing", "sign_in_failed"],
        _ => &["done", "refused"],
    };
    for outcome in expected {
        assert!(
            outcomes.contains(*outcome),
            "{function} counted no {outcome}: {outcomes:?}"
        );
    }
    let log = log.join("\n");
    for secret in secrets {
        assert!(!log.contains(secret.as_str()), "{function} logs a secret");
    }
    for never in ["-demo", "Token=", "LoginName", "activitySessionIds", "on leave"] {
        assert!(!log.contains(never), "{function} logs {never}");
    }
}

/// A lock with a token in the right form, which nobody has issued.
fn lock_by_a_stranger() -> String {
    let mut event = ordinary("lock-device");
    event["headers"]["content-type"] = json!("application/json");
    event["body"] = json!("{\"type\":\"Lock\"}");
    event["isBase64Encoded"] = json!(false);
    event["pathParameters"] = json!({"versionId": "v1.3", "deviceId": "ID5"});
    event["cookies"] = json!([format!("JSESSIONID={}.MS9hbGljZQ", "x".repeat(43))]);
    event.to_string()
}

async fn has_logged(lambda: Lambda, text: &str) -> bool {
    lambda.into_log().await.iter().any(|line| line.contains(text))
}

const NOT_REACHED: &str = "the store was not reached during start-up";

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_reached_fails_no_start_and_is_a_503() {
    // A port that is taken and not listened at: nothing else on this machine answers there.
    let port = tokio::net::TcpSocket::new_v4().unwrap();
    port.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://{}", port.local_addr().unwrap());
    let mut lambda = Lambda::start("lock-device", &endpoint).await;
    let answer = lambda.invoke(&lock_by_a_stranger()).await;
    assert_eq!(status("unreachable", &answer), 503);
    assert!(lambda.is_alive());
    assert!(has_logged(lambda, NOT_REACHED).await);
}

/// A store that takes the connection and never says a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_silent_fails_no_start_and_is_a_503() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let mut lambda = Lambda::start("lock-device", &endpoint).await;
    let answer = lambda.invoke(&lock_by_a_stranger()).await;
    assert_eq!(status("silent", &answer), 503);
    assert!(lambda.is_alive());
    assert!(has_logged(lambda, NOT_REACHED).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_believes_the_authorities_that_it_is_told_of_and_nobody_else() {
    let world = World::live(serde_json::from_str(DEMO).unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let store = world.endpoint().trim_start_matches("http://").parse().unwrap();
    let endpoint = TlsEndpoint::start(store, folder.path()).await.unwrap();

    let bundle = endpoint.bundle().to_str().unwrap();
    let told = Lambda::start_with("lock-device", endpoint.url(), &[("AWS_CA_BUNDLE", bundle)]).await;
    let answer = told.invoke(&lock_by_a_stranger()).await;
    assert_eq!(status("told", &answer), 401);
    assert!(!has_logged(told, NOT_REACHED).await);

    // The store's certificate is in order, and signed by nobody that AWS's own are signed by.
    let before = endpoint.traffic();
    let untold = Lambda::start("lock-device", endpoint.url()).await;
    let answer = untold.invoke(&lock_by_a_stranger()).await;
    assert_eq!(status("untold", &answer), 503);
    assert_eq!(endpoint.traffic().since(before).requests, 0);
    assert!(has_logged(untold, NOT_REACHED).await);

    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let variables = [("AWS_CA_BUNDLE", empty.to_str().unwrap())];
    let mut misled = Lambda::start_with("lock-device", endpoint.url(), &variables).await;
    assert!(!misled.ended().await);
    assert!(has_logged(misled, "AWS_CA_BUNDLE has no certificate in it").await);
}

/// What is wrong with the keys is one line, which does not show them. Nobody else is told of keys, or looks for them.
#[tokio::test(flavor = "multi_thread")]
async fn only_sign_in_needs_the_keys_of_second_factors_and_does_not_start_without() {
    let world = World::live(serde_json::from_str(DEMO).unwrap()).await;
    let said =
        "the configuration is unusable: SECOND_FACTOR_KEYS has a key that is not 43 to 256 random letters";
    for keys in ["", "a-secret-that-is-too-short"] {
        let variables = [("SECOND_FACTOR_KEYS", keys)];
        let mut lambda = Lambda::start_with("sign-in", world.endpoint(), &variables).await;
        assert!(!lambda.ended().await);
        let log = lambda.into_log().await.join("\n");
        assert!(log.contains(said) && !log.contains("too-short"), "{log}");
        let other = Lambda::start_with("lock-device", world.endpoint(), &variables).await;
        let answer = other.invoke(&lock_by_a_stranger()).await;
        assert_eq!(status("lock-device", &answer), 401);
    }
}

/// Else each reader would get a 500, and each record would be given up after 12 hours.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_of_the_history_does_not_start_without_its_table() {
    let world = World::live(serde_json::from_str(DEMO).unwrap()).await;
    for function in ["history", "record-history"] {
        let variables = [("HISTORY_TABLE", "")];
        let mut lambda = Lambda::start_with(function, world.endpoint(), &variables).await;
        assert!(!lambda.ended().await, "{function}");
        let said = "the configuration is unusable: HISTORY_TABLE is not set";
        assert!(has_logged(lambda, said).await, "{function}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_connections_are_opened_in_init_as_are_asked_for() {
    let world = World::live(serde_json::from_str(DEMO).unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let store = world.endpoint().trim_start_matches("http://").parse().unwrap();
    let endpoint = TlsEndpoint::start(store, folder.path()).await.unwrap();
    let bundle = endpoint.bundle().to_str().unwrap();
    for (asked, opened) in [(None, 2), (Some("0"), 0), (Some("5"), 5)] {
        let before = endpoint.traffic();
        let mut variables = vec![("AWS_CA_BUNDLE", bundle)];
        variables.extend(asked.map(|asked| ("WARM_CONNECTIONS", asked)));
        let lambda = Lambda::start_with("lock-device", endpoint.url(), &variables).await;
        // One request for the rows of a call that is refused, beside those of INIT.
        let answer = lambda.invoke(&lock_by_a_stranger()).await;
        assert_eq!(status("stranger", &answer), 401);
        // A read may go over a connection that another one was quicker to open; its own is opened all the same.
        let opening = async {
            while endpoint.traffic().since(before).connections < opened {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let all_open = tokio::time::timeout(Duration::from_mins(1), opening).await;
        assert!(
            all_open.is_ok(),
            "{asked:?}: {:?}",
            endpoint.traffic().since(before)
        );
        let passed = endpoint.traffic().since(before);
        assert_eq!(passed.requests, opened + 1, "{asked:?}");
        assert_eq!(passed.connections, opened.max(1), "{asked:?}");
    }
}
