//! Guessing does not pay, and does not keep out those who are known (`docs/api.md`, "Guessing").

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use holdfast::Clock;
use holdfast::id::Login;
use holdfast::lock::Timestamp;
use holdfast::runtime::App;
use holdfast::secret::{Passwords, SealingKeys};
use holdfast::store::{RowKey, Store, Table};
use holdfast::telemetry::Tally;
use holdfast_local::FUNCTIONS;
use holdfast_tests::{PASSWORD, SECOND_FACTOR_KEY, TOTP_SECRET, Verdict, World, api_key, code_at, people};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Context, Request, RequestExt};
use serde_json::json;
use tokio::sync::Barrier;

const HOME: &str = "198.51.100.7";
const DAY: Duration = Duration::from_hours(24);
const MOMENT: Duration = Duration::from_millis(1);

/// One address after another that no one has signed in from.
fn stranger(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(203, 0, 113, 0).to_bits() + number)
}

/// Moves the clock on to a moment to come.
fn wait_until(world: &World, moment: Timestamp) {
    world.clock.advance(moment.since(world.now()));
}

/// The usual people, and a service account that signs in from a block and an address.
async fn world_with_service() -> World {
    let mut directory = people(&[]);
    let mut service = directory["users"][0].clone();
    service["login"] = json!("service");
    service["mfa"] = json!("required");
    service["totp_secret"] = json!(TOTP_SECRET);
    service["sources"] = json!(["192.0.2.0/24", "2001:db8::5"]);
    directory["users"].as_array_mut().unwrap().push(service);
    World::with(directory, false).await
}

