//! The read of a user (`docs/api.md`, "User").

use holdfast_tests::{Answer, Verdict, World};
use insta::assert_snapshot;

async fn get(world: &World, token: &str, login: &str, accept: &str) -> Answer {
    let path = format!("/user/get?LoginName={login}&Token={token}");
    world
        .send(world.http.get(world.url(&path)).header("Accept", accept))
        .await
}

#[tokio::test]
async fn r200_in_either_format_free_and_blocked() {
    let world = World::start().await;
    let token = world.aktion("admin").await;
    for (name, accept) in [
        ("json", "application/json"),
        ("xml", "application/xml"),
        ("text_xml", "text/xml"),
    ] {
        assert_snapshot!(format!("free_{name}"), get(&world, &token, "alice", accept).await);
    }
    world.wait(5);
    assert_eq!(world.lock_user_by(&token, "alice", 1).await.status, 200);
    for (name, accept) in [("json", "application/json"), ("xml", "application/xml")] {
        assert_snapshot!(
            format!("blocked_{name}"),
            get(&world, &token, "alice", accept).await
        );
    }
    world.wait(5);
    world.lock_user_by(&token, "alice", 0).await;
    let free = get(&world, &token, "alice", "*/*").await.json();
    assert_eq!(free["Blocked"], false);
    assert_eq!(
        free["TimeLastChange"],
        format!("/Date({})/", world.now().unix_ms()),
        "an unlock changes the user"
    );
}

#[tokio::test]
async fn every_refusal_in_its_order() {
    let world = World::start().await;
    let (admin, editor, salesman) = (
        world.aktion("admin").await,
        world.aktion("editor").await,
        world.aktion("salesman").await,
    );
    let long = "x".repeat(101);
    for (name, token, login, status, code) in [
        ("1000_before_1002", "x", "", 401, 1000),
        ("1002_missing", &admin, "", 400, 1002),
        ("1002_long", &admin, &long, 400, 1002),
        ("1401", &editor, "bob", 403, 1401),
        ("1400", &admin, "absent", 404, 1400),
        ("1400_other_company", &admin, "zoe", 404, 1400),
        ("1402", &admin, "daemon", 403, 1402),
        ("1412", &salesman, "bob", 403, 1412),
    ] {
        let answer = get(&world, token, login, "application/json").await;
        assert_eq!(
            (answer.status, answer.json()["Code"].as_i64()),
            (status, Some(code)),
            "{name}"
        );
        assert_snapshot!(format!("get_{name}"), answer);
    }
    assert_snapshot!(
        "get_1401_xml",
        get(&world, &editor, "bob", "application/xml").await
    );
    let request = world
        .http
        .get(world.url(&format!("/user/get?LoginName=bob&Token={admin}")));
    assert_snapshot!(
        "get_415",
        world.send(request.header("Content-Type", "text/plain")).await
    );
}

#[tokio::test]
async fn r500_and_503() {
    let world = World::behind_proxy().await;
    let token = world.aktion("admin").await;
    let proxy = world.proxy.as_ref().unwrap();
    for (code, status) in [("ThrottlingException", 503), ("ValidationException", 500)] {
        proxy.judge(move |call| match call.operation.as_str() {
            "BatchGetItem" => Verdict::error(400, code),
            _ => Verdict::Pass,
        });
        let answer = get(&world, &token, "bob", "application/json").await;
        assert_eq!(answer.status, status);
        assert_snapshot!(format!("get_{status}"), answer);
    }
}

/// Names in the query string are the same in any case, and what XML cannot carry is replaced where it is echoed.
#[tokio::test]
async fn names_and_echoes() {
    let world = World::start().await;
    let token = world.aktion("admin").await;
    let path = format!("/user/get?loginname=bob&TOKEN={token}");
    assert_eq!(world.send(world.http.get(world.url(&path))).await.status, 200);
    let answer = get(&world, &token, "%01%3Cb%3E", "application/xml").await;
    assert!(answer.body.contains("[LoginName \u{fffd}&lt;b&gt;,"), "{answer}");
}
