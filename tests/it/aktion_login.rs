//! Aktion's login, row by row (`docs/api.md`, "Aktion.NEXT").

use holdfast_tests::{Answer, Listing, Verdict, World, api_key};
use insta::assert_snapshot;

const JSON: &str = "application/json";

/// The answer with its token, which is another each time, replaced.
fn redacted(mut answer: Answer) -> Answer {
    let mut parts = answer.body.split(['"', '<', '>']);
    let token = parts.find(|part| part.len() == 36).expect("a token").to_owned();
    answer.body = answer.body.replace(&token, "[token]");
    answer
}

#[tokio::test]
async fn r200_in_json_and_xml() {
    let world = World::start().await;
    let json = redacted(world.aktion_login("admin", &api_key("admin")).await);
    assert_snapshot!(json, @r#"
    200
    content-type: application/json

    {"Token":"[token]","ExpireInSec":20,"ExpireDate":"\/Date(1795341620000)\/"}
    "#);
    let key = api_key("admin");
    let in_xml = format!("<Request><UserLogin>admin</UserLogin><ApiKey>{key}</ApiKey></Request>");
    let xml = redacted(world.post("/login", "application/xml", in_xml.clone()).await);
    assert_snapshot!(xml, @"
    200
    content-type: application/xml

    <Response><Token>[token]</Token><ExpireInSec>20</ExpireInSec><ExpireDate>2026-11-22T10:00:20Z</ExpireDate></Response>
    ");
    let in_any_case = format!("{{\"userlogin\":\"admin\",\"APIKEY\":\"{key}\"}}");
    for (media, body, twin) in [("text/json", in_any_case, &json), ("text/xml", in_xml, &xml)] {
        redacted(world.post("/login", media, body).await).assert_twin_of(twin, media);
    }
}

#[tokio::test]
async fn r400_1002_names_every_missing_field() {
    let world = World::start().await;
    let mut answers = Listing::default();
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
        answers.add(name, answer);
    }
    assert_snapshot!(answers, @r#"
    no_body: 400, content-type: application/json
      {"Message":"Entry parameter missing or parameter bindigs failed","Code":1002,"ModelStateErr":["There is no body."]}
    nothing_given: 400, content-type: application/json
      {"Message":"Entry parameter missing or parameter bindigs failed","Code":1002,"ModelStateErr":["The UserLogin field is required.","The ApiKey field is required."]}
    empty: 400, content-type: application/json
      {"Message":"Entry parameter missing or parameter bindigs failed","Code":1002,"ModelStateErr":["The UserLogin field is required.","The ApiKey field is required."]}
    no_key_xml: 400, content-type: application/xml
      <Response><Message>Entry parameter missing or parameter bindigs failed</Message><Code>1002</Code><ModelStateErr><string>The ApiKey field is required.</string></ModelStateErr></Response>
    malformed_xml: 400, content-type: application/xml
      <Response><Message>Entry parameter missing or parameter bindigs failed</Message><Code>1002</Code><ModelStateErr><string>The XML ends before its root element does.</string></ModelStateErr></Response>
    xml_names_have_a_case: 400, content-type: text/xml
      <Response><Message>Entry parameter missing or parameter bindigs failed</Message><Code>1002</Code><ModelStateErr><string>The UserLogin field is required.</string></ModelStateErr></Response>
    repeated: 400, content-type: application/json
      {"Message":"Entry parameter missing or parameter bindigs failed","Code":1002,"ModelStateErr":["An element or member appears more than once."]}
    "#);
}

#[tokio::test]
async fn r401_1003_unknown_login_wrong_key_and_blocked_user_alike() {
    let world = World::start().await;
    let wrong_key = world.aktion_login("admin", &api_key("ada")).await;
    assert_snapshot!(wrong_key, @r#"
    401
    content-type: application/json

    {"Message":"UserLogin or ApiKey are unknown","Code":1003,"ModelStateErr":null}
    "#);
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
    assert_snapshot!(world.aktion_login("admin", "x").await, @r#"
    401
    content-type: application/json

    {"Message":"ApiKey is invalid","Code":1004,"ModelStateErr":null}
    "#);
}

#[tokio::test]
async fn r413_r415() {
    let world = World::start().await;
    assert_snapshot!(world.post("/login", JSON, " ".repeat(65_537)).await, @r#"
    413
    content-type: application/json

    {"Message":"The request entity is too large","Code":413,"ModelStateErr":null}
    "#);
    assert_snapshot!(world.post("/login", "text/plain", "x").await, @r#"
    415
    content-type: application/json

    {"Message":"The request entity has a media type which the server or resource does not support. Only application/json and application/xml are supported","Code":415,"ModelStateErr":null}
    "#);
}

#[tokio::test]
async fn r500_and_503() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    let mut answers = Listing::default();
    for (code, status) in [("ThrottlingException", 503), ("ValidationException", 500)] {
        proxy.judge(move |call| match call.operation.as_str() {
            "BatchGetItem" => Verdict::error(400, code),
            _ => Verdict::Pass,
        });
        let answer = world.aktion_login("admin", &api_key("admin")).await;
        assert_eq!(answer.status, status);
        answers.add(code, answer);
    }
    assert_snapshot!(answers, @r#"
    ThrottlingException: 503, content-type: application/json, retry-after: 1
      {"Message":"Db operation failed, operation can not be executed because another problems occured","Code":7,"ModelStateErr":null}
    ValidationException: 500, content-type: application/json
      {"Message":"internal error","Code":500,"ModelStateErr":null}
    "#);
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
