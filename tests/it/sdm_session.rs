//! Session Delivery Manager's login and logout, and what a session is worth (`docs/api.md`, "Session").

use holdfast::id::Login;
use holdfast::store::{RowKey, Table};
use holdfast_tests::{Answer, Listing, PASSWORD, Sdm, World};
use insta::assert_snapshot;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

async fn login(world: &World, media: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = world
        .http
        .post(world.url("/rest/v1.3/admin/login"))
        .header(CONTENT_TYPE, media)
        .body(body);
    world.send(request).await
}

/// The answer with the token, which is another each time, replaced.
fn redacted(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").expect("a cookie");
    let token = cookie
        .trim_start_matches("JSESSIONID=")
        .split(';')
        .next()
        .expect("a value");
    assert!(token.len() > 43);
    answer.to_string().replace(token, "[token]")
}

#[tokio::test]
async fn r200_with_a_cookie_and_the_session_in_either_format() {
    let world = World::start().await;
    let json = login(
        &world,
        "application/json",
        format!("{{\"userName\":\"alice\",\"password\":\"{PASSWORD}\"}}"),
    )
    .await;
    assert_snapshot!(redacted(&json), @r#"
    200
    content-type: application/json
    set-cookie: JSESSIONID=[token]; HttpOnly; SameSite=Strict; Path=/rest

    {"idleTimeout":30,"serverInfo":"Holdfast 0.2.0","sessionId":"[token]","userGroup":"provisioners","userName":"alice"}
    "#);
    let body = format!("<session><userName>alice</userName><password>{PASSWORD}</password></session>");
    let xml = login(&world, "application/xml", body).await;
    assert_snapshot!(redacted(&xml), @"
    200
    content-type: application/xml
    set-cookie: JSESSIONID=[token]; HttpOnly; SameSite=Strict; Path=/rest

    <session><idleTimeout>30</idleTimeout><serverInfo>Holdfast 0.2.0</serverInfo><sessionId>[token]</sessionId><userGroup>provisioners</userGroup><userName>alice</userName></session>
    ");
}

#[tokio::test]
async fn r400_invalid_input() {
    let world = World::start().await;
    let long = format!("{{\"userName\":\"{}\",\"password\":\"x\"}}", "x".repeat(101));
    let mut answers = Listing::default();
    for (name, media, body) in [
        ("no_body", "application/json", ""),
        ("no_password", "application/json", "{\"userName\":\"alice\"}"),
        (
            "no_user",
            "application/xml",
            "<session><password>x</password></session>",
        ),
        (
            "empty_user",
            "application/json",
            "{\"userName\":\"\",\"password\":\"x\"}",
        ),
        ("long_user", "application/json", &long),
        (
            "password_is_no_text",
            "application/json",
            "{\"userName\":\"alice\",\"password\":1}",
        ),
        (
            "other_root",
            "application/xml",
            "<login><userName>a</userName><password>x</password></login>",
        ),
    ] {
        let answer = login(&world, media, body.to_owned()).await;
        assert_eq!(answer.status, 400, "{name}");
        answers.add(name, answer);
    }
    assert_snapshot!(answers, @r#"
    no_body: 400, content-type: application/json
      {"status":400,"message":"The user input is invalid: there is no body."}
    no_password: 400, content-type: application/json
      {"status":400,"message":"The user input is invalid: password is missing or not a text."}
    no_user: 400, content-type: application/xml
      <error><status>400</status><message>The user input is invalid: userName is missing or not a text.</message></error>
    empty_user: 400, content-type: application/json
      {"status":400,"message":"The user input is invalid: a login is 1 to 100 characters, none of them a control character."}
    long_user: 400, content-type: application/json
      {"status":400,"message":"The user input is invalid: a login is 1 to 100 characters, none of them a control character."}
    password_is_no_text: 400, content-type: application/json
      {"status":400,"message":"The user input is invalid: password is missing or not a text."}
    other_root: 400, content-type: application/xml
      <error><status>400</status><message>The user input is invalid: the XML has another root element.</message></error>
    "#);
}

#[tokio::test]
async fn r401_tells_nobody_why() {
    let world = World::start().await;
    let wrong = Sdm::login(&world, "alice", "wrong").await;
    assert_snapshot!(wrong, @r#"
    401
    content-type: application/json

    {"status":401,"message":"The user name or password is wrong."}
    "#);
    let unknown = Sdm::login(&world, "nobody-at-all", PASSWORD).await;
    world.lock_user("bob").await;
    let locked = Sdm::login(&world, "bob", PASSWORD).await;
    for _ in 0..4 {
        Sdm::login(&world, "alice", "wrong").await;
    }
    let locked_out = Sdm::login(&world, "alice", PASSWORD).await;
    for answer in [unknown, locked, locked_out] {
        assert_eq!(answer.to_string(), wrong.to_string());
    }
}

#[tokio::test]
async fn r404_r413_r415_as_everywhere() {
    let world = World::start().await;
    let version = world.http.post(world.url("/rest/v9.9/admin/login"));
    assert_eq!(world.send(version).await.status, 404);
    let version = world.http.post(world.url("/rest/v9.9/admin/logout"));
    assert_eq!(world.send(version).await.status, 404);
    assert_eq!(
        login(&world, "application/json", " ".repeat(65_537)).await.status,
        413
    );
    assert_eq!(login(&world, "text/plain", "x").await.status, 415);
}

#[tokio::test]
async fn logout_ends_the_session_and_leaves_the_locks() {
    let world = World::start().await;
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    let other = world.sdm("alice").await;
    alice.action("ID5", "Lock").await;
    assert_snapshot!(alice.logout().await, @"
    204
    set-cookie: JSESSIONID=; HttpOnly; SameSite=Strict; Path=/rest; Max-Age=0
    ");
    assert_snapshot!(alice.logout().await, @"
    401
    content-type: application/xml

    <error><status>401</status><message>The request is not authorized.</message></error>
    ");
    assert_eq!(alice.get("").await.status, 401);
    assert_eq!(
        other.get("").await.status,
        200,
        "another session of the same user lives on"
    );
    assert_eq!(
        bob.action("ID5", "Lock").await.status,
        423,
        "locks survive logout"
    );
    let stranger = world
        .http
        .post(world.url("/rest/v1.3/admin/logout"))
        .header(ACCEPT, "application/json");
    assert_eq!(world.send(stranger).await.status, 401);
}

#[tokio::test]
async fn use_prolongs_a_session_up_to_twelve_hours() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    for _ in 0..(12 * 60 / 29) {
        world.wait(29 * MINUTE);
        assert_eq!(alice.get("").await.status, 200, "at {}", world.now());
    }
    // 11 hours and 36 minutes have passed.
    world.wait(24 * MINUTE - 1);
    assert_eq!(alice.get("/ID5").await.status, 200);
    world.wait(1);
    assert_eq!(
        alice.get("/ID5").await.status,
        401,
        "twelve hours after the sign-in"
    );
}

#[tokio::test]
async fn every_kind_of_call_prolongs_a_session() {
    let world = World::start().await;
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    bob.action("ID6", "Lock").await;
    for (device, action, status) in [("ID5", "Lock", 204), ("ID5", "Lock", 204), ("ID6", "Lock", 423)] {
        world.wait(29 * MINUTE);
        assert_eq!(bob.get("/ID5").await.status, 200);
        assert_eq!(
            alice.action(device, action).await.status,
            status,
            "{device} {action}"
        );
    }
    world.wait(30 * MINUTE);
    assert_eq!(alice.get("").await.status, 401);
}

#[tokio::test]
async fn an_expired_session_stays_dead_even_while_its_row_is_there() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    world.wait(30 * MINUTE);
    assert_eq!(alice.get("").await.status, 401);
    let sessions = world.rows(Table::Identity).await;
    let session = sessions
        .iter()
        .find(|row| row["pk"].as_s().unwrap().starts_with("session/"))
        .unwrap();
    let expires: i64 = session["expires_at"].as_n().unwrap().parse().unwrap();
    let purge: i64 = session["purge_at_seconds"].as_n().unwrap().parse().unwrap();
    assert_eq!(
        purge,
        expires / 1_000 + i64::try_from(24 * HOUR).unwrap(),
        "seconds, a day later"
    );
    assert_eq!(
        alice.get("").await.status,
        401,
        "nothing that failed prolonged it"
    );
}

#[tokio::test]
async fn a_lock_on_the_account_ends_its_sessions_for_good() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    assert_eq!(alice.action("ID5", "Lock").await.status, 204);
    world.lock_user("alice").await;
    assert_eq!(
        alice.action("ID5", "Unlock").await.status,
        401,
        "at the next request"
    );
    assert_eq!(alice.get("").await.status, 401);
    assert_eq!(alice.logout().await.status, 401);
    world.unlock_user("alice").await;
    assert_eq!(alice.get("").await.status, 401, "the old session stays dead");
    let again = world.sdm("alice").await;
    assert_eq!(
        again.action("ID5", "Unlock").await.status,
        204,
        "signed in again, the lock is still alice's"
    );
}

#[tokio::test]
async fn a_session_is_worth_nothing_for_a_user_who_is_gone_or_of_another_company() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    let login = Login::try_from("alice").unwrap();
    let key = RowKey::user(&login);
    let mut row = world.row(&key).await.unwrap();
    row.insert(
        "company".to_owned(),
        aws_sdk_dynamodb::types::AttributeValue::S("2".to_owned()),
    );
    let table = world.store.table_name(Table::Resources);
    world
        .store
        .client()
        .put_item()
        .table_name(table)
        .set_item(Some(row))
        .send()
        .await
        .unwrap();
    assert_eq!(alice.get("").await.status, 401, "moved to another company");
    let pk = aws_sdk_dynamodb::types::AttributeValue::S(key.pk().to_owned());
    world
        .store
        .client()
        .delete_item()
        .table_name(table)
        .key("pk", pk)
        .send()
        .await
        .unwrap();
    assert_eq!(alice.get("").await.status, 401, "deleted");
}

#[tokio::test]
async fn the_table_holds_no_token_and_no_password() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    let stored = format!(
        "{:?}",
        (
            world.rows(Table::Identity).await,
            world.rows(Table::Resources).await
        )
    );
    assert!(!stored.contains(&alice.token));
    assert!(!stored.contains(PASSWORD));
    let random = alice.token.split('.').next().unwrap();
    assert!(!stored.contains(random));
}

#[tokio::test]
async fn get_is_no_way_to_sign_in_or_out() {
    let world = World::start().await;
    for path in ["/rest/v1.3/admin/login", "/rest/v1.3/admin/logout"] {
        let response = world
            .http
            .request(Method::GET, world.url(path))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 405);
    }
}

