//! Aktion's login, row by row (`docs/api.md`, "Aktion.NEXT").

use holdfast_tests::{Answer, Verdict, World, api_key};
use insta::assert_snapshot;

const JSON: &str = "application/json";

/// The answer with its token, which is another each time, replaced.
fn redacted(answer: &Answer, token: &str) -> String {
    assert_eq!(token.len(), 36);
    answer.to_string().replace(token, "[token]")
}

#[tokio::test]
async fn r200_in_json_and_xml() {
    let world = World::start().await;
    let json = world.aktion_login("admin", &api_key("admin")).await;
    assert_snapshot!(
        "login_200_json",
        redacted(&json, json.json()["Token"].as_str().unwrap())
    );
    let key = api_key("admin");
    for (media, name) in [
        ("application/xml", "xml"),
        ("text/xml", "text_xml"),
        ("text/json", "text_json"),
    ] {
        let body = if media.ends_with("xml") {
            format!("<Request><UserLogin>admin</UserLogin><ApiKey>{key}</ApiKey></Request>")
        } else {
            format!("{{\"userlogin\":\"admin\",\"APIKEY\":\"{key}\"}}")
        };
        let answer = world.post("/login", media, body).await;
        let token = answer
            .body
            .split(['"', '<', '>'])
            .find(|part| part.len() == 36)
            .unwrap();
        assert_snapshot!(format!("login_200_{name}"), redacted(&answer, token));
    }
}

#[tokio::test]
async fn r400_1002_names_every_missing_field() {
    let world = World::start().await;
    for (name, media, body) in [
        ("no_body", JSON, ""),
        ("nothing_given", JSON, "{}"),
        ("empty", JSON, "{\"UserLogin\":\"\",\"ApiKey\":\"\"}"),
        (
            "no_key_xml",
            "application/xml",
            "<Request><UserLogin>admin</UserLogin></Request>",
        ),
        ("malformed_xml", "application/xml", "<Request>"),
        (
            "xml_names_have_a_case",
            "text/xml",
            "<Request><userlogin>a</userlogin><ApiKey>b</ApiKey></Request>",
        ),
        (
            "repeated",
            JSON,
            "{\"UserLogin\":\"a\",\"userLogin\":\"b\",\"ApiKey\":\"c\"}",
        ),
    ] {
        let answer = world.post("/login", media, body).await;
        assert_eq!(answer.status, 400, "{name}");
        assert_snapshot!(format!("login_1002_{name}"), answer);
    }
}

#[tokio::test]
async fn r401_1003_unknown_login_wrong_key_and_blocked_user_alike() {
    let world = World::start().await;
    let wrong_key = world.aktion_login("admin", &api_key("ada")).await;
    assert_snapshot!("login_1003", wrong_key);
    world.lock_user("ada").await;
    for (what, login, key) in [
        ("unknown", "nobody-at-all", api_key("admin")),
        ("no key", "bob", api_key("bob")),
        ("the hash of no key", "bob", "AAAAAAAAAAAAAAAAAAAAAA==".to_owned()),
        ("blocked", "ada", api_key("ada")),
        ("no possible login", "a\u{1}b", api_key("admin")),
    ] {
        let answer = world.aktion_login(login, &key).await;
        assert_eq!(answer.to_string(), wrong_key.to_string(), "{what}");
    }
}

#[tokio::test]
async fn r401_1004_a_key_that_cannot_be_one() {
    let world = World::start().await;
    for key in ["x", "hDn/LFXIPESM036W+s7VKg", "AAAA", "hDn/LFXIPESM036W+s7VKg==="] {
        assert_eq!(
            world.aktion_login("admin", key).await.json()["Code"],
            1004,
            "{key}"
        );
    }
    assert_snapshot!("login_1004", world.aktion_login("admin", "x").await);
}

#[tokio::test]
async fn r413_r415() {
    let world = World::start().await;
    assert_snapshot!("login_413", world.post("/login", JSON, " ".repeat(65_537)).await);
    assert_snapshot!("login_415", world.post("/login", "text/plain", "x").await);
}

#[tokio::test]
async fn r500_and_503() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    for (code, status) in [("ThrottlingException", 503), ("ValidationException", 500)] {
        proxy.judge(move |call| match call.operation.as_str() {
            "BatchGetItem" => Verdict::error(400, code),
            _ => Verdict::Pass,
        });
        let answer = world.aktion_login("admin", &api_key("admin")).await;
        assert_eq!(answer.status, status);
        assert_snapshot!(format!("login_{status}"), answer);
    }
}

/// API keys are 128 random bits: no guess comes near, and nobody can close another's login.
#[tokio::test]
async fn wrong_keys_close_nothing() {
    let world = World::start().await;
    for _ in 0..10 {
        assert_eq!(world.aktion_login("admin", &api_key("ada")).await.status, 401);
    }
    world.aktion("admin").await;
}

#[tokio::test]
async fn neither_filter_nor_policy_applies_to_the_login_itself() {
    let world = World::start().await;
    world.aktion("far").await;
    for _ in 0..5 {
        world.aktion("eager").await;
    }
}

#[tokio::test]
async fn a_lock_that_comes_during_the_login_wins() {
    let world = std::sync::Arc::new(World::behind_proxy().await);
    let admin = std::sync::Arc::clone(&world);
    world.proxy.as_ref().unwrap().judge_next(
        "TransactWriteItems",
        Verdict::PassAfter(Box::pin(async move { admin.lock_user("ada").await })),
    );
    assert_eq!(
        world.aktion_login("ada", &api_key("ada")).await.json()["Code"],
        1003
    );
}
