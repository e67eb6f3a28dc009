//! What a request costs before its caller is known: two calls to the store at most, whatever it asks for.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use holdfast::dialect::Dialect;
use holdfast::runtime::Route;
use holdfast_local::FUNCTIONS;
use holdfast_tests::{Answer, Call, DB01, Proxy, World, people, session_id, targets};
use lambda_http::http::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE};
use serde_json::{Value, json};

const JSON: &str = "application/json";
const XML: &str = "application/xml";
const MAX_BODY: usize = 64 * 1024;

/// What a request carries to say who calls, in every dialect at once: a route looks at its own.
struct Credentials {
    what: &'static str,
    token: String,
    api_token: &'static str,
}

/// Tokens in the right form that nobody has issued, and what cannot be a token.
fn made_up() -> Vec<Credentials> {
    let token = |names: &str| format!("{}.{}", "x".repeat(43), URL_SAFE_NO_PAD.encode(names));
    let api_token = "6f1c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01";
    vec![
        Credentials {
            what: "someone's name",
            token: token("1/admin"),
            api_token,
        },
        Credentials {
            what: "another company's name",
            token: token("2/stranger"),
            api_token,
        },
        Credentials {
            what: "no token",
            token: "x".repeat(3_000),
            api_token: "x",
        },
        // Where a bearer token may be an API key's.
        Credentials {
            what: "a machine's token",
            token: api_token.to_owned(),
            api_token,
        },
    ]
}

struct Body {
    what: &'static str,
    media: &'static str,
    text: String,
}

fn ids(count: usize) -> Vec<String> {
    (1..=count).map(session_id).collect()
}

fn locking(sessions: &[String]) -> Value {
    json!({"activitySessionIds": sessions, "locked": true,
        "lockActivity": true, "lockResource": true, "lockUser": true})
}

/// `text` in the middle of `around`, as often as 64 KiB hold it.
fn filled(around: [&str; 2], text: impl Fn(usize) -> String) -> String {
    let mut body = around[0].to_owned();
    for number in 0.. {
        let part = text(number);
        if body.len() + part.len() + around[1].len() > MAX_BODY {
            break;
        }
        body.push_str(&part);
    }
    body + around[1]
}

fn bodies() -> Vec<Body> {
    // Nobody's: a sign-in that fails is not what is counted here.
    let credentials = json!({"login": "stranger", "userName": "stranger", "password": "guess",
        "UserLogin": "stranger", "ApiKey": STANDARD.encode([7; 16])});
    let mut bodies = Vec::new();
    let mut body = |what, media, text: String| bodies.push(Body { what, media, text });
    body("none", JSON, String::new());
    body("credentials", JSON, credentials.to_string());
    body("a code", JSON, "123456".to_owned());
    body("a hundred sessions", JSON, locking(&ids(100)).to_string());
    body("1,650 sessions", JSON, locking(&ids(1_650)).to_string());
    // Without hyphens as many as 64 KiB hold.
    let short = ids(1_850)
        .iter()
        .map(|id| id.replace('-', ""))
        .collect::<Vec<_>>();
    let many = json!({"activitySessionIds": short, "locked": true, "lockUser": true}).to_string();
    assert!(many.len() <= MAX_BODY);
    body("1,850 sessions", JSON, many);
    body(
        "a resource by name",
        JSON,
        json!({"managedResourceName": "db01", "activityName": "RDP"}).to_string(),
    );
    body(
        "a resource by a long name",
        JSON,
        json!({"managedResourceName": "\u{10ffff}".repeat(256), "activityName": "RDP"}).to_string(),
    );
    body(
        "a resource by id",
        JSON,
        json!({"managedResourceId": DB01, "activityName": "RDP"}).to_string(),
    );
    let held = |count: usize| -> Vec<Value> {
        let one = |id| json!({"kind": "activity-session", "id": id, "fence": 1});
        ids(count).iter().map(one).collect()
    };
    body("a hundred fences", JSON, json!({"held": held(100)}).to_string());
    body("101 fences", JSON, json!({"held": held(101)}).to_string());
    body(
        "a break",
        JSON,
        json!({"fence": 1, "reason": "on leave"}).to_string(),
    );
    body("a device lock", JSON, json!({"type": "Lock"}).to_string());
    body(
        "a user lock",
        JSON,
        json!({"LoginName": "bob", "Lock": 1}).to_string(),
    );
    body(
        "the longest text",
        JSON,
        filled(["{\"type\":\"", "\"}"], |_| "x".to_owned()),
    );
    body(
        "one byte too many",
        JSON,
        filled(["{\"type\":\"", "\"}"], |_| "x".to_owned()) + " ",
    );
    body(
        "as many elements as there is room for",
        XML,
        filled(["<Request>", "</Request>"], |n| format!("<e{n}/>")),
    );
    body(
        "a device lock in XML",
        XML,
        "<deviceAction><type>Lock</type></deviceAction>".to_owned(),
    );
    body(
        "a user lock in XML",
        XML,
        "<Request><LoginName>bob</LoginName><Lock>1</Lock></Request>".to_owned(),
    );
    bodies
}

/// Whether the route reads a body, and whether that says who calls.
fn reads_body(route: &Route) -> (bool, bool) {
    let signs_in = ["/signinBody", "/login", "/rest/{versionId}/admin/login"].contains(&route.path);
    let acts = matches!(route.method, Method::POST | Method::PUT);
    (acts && !route.path.ends_with("/logout"), signs_in)
}