/// Two different session cookies are two callers: whoever put the second one there may not choose which counts.
#[tokio::test]
async fn r401_two_different_session_cookies() {
    let world = World::start().await;
    let (alice, bob) = (world.sdm("alice").await.token, world.sdm("bob").await.token);
    let path = "/rest/v1.3/inventory/deviceMgmt/devices/ID5";
    let read = async |cookies: &[String]| {
        let request = world.http.get(world.url(path));
        let request = cookies
            .iter()
            .fold(request, |request, cookie| request.header(COOKIE, cookie));
        world.send(request).await.status
    };
    let cookie = |value: &str| format!("JSESSIONID={value}");
    for (what, cookies, status) in [
        ("alice", vec![cookie(&alice)], 200),
        (
            "alice twice",
            vec![format!("{}; a=b; {}", cookie(&alice), cookie(&alice))],
            200,
        ),
        ("alice in two headers", vec![cookie(&alice), cookie(&alice)], 200),
        (
            "alice and bob",
            vec![format!("{}; {}", cookie(&alice), cookie(&bob))],
            401,
        ),
        ("bob and alice", vec![cookie(&bob), cookie(&alice)], 401),
        (
            "no token and alice",
            vec![format!("{}; {}", cookie("x"), cookie(&alice))],
            401,
        ),
        (
            "alice and nothing",
            vec![format!("{}; {}", cookie(&alice), cookie(""))],
            401,
        ),
    ] {
        assert_eq!(read(&cookies).await, status, "{what}");
    }
}