/// A code that is none of the three that count now.
fn wrong_code(world: &World) -> String {
    let (now, step) = (world.now(), Duration::from_secs(30));
    let right = [code_at(now.minus(step)), code_at(now), code_at(now.plus(step))];
    let mut codes = (0..10).map(|n: u32| format!("{n:06}"));
    codes.find(|code| !right.contains(code)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_passwords_from_fifty_addresses_keeps_nobody_out_who_is_known() {
    let world = World::start().await;
    assert_eq!(world.from(HOME).sdm_login("alice", PASSWORD).await.status, 200);
    let flood = (0..200).map(|n| {
        let place = world.from(stranger(n % 50));
        async move { place.sdm_login("alice", &format!("guess {n}")).await.status }
    });
    assert!(join_all(flood).await.iter().all(|status| *status == 401));
    assert_eq!(
        world.attempts("strangers", "alice").await.password_attempts,
        "100"
    );
    assert_eq!(
        world.from(stranger(99)).sdm_login("alice", PASSWORD).await.status,
        401,
        "closed to strangers, whoever they are"
    );
    assert_eq!(world.from(HOME).sdm_login("alice", PASSWORD).await.status, 200);
    assert_eq!(world.from(HOME).first_step("alice", PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_codes_from_fifty_addresses_keeps_nobody_out_who_is_known() {
    let world = World::start().await;
    let home = world.from(HOME);
    let token = home.first_factor("alice").await;
    assert_eq!(home.second_step(&token, &code_at(world.now())).await.status, 200);
    world.wait(30);
    // Someone else has alice's password.
    let token = world.from(stranger(0)).first_factor("alice").await;
    let wrong = wrong_code(&world);
    let flood = (0..50).map(|n| {
        let (place, token, wrong) = (world.from(stranger(n)), &token, &wrong);
        async move { place.second_step(token, wrong).await.status }
    });
    assert!(join_all(flood).await.iter().all(|status| *status == 401));
    assert_eq!(world.attempts("strangers", "alice").await.code_attempts, "20");
    let code = code_at(world.now());
    assert_eq!(
        world.from(stranger(99)).second_step(&token, &code).await.status,
        401
    );
    let token = home.first_factor("alice").await;
    assert_eq!(home.second_step(&token, &code).await.status, 200);
}

/// Every one has the right password, so the answers say how many were looked at.
#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_strangers_exactly_a_hundred_passwords_are_looked_at() {
    let world = World::start().await;
    let all = (0..130).map(|n| {
        let place = world.from(stranger(n));
        async move { place.first_step("alice", PASSWORD).await.status }
    });
    let statuses = join_all(all).await;
    let looked_at = statuses.iter().filter(|status| **status == 200).count();
    let refused = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!((looked_at, refused), (100, 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_strangers_exactly_twenty_codes_are_looked_at() {
    let world = World::start().await;
    let token = world.first_factor("alice").await;
    let wrong = wrong_code(&world);
    join_all((0..60).map(|n| {
        let (place, token, wrong) = (world.from(stranger(n)), &token, &wrong);
        async move { assert_eq!(place.second_step(token, wrong).await.status, 401) }
    }))
    .await;
    assert_eq!(world.attempts("strangers", "alice").await.code_attempts, "20");
    let mut counted = 0;
    for n in 0..60 {
        let attempts = world.attempts(&stranger(n).to_string(), "alice").await;
        counted += attempts.code_attempts.parse::<u32>().unwrap();
    }
    assert_eq!(counted, 20, "each on the row of its source, too");
}

#[tokio::test]
async fn the_strangers_day_ends_to_the_millisecond_and_not_sooner() {
    let world = World::start().await;
    let begin = world.now();
    world.strangers_have_tried("alice", 99, 19).await;
    let last = world.from(stranger(0)).first_step("alice", PASSWORD).await;
    assert_eq!(last.status, 200, "the hundredth is looked at");
    let token = last.json().as_str().unwrap().to_owned();
    assert_eq!(
        world.from(stranger(1)).first_step("alice", PASSWORD).await.status,
        401,
        "and the next is not, although that one was right"
    );
    let code = code_at(world.now());
    assert_eq!(
        world.from(stranger(0)).second_step(&token, &code).await.status,
        200
    );
    world.wait(30);
    let code = code_at(world.now());
    assert_eq!(
        world.from(stranger(1)).second_step(&token, &code).await.status,
        401
    );
    wait_until(&world, begin.plus(DAY).minus(MOMENT));
    assert_eq!(
        world.from(stranger(2)).first_step("alice", PASSWORD).await.status,
        401
    );
    world.clock.advance(MOMENT);
    let token = world.from(stranger(3)).first_factor("alice").await;
    let code = code_at(world.now());
    assert_eq!(
        world.from(stranger(3)).second_step(&token, &code).await.status,
        200
    );
    let attempts = world.attempts("strangers", "alice").await;
    assert_eq!(
        (
            attempts.password_attempts.as_str(),
            attempts.code_attempts.as_str()
        ),
        ("1", "1"),
        "each counts from one again"
    );
}

/// All have read that the day is over before the first one begins the next.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_begin_a_day_together_are_counted_together() {
    let world = World::behind_proxy().await;
    world.strangers_have_tried("alice", 100, 0).await;
    world.clock.advance(DAY);
    let gate = Arc::new(Barrier::new(12));
    let mut held = 0;
    world.proxy.as_ref().unwrap().judge(move |call| {
        held += usize::from(call.operation == "TransactWriteItems");
        if call.operation == "TransactWriteItems" && held <= 12 {
            let gate = Arc::clone(&gate);
            Verdict::PassAfter(Box::pin(async move {
                gate.wait().await;
            }))
        } else {
            Verdict::Pass
        }
    });
    join_all((0..12).map(|n| {
        let place = world.from(stranger(n));
        async move { assert_eq!(place.first_step("alice", PASSWORD).await.status, 200, "{n}") }
    }))
    .await;
    assert_eq!(world.attempts("strangers", "alice").await.password_attempts, "12");
}

#[tokio::test]
async fn a_source_is_known_for_thirty_days() {
    let world = World::start().await;
    for n in 0..2 {
        assert_eq!(
            world.from(stranger(n)).sdm_login("bob", PASSWORD).await.status,
            200
        );
        let token = world.from(stranger(n)).first_factor("alice").await;
        let code = code_at(world.now());
        assert_eq!(
            world.from(stranger(n)).second_step(&token, &code).await.status,
            200
        );
        world.wait(30);
    }
    // The second was here 30 seconds ago.
    let end = world.now().minus(Duration::from_secs(30)).plus(DAY * 30);
    wait_until(&world, end.minus(MOMENT));
    world.strangers_have_tried("alice", 100, 20).await;
    world.strangers_have_tried("bob", 100, 20).await;
    let code = code_at(world.now());
    let token = world.from(stranger(1)).first_factor("alice").await;
    for (n, status) in [(0, 401), (1, 200)] {
        let place = world.from(stranger(n));
        assert_eq!(place.sdm_login("bob", PASSWORD).await.status, status);
        assert_eq!(place.second_step(&token, &code).await.status, status);
    }
    // Use prolongs it: the second is known for another thirty days.
    world.clock.advance(MOMENT);
    assert_eq!(
        world.from(stranger(1)).sdm_login("bob", PASSWORD).await.status,
        200
    );
}

#[tokio::test]
async fn a_known_source_is_closed_by_five_failures_of_its_own_and_opens_after_fifteen_minutes() {
    let world = World::start().await;
    let home = world.from(HOME);
    assert_eq!(home.sdm_login("alice", PASSWORD).await.status, 200);
    for _ in 0..4 {
        assert_eq!(home.sdm_login("alice", "wrong").await.status, 401);
    }
    assert_eq!(
        home.sdm_login("alice", PASSWORD).await.status,
        200,
        "four are excused"
    );
    for _ in 0..5 {
        assert_eq!(home.sdm_login("alice", "wrong").await.status, 401);
    }
    assert_eq!(home.sdm_login("alice", PASSWORD).await.status, 401);
    assert_eq!(
        world.from(stranger(0)).sdm_login("alice", PASSWORD).await.status,
        200,
        "elsewhere it is open"
    );
    let end = world.now().plus(Duration::from_mins(15));
    wait_until(&world, end.minus(MOMENT));
    assert_eq!(home.sdm_login("alice", PASSWORD).await.status, 401);
    world.clock.advance(MOMENT);
    assert_eq!(home.sdm_login("alice", PASSWORD).await.status, 200);
    assert_eq!(
        world.attempts("strangers", "alice").await.password_attempts,
        "2",
        "the first sign-in from each of the two sources, and nothing that a known one did"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_guesses_from_a_known_source_five_are_looked_at() {
    let world = World::start().await;
    let home = world.from(HOME);
    let token = home.first_factor("alice").await;
    assert_eq!(home.second_step(&token, &code_at(world.now())).await.status, 200);
    let token = home.first_factor("alice").await;
    let wrong = wrong_code(&world);
    join_all((0..40).map(|_| async {
        assert_eq!(home.second_step(&token, &wrong).await.status, 401);
        assert_eq!(home.first_step("alice", "wrong").await.status, 401);
    }))
    .await;
    let attempts = world.attempts(HOME, "alice").await;
    assert_eq!(
        (
            attempts.password_attempts.as_str(),
            attempts.code_attempts.as_str()
        ),
        ("5", "5")
    );
}

#[tokio::test]
async fn a_success_clears_its_own_source_and_not_the_strangers() {
    let world = World::start().await;
    for n in 0..2 {
        for _ in 0..4 {
            assert_eq!(
                world.from(stranger(n)).first_step("alice", "wrong").await.status,
                401
            );
        }
    }
    assert_eq!(
        world.from(stranger(0)).first_step("alice", PASSWORD).await.status,
        200
    );
    for (source, count) in [("203.0.113.0", "0"), ("203.0.113.1", "4"), ("strangers", "9")] {
        assert_eq!(
            world.attempts(source, "alice").await.password_attempts,
            count,
            "{source}"
        );
    }
}

#[tokio::test]
async fn only_a_completed_sign_in_makes_a_source_known() {
    let world = World::start().await;
    let (password_only, complete, other_dialect, one_factor) =
        (stranger(0), stranger(1), stranger(2), stranger(3));
    world.from(password_only).first_factor("alice").await;
    let token = world.from(complete).first_factor("alice").await;
    let code = code_at(world.now());
    assert_eq!(world.from(complete).second_step(&token, &code).await.status, 200);
    world.wait(30);
    assert_eq!(
        world
            .from(other_dialect)
            .sdm_login("alice", PASSWORD)
            .await
            .status,
        200
    );
    // Bob has no second factor: the password is all there is to prove.
    world.from(one_factor).first_factor("bob").await;
    world.strangers_have_tried("alice", 100, 20).await;
    world.strangers_have_tried("bob", 100, 20).await;
    for (login, place, status) in [
        ("alice", password_only, 401),
        ("alice", complete, 200),
        ("alice", other_dialect, 200),
        ("bob", one_factor, 200),
        ("bob", complete, 401),
    ] {
        let answer = world.from(place).first_step(login, PASSWORD).await;
        assert_eq!(answer.status, status, "{login} from {place}");
    }
    let code = code_at(world.now());
    assert_eq!(
        world.from(other_dialect).second_step(&token, &code).await.status,
        401,
        "known by a password is not known for codes"
    );
    assert_eq!(world.from(complete).second_step(&token, &code).await.status, 200);
}

#[tokio::test]
async fn sources_of_the_directory_are_known_from_the_start() {
    let world = world_with_service().await;
    world.strangers_have_tried("service", 100, 20).await;
    for (address, status) in [
        ("192.0.2.9", 200),
        ("::ffff:192.0.2.10", 200),
        ("192.0.3.9", 401),
        ("2001:db8::6", 401),
        ("2001:db8::5", 200),
        ("nowhere", 401),
    ] {
        let answer = world.from(address).first_step("service", PASSWORD).await;
        assert_eq!(answer.status, status, "{address}");
        let Ok(token) = serde_json::from_str::<String>(&answer.body) else {
            continue;
        };
        let code = code_at(world.now());
        assert_eq!(world.from(address).second_step(&token, &code).await.status, 200);
        world.wait(30);
    }
    for _ in 0..5 {
        let answer = world.from("192.0.2.77").first_step("service", "wrong").await;
        assert_eq!(answer.status, 401);
    }
    assert_eq!(
        world
            .from("192.0.2.77")
            .first_step("service", PASSWORD)
            .await
            .status,
        401
    );
    assert_eq!(
        world
            .from("192.0.2.78")
            .first_step("service", PASSWORD)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn an_ipv6_source_is_its_64_bits_and_no_header_of_the_client_makes_another() {
    let world = World::start().await;
    for n in 1..6 {
        let place = world.from(format!("2001:db8:0:1::{n}").as_str());
        assert_eq!(place.sdm_login("alice", "wrong").await.status, 401);
    }
    let neighbour = world.from("2001:db8:0:1:ffff::1");
    assert_eq!(neighbour.sdm_login("alice", PASSWORD).await.status, 401);
    assert_eq!(
        world
            .from("2001:db8:0:2::1")
            .sdm_login("alice", PASSWORD)
            .await
            .status,
        200
    );
    for n in 0..6 {
        let request = world
            .http
            .post(world.url("/signinBody"))
            .header("Content-Type", "application/json")
            .header("X-Forwarded-For", stranger(n).to_string())
            .header("Forwarded", format!("for={}", stranger(n)));
        let password = if n == 5 { PASSWORD } else { "wrong" };
        let body = json!({"Login": "bob", "Password": password});
        assert_eq!(
            world.send(request.body(body.to_string())).await.status,
            401,
            "{n}"
        );
    }
}

/// What an outsider could tell a login by: the calls that an attempt makes, and what it leaves behind.
#[tokio::test]
async fn an_unknown_login_makes_the_calls_of_a_known_one_and_no_rows() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    world.lock_user("mona").await;
    world.strangers_have_tried("lia", 100, 0).await;
    for _ in 0..5 {
        world.from(stranger(0)).first_step("bob", "wrong").await;
    }
    let before = world.rows(Table::Identity).await.len();
    let mut answers = Vec::new();
    for (what, login, password) in [
        ("unknown", "nobody-at-all", "wrong"),
        ("known", "alice", "wrong"),
        ("locked", "mona", "wrong"),
        ("closed to its source", "bob", PASSWORD),
        ("closed to strangers", "lia", PASSWORD),
    ] {
        proxy.forget();
        let answer = world.from(stranger(0)).first_step(login, password).await;
        let operations = proxy.operations().join(" ");
        assert_eq!(operations, "BatchGetItem TransactWriteItems", "{what}");
        assert_eq!(proxy.waves(), 2, "{what}");
        answers.push(answer.without_trace());
        if what == "unknown" {
            assert_eq!(world.rows(Table::Identity).await.len(), before, "no row is made");
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

/// Where it is closed already, a stranger's attempt takes part in no row that a known user's sign-in needs.
#[tokio::test]
async fn strangers_of_a_closed_login_touch_no_row_that_a_known_user_does() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    world.strangers_have_tried("alice", 100, 20).await;
    proxy.forget();
    world.from(stranger(0)).first_step("alice", PASSWORD).await;
    let calls = proxy.calls();
    let write = calls.last().unwrap();
    assert_eq!(write.operation, "TransactWriteItems");
    let rows: Vec<&str> = write.body["TransactItems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["Update"]["Key"]["pk"]["S"].as_str().unwrap())
        .collect();
    assert_eq!(rows, ["attempts/203.0.113.0/alice", "attempts/strangers/alice"]);
}

#[tokio::test]
async fn rows_of_attempts_are_purged_when_nothing_in_them_counts_any_more() {
    let world = World::start().await;
    world.from(HOME).first_step("alice", "wrong").await;
    let login = Login::try_from("alice").unwrap();
    let source = holdfast::id::Source::new(HOME.parse().ok());
    let purge_at = world.now().plus(DAY * 31).unix_seconds_rounded_up().to_string();
    for key in [RowKey::attempts(source, &login), RowKey::strangers(&login)] {
        let row = world.row(&key).await.unwrap();
        assert_eq!(
            row["purge_at_seconds"],
            AttributeValue::N(purge_at.clone()),
            "{key:?}"
        );
    }
}

/// As whoever changes a password, a second factor or an API key does.
async fn change_secrets(store: &Store, login: &str) {
    let key = RowKey::credential(&login.try_into().unwrap());
    let sent = store
        .client()
        .update_item()
        .table_name(store.table_name(Table::Identity))
        .key("pk", AttributeValue::S(key.pk().to_owned()))
        .update_expression("SET secrets_rev = secrets_rev + :one")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .send();
    sent.await.unwrap();
}

#[tokio::test]
async fn secrets_that_are_changed_during_a_sign_in_open_no_session() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    // Known sources, so that the one transaction is that which opens the session.
    let alice = world.sdm("alice").await;
    world.netwrix("alice").await;
    world.wait(30);
    let (alices, bobs) = (world.first_factor("alice").await, world.first_factor("bob").await);
    let change = |login: &'static str| {
        let store = world.store.clone();
        proxy.judge_next(
            "TransactWriteItems",
            Verdict::PassAfter(Box::pin(async move { change_secrets(&store, login).await })),
        );
    };
    change("alice");
    assert_eq!(
        holdfast_tests::Sdm::login(&world, "alice", PASSWORD).await.status,
        401
    );
    change("alice");
    assert_eq!(world.first_step("alice", PASSWORD).await.status, 401);
    change("alice");
    assert_eq!(
        world.second_step(&alices, &code_at(world.now())).await.status,
        401
    );
    change("bob");
    assert_eq!(world.second_step(&bobs, "NA").await.status, 401);
    change("admin");
    assert_eq!(world.aktion_login("admin", &api_key("admin")).await.status, 401);
    assert!(!proxy.is_waiting());
    assert_eq!(alice.get("").await.status, 200, "sessions that are open stay so");
    assert_eq!(
        world.second_step(&alices, &code_at(world.now())).await.status,
        200
    );
}

/// How an answer to the second step counts in the metrics, where it has a name of its own.
async fn tally(world: &World, token: &str, code: &str) -> (u16, Option<Tally>) {
    static INVOCATIONS: AtomicU32 = AtomicU32::new(0);
    let app = App {
        store: world.store.clone(),
        clock: Clock::Manual(world.clock.clone()),
        passwords: Passwords::default(),
        sealing_keys: Some(SealingKeys::parse(SECOND_FACTOR_KEY).unwrap()),
        secure_cookies: true,
    };
    let context = serde_json::from_value(json!({
        "routeKey": "POST /signin2fa",
        "http": {"method": "POST", "path": "/signin2fa", "protocol": "HTTP/1.1", "sourceIp": HOME},
    }));
    let mut invocation = Context::default();
    invocation.request_id = INVOCATIONS.fetch_add(1, Ordering::Relaxed).to_string();
    let request = Request::new(Body::Text(code.to_owned()))
        .with_lambda_context(invocation)
        .with_request_context(RequestContext::ApiGatewayV2(context.unwrap()));
    let (mut parts, body) = request.into_parts();
    parts
        .headers
        .insert("content-type", "text/plain".parse().unwrap());
    parts
        .headers
        .insert("authorization", format!("Bearer {token}").parse().unwrap());
    let function = FUNCTIONS
        .iter()
        .find(|function| function.name == "sign-in")
        .unwrap();
    let route = function.route("POST /signin2fa").unwrap();
    let request = Request::from_parts(parts, body);
    let response = (route.handler)(&app, &request).await;
    (response.status().as_u16(), response.extensions().get().copied())
}

#[tokio::test]
async fn wrong_codes_after_a_right_password_are_counted_by_a_name_of_their_own() {
    let world = World::start().await;
    let guess = (401, Some(Tally::SecondFactorGuess));
    let (token, code) = (world.first_factor("alice").await, code_at(world.now()));
    assert_eq!(tally(&world, &token, "NA").await, guess, "there is a factor");
    assert_eq!(tally(&world, &token, &code).await, (200, None));
    assert_eq!(
        tally(&world, &token, &code).await,
        (401, None),
        "a replay is no guess"
    );
    assert_eq!(
        tally(&world, "nonsense", &code).await,
        (401, None),
        "no password was right"
    );
    for _ in 0..5 {
        assert_eq!(tally(&world, &token, &wrong_code(&world)).await, guess);
    }
    world.wait(30);
    assert_eq!(
        tally(&world, &token, &code_at(world.now())).await,
        guess,
        "closed"
    );
}
