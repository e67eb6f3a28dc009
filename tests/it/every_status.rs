//! The statuses that every call can have, whatever its chapter of the contract says: what no valid client sends, a long address, a body
//! that is too large or of another kind, no credential, a store that fails. Each is asked for wherever the document has it, and the
//! harness holds the answer to the document.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use holdfast_tests::{Answer, Document, Operation, Verdict, World, session_id};
use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_TYPE, COOKIE};

/// A query string that fills the longest address which a client here can send. The function adds a character: to it the scheme is `https`.
const LONG: &str = "(long)";
const LONGEST_ADDRESS: usize = u16::MAX as usize - 1;

/// A request of the operation, of a session that nobody has: the document's own example, with `change` made to it.
async fn send(
    world: &World,
    operation: &Operation<'_>,
    query: &str,
    change: impl Fn(RequestBuilder) -> RequestBuilder,
) -> Answer {
    let (kind, id) = if operation.path.starts_with("/locks") {
        ("device", "ID5".to_owned())
    } else {
        ("", session_id(1))
    };
    let path = operation
        .path
        .replace("{versionId}", "v1.3")
        .replace("{deviceId}", "ID5")
        .replace("{kind}", kind)
        .replace("{id}", &id);
    let long = "a".repeat(LONGEST_ADDRESS - world.url(&path).len() - 1);
    let query = if query == LONG { &long } else { query };
    let method = operation.method.parse().unwrap();
    let mut request = world.http.request(method, world.url(&format!("{path}?{query}")));
    let json = &operation.value["requestBody"]["content"]["application/json"];
    if let Some(examples) = json["examples"].as_object() {
        let example = &examples.values().next().unwrap()["value"];
        request = request
            .header(CONTENT_TYPE, "application/json")
            .body(example.to_string());
    }
    world.send(change(request)).await
}

/// With what every dialect takes for a credential, and nobody has.
fn with_a_session(request: RequestBuilder) -> RequestBuilder {
    let token = format!("{}.{}", "x".repeat(43), URL_SAFE_NO_PAD.encode("1/alice"));
    request
        .bearer_auth(&token)
        .header(COOKIE, format!("JSESSIONID={token}"))
}

const QUERY: &str = "LoginName=bob&Token=6f1c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01&actor=alice";

/// The operations that have this status, each with its answer; it is the status.
async fn each(
    world: &World,
    status: u16,
    query: &str,
    change: impl Fn(RequestBuilder) -> RequestBuilder + Copy,
    is_meant: impl Fn(&Operation<'_>) -> bool,
) {
    let operations = Document::served().operations();
    let operations = operations.iter().filter(|operation| {
        let documented = &operation.value["responses"];
        documented.get(status.to_string()).is_some() && is_meant(operation)
    });
    let answers = join_all(operations.map(async |operation| {
        let answer = send(world, operation, query, change).await;
        (operation.key(), answer)
    }));
    let answers = answers.await;
    assert!(!answers.is_empty(), "no operation has {status}");
    for (key, answer) in answers {
        assert_eq!(answer.status, status, "{key}: {answer}");
    }
}

fn any(_: &Operation<'_>) -> bool {
    true
}

#[tokio::test]
async fn what_no_valid_client_sends_is_refused_in_every_dialect() {
    let world = World::start().await;
    let malformed = |request: RequestBuilder| request.header("X-Forwarded-Proto", "ftp");
    each(&world, 400, "", malformed, any).await;
    each(&world, 414, LONG, |request| request, any).await;
}

#[tokio::test]
async fn a_body_is_refused_before_the_caller_is_looked_at() {
    let world = World::start().await;
    // A reading call that is told of a body's type looks at the header alone.
    let csv = |request: RequestBuilder| request.header(CONTENT_TYPE, "text/csv");
    let reads = |operation: &Operation<'_>| operation.method == "GET";
    each(&world, 415, QUERY, csv, reads).await;
    let other = |request: RequestBuilder| {
        let (client, request) = request.build_split();
        let mut request = request.unwrap();
        request
            .headers_mut()
            .insert(CONTENT_TYPE, "text/csv".parse().unwrap());
        RequestBuilder::from_parts(client, request)
    };
    let acts = |operation: &Operation<'_>| operation.method != "GET";
    each(&world, 415, QUERY, other, acts).await;
    let large = |request: RequestBuilder| request.body(" ".repeat(65_537));
    each(&world, 413, QUERY, large, any).await;
}

#[tokio::test]
async fn without_a_credential_nothing_opens() {
    let world = World::start().await;
    let needs_one = |operation: &Operation<'_>| {
        operation.value["security"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    };
    each(&world, 401, "LoginName=bob", |request| request, needs_one).await;
}

#[tokio::test]
async fn a_store_that_fails_is_a_500_and_one_that_is_away_a_503() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    proxy.be_quick();
    proxy.judge(|_| Verdict::error(400, "ValidationException"));
    each(&world, 500, QUERY, with_a_session, any).await;
    proxy.judge(|_| Verdict::error(400, "ThrottlingException"));
    each(&world, 503, QUERY, with_a_session, any).await;
}