/// The addresses of a route: one, or where it has targets one for each kind, and one for none.
fn addresses(route: &Route) -> Vec<String> {
    if route.path.contains("{kind}/{id}") {
        let known = targets().map(|(_, target)| target);
        let all = known.into_iter().chain(["printer/ID5".to_owned()]);
        return all
            .map(|target| route.path.replace("{kind}/{id}", &target))
            .collect();
    }
    let path = route.path.replace("{versionId}", "v1.3");
    vec![path.replace("{deviceId}", "ID5").replace("{id}", &session_id(1))]
}

async fn send(
    world: &World,
    route: &Route,
    path: &str,
    credentials: &Credentials,
    body: Option<&Body>,
) -> Answer {
    let query = format!(
        "Token={}&LoginName=bob&limit=1000&take=100&skip=10000",
        credentials.api_token
    );
    let method = route.method.clone();
    let mut request = world
        .http
        .request(method, world.url(&format!("{path}?{query}")))
        .bearer_auth(&credentials.token)
        .header(COOKIE, format!("JSESSIONID={}", credentials.token));
    if let Some(body) = body {
        request = request.header(CONTENT_TYPE, body.media).body(body.text.clone());
    }
    world.send(request).await
}

fn is_json_only(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Netwrix | Dialect::Holdfast)
}

/// How many rows a call reads.
fn keys(call: &Call) -> usize {
    call.body["RequestItems"]
        .as_object()
        .into_iter()
        .flat_map(|tables| tables.values())
        .filter_map(|table| table["Keys"].as_array())
        .map(Vec::len)
        .sum()
}

/// What passed the proxy: how many calls, and how many rows they read together.
fn passed(proxy: &Proxy) -> (usize, usize) {
    let calls = proxy.calls();
    (calls.len(), calls.iter().map(keys).sum())
}

/// Every body to every route, over a store whose calls are counted.
async fn cost(credentials: &Credentials, bodies: &[Body]) {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    // `docs` needs no credential and reaches no store.
    let functions = FUNCTIONS.iter().filter(|function| function.connections > 0);
    let routes = functions.flat_map(|function| function.routes);
    for route in routes {
        let (reads, signs_in) = reads_body(route);
        let sent: Vec<Option<&Body>> = if reads {
            bodies.iter().map(Some).collect()
        } else {
            vec![None]
        };
        let addresses = addresses(route);
        let requests = sent
            .iter()
            .flat_map(|body| addresses.iter().map(move |path| (*body, path)));
        for (body, path) in requests {
            proxy.forget();
            let answer = send(&world, route, path, credentials, body).await;
            let what = format!(
                "{} {path} with {} and {}",
                route.method,
                credentials.what,
                body.map_or("no body", |body| body.what)
            );
            let (calls, rows) = passed(proxy);
            assert!(calls <= 2, "{what}: {:?}", proxy.operations());
            assert!(rows <= 102, "{what}: {rows} rows");
            let status = match body {
                Some(body) if is_json_only(route.dialect) && body.media == XML => 415,
                Some(body) if body.text.len() > MAX_BODY => 413,
                _ => 401,
            };
            let is_expected = answer.status == status || (signs_in && answer.status == 400);
            assert!(is_expected, "{what}: {answer}");
        }
    }
}

/// Each caller has a world, because the calls are counted there: side by side they take a third of the time.
#[tokio::test]
async fn a_request_of_an_unknown_session_costs_two_calls_at_most_on_every_route() {
    let (callers, bodies) = (made_up(), bodies());
    join_all(callers.iter().map(|credentials| cost(credentials, &bodies))).await;
}

/// More sessions than one change can carry are not read, for no one and in no scope.
#[tokio::test]
async fn more_than_a_hundred_sessions_are_never_read() {
    let mut directory = people(&[]);
    let known = ids(101);
    let sessions = directory["activity_sessions"].as_array_mut().unwrap();
    *sessions = known
        .iter()
        .map(|id| json!({"company": "1", "id": id, "user": "bob", "resource": "db01", "activity": "RDP"}))
        .collect();
    let world = World::with(directory, true).await;
    let proxy = world.proxy.as_ref().unwrap();
    let (admin, bob) = (world.netwrix("admin").await, world.netwrix("bob").await);
    let made_up = made_up();
    let callers = [(&admin, 400), (&bob, 403), (&made_up[0].token, 401)];
    for scope in ["lockActivity", "lockResource", "lockUser"] {
        for locked in [true, false] {
            for (token, status) in callers {
                proxy.forget();
                let request = json!({"activitySessionIds": known, "locked": locked, scope: true});
                let answer = world.lock_sessions(token, request).await;
                assert_eq!(answer.status, status, "{scope}, {locked}: {answer}");
                assert_eq!(passed(proxy), (1, 2), "{scope}, {locked}: the caller's own rows");
            }
        }
    }
    let request = json!({"activitySessionIds": known, "lockUser": true});
    assert_eq!(
        world.lock_sessions(&admin, request).await.json()["errors"],
        json!({"activitySessionIds": ["The activitySessionIds may name 100 sessions at most."]})
    );
    // Counted after de-duplication.
    let often: Vec<&String> = known.iter().take(100).cycle().take(1_600).collect();
    proxy.forget();
    let request = json!({"activitySessionIds": often, "lockUser": true});
    assert_eq!(world.lock_sessions(&admin, request).await.status, 200);
}
