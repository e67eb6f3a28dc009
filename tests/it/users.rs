//! The read of a user (`docs/api.md`, "User").

use holdfast_tests::{Answer, Listing, Verdict, World};
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
    let alice = async |accept: &str| get(&world, &token, "alice", accept).await;
    assert_snapshot!(alice("application/json").await, @r#"
    200
    content-type: application/json

    {"UserName":"Name of alice","LoginName":"alice","Roles":["Operator","Auditor"],"Blocked":false,"BlockedBy":null,"BlockedSince":null,"TimeLastChange":"\/Date(1795341600000)\/"}
    "#);
    let xml = alice("application/xml").await;
    assert_snapshot!(xml, @"
    200
    content-type: application/xml

    <Response><UserName>Name of alice</UserName><LoginName>alice</LoginName><Roles><string>Operator</string><string>Auditor</string></Roles><Blocked>false</Blocked><TimeLastChange>2026-11-22T10:00:00Z</TimeLastChange></Response>
    ");
    alice("text/xml").await.assert_twin_of(&xml, "text/xml");
    world.wait(5);
    assert_eq!(world.lock_user_by(&token, "alice", 1).await.status, 200);
    assert_snapshot!(alice("application/json").await, @r#"
    200
    content-type: application/json

    {"UserName":"Name of alice","LoginName":"alice","Roles":["Operator","Auditor"],"Blocked":true,"BlockedBy":"admin","BlockedSince":"\/Date(1795341605000)\/","TimeLastChange":"\/Date(1795341605000)\/"}
    "#);
    assert_snapshot!(alice("application/xml").await, @"
    200
    content-type: application/xml

    <Response><UserName>Name of alice</UserName><LoginName>alice</LoginName><Roles><string>Operator</string><string>Auditor</string></Roles><Blocked>true</Blocked><BlockedBy>admin</BlockedBy><BlockedSince>2026-11-22T10:00:05Z</BlockedSince><TimeLastChange>2026-11-22T10:00:05Z</TimeLastChange></Response>
    ");
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
    let mut answers = Listing::default();
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
        answers.add(name, answer);
    }
    assert_snapshot!(answers, @r#"
    1000_before_1002: 401, content-type: application/json
      {"Message":"Token x not found","Code":1000,"ModelStateErr":null}
    1002_missing: 400, content-type: application/json
      {"Message":"Entry parameter missing or parameter bindigs failed","Code":1002,"ModelStateErr":["The LoginName field is required."]}
    1002_long: 400, content-type: application/json
      {"Message":"Entry parameter missing or parameter bindigs failed","Code":1002,"ModelStateErr":["The field LoginName must be a string with a maximum length of 100."]}
    1401: 403, content-type: application/json
      {"Message":"View User [bob] privilege violated","Code":1401,"ModelStateErr":null}
    1400: 404, content-type: application/json
      {"Message":"User for [LoginName absent, ID_Firma 1] not found or it could be a system user","Code":1400,"ModelStateErr":null}
    1400_other_company: 404, content-type: application/json
      {"Message":"User for [LoginName zoe, ID_Firma 1] not found or it could be a system user","Code":1400,"ModelStateErr":null}
    1402: 403, content-type: application/json
      {"Message":"User [daemon] is a system user","Code":1402,"ModelStateErr":null}
    1412: 403, content-type: application/json
      {"Message":"Record permission View of agenda User violated for [bob]","Code":1412,"ModelStateErr":null}
    "#);
    assert_snapshot!(get(&world, &editor, "bob", "application/xml").await, @"
    403
    content-type: application/xml

    <Response><Message>View User [bob] privilege violated</Message><Code>1401</Code></Response>
    ");
    let request = world
        .http
        .get(world.url(&format!("/user/get?LoginName=bob&Token={admin}")));
    assert_snapshot!(world.send(request.header("Content-Type", "text/plain")).await, @r#"
    415
    content-type: application/json

    {"Message":"The request entity has a media type which the server or resource does not support. Only application/json and application/xml are supported","Code":415,"ModelStateErr":null}
    "#);
}

#[tokio::test]
async fn r500_and_503() {
    let world = World::behind_proxy().await;
    let token = world.aktion("admin").await;
    let proxy = world.proxy.as_ref().unwrap();
    let mut answers = Listing::default();
    for (code, status) in [("ThrottlingException", 503), ("ValidationException", 500)] {
        proxy.judge(move |call| match call.operation.as_str() {
            "BatchGetItem" => Verdict::error(400, code),
            _ => Verdict::Pass,
        });
        let answer = get(&world, &token, "bob", "application/json").await;
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
