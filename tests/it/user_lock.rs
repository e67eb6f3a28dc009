//! The user lock's table of 23 rows, in JSON and in XML (`docs/api.md`, "User lock").

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use holdfast::id::Login;
use holdfast::store::{RowKey, Table};
use holdfast_tests::{Answer, Listing, PASSWORD, Proxy, Sdm, Verdict, World, api_key, people};
use insta::assert_snapshot;
use serde_json::{Value, json};

/// The two formats, each by its media type and by the one that is its twin.
const MEDIA: [(&str, &str); 2] = [("application/json", "text/json"), ("application/xml", "text/xml")];

fn body(media: &str, login: &str, lock: &str) -> String {
    if media.ends_with("json") {
        serde_json::json!({"LoginName": login, "Lock": 7})
            .to_string()
            .replace('7', lock)
    } else {
        format!("<Request> <LoginName>{login}</LoginName> <Lock>{lock}</Lock> </Request>")
    }
}

async fn lock(world: &World, media: &str, token: &str, login: &str, lock: &str) -> Answer {
    world
        .post(
            &format!("/user/lock?Token={token}"),
            media,
            body(media, login, lock),
        )
        .await
}

/// One row of the table in all four media types: lists the answers in JSON and XML, once the twin of each is found to
/// get the same answer.
async fn row(name: &str, status: u16, mut ask: impl AsyncFnMut(&'static str) -> Answer) -> String {
    let mut answers = Listing::default();
    for (media, text) in MEDIA {
        let answer = ask(media).await;
        assert_eq!(answer.status, status, "row {name} in {media}: {answer}");
        ask(text).await.assert_twin_of(&answer, text);
        answers.add(format_args!("row {name}"), answer);
    }
    answers.to_string()
}

fn key(login: &str) -> RowKey {
    RowKey::user(&Login::try_from(login).unwrap())
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// A change to a user's row by someone who is not locking it.
async fn set(world: &World, login: &str, attribute: &str, value: AttributeValue) {
    world
        .store
        .client()
        .update_item()
        .table_name(world.store.table_name(Table::Resources))
        .key("pk", s(key(login).pk()))
        .update_expression("SET #attribute = :value, rev = rev + :one, #by = :other")
        .expression_attribute_names("#by", "by")
        .expression_attribute_names("#attribute", attribute)
        .expression_attribute_values(":value", value)
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .expression_attribute_values(":other", holdfast_tests::another_writer())
        .send()
        .await
        .unwrap();
}

async fn delete(world: &World, login: &str) {
    let table = world.store.table_name(Table::Resources);
    world
        .store
        .client()
        .delete_item()
        .table_name(table)
        .key("pk", s(key(login).pk()))
        .send()
        .await
        .unwrap();
}

/// Lets something happen between the read of the user and the write.
fn before_the_write<F: Future<Output = ()> + Send + 'static>(proxy: &Proxy, event: F) {
    proxy.judge_next_on("TransactWriteItems", "user/", Verdict::PassAfter(Box::pin(event)));
}

/// Lets the store answer the write with an error of its own.
fn refuse_the_write(proxy: &Proxy, status: u16, code: &'static str) {
    proxy.judge(move |call| {
        let is_write = call.operation == "TransactWriteItems" && call.touches("user/");
        if is_write {
            Verdict::error(status, code)
        } else {
            Verdict::Pass
        }
    });
}

#[tokio::test]
async fn row_01_media_type_and_size() {
    let world = World::start().await;
    let token = world.aktion("admin").await;
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
    ] {
        let answer = lock(&world, media, &token, "bob", "1").await;
        assert_eq!(answer.json()["Result"]["Code"], 415, "{media}");
    }
    let mut untyped = Listing::default();
    for (accept, _) in MEDIA {
        let request = world.http.post(world.url("/user/lock")).header("Accept", accept);
        untyped.add("row 1", world.send(request).await);
    }
    assert_snapshot!(untyped, @r#"
    row 1: 415, content-type: application/json
      {"Result":{"Message":"The request entity has a media type which the server or resource does not support. Only application/json and application/xml are supported","Code":415,"ModelStateErr":null},"Request":null}
    row 1: 415, content-type: application/xml
      <Response><Result><Message>The request entity has a media type which the server or resource does not support. Only application/json and application/xml are supported</Message><Code>415</Code></Result></Response>
    "#);
    let large = row("1, too large", 413, async |media| {
        let large = format!("{}{}", body(media, "bob", "1"), " ".repeat(65_536));
        world
            .post(&format!("/user/lock?Token={token}"), media, large)
            .await
    });
    assert_snapshot!(large.await, @r#"
    row 1, too large: 413, content-type: application/json
      {"Result":{"Message":"The request entity is too large","Code":413,"ModelStateErr":null},"Request":null}
    row 1, too large: 413, content-type: application/xml
      <Response><Result><Message>The request entity is too large</Message><Code>413</Code></Result></Response>
    "#);
}

#[tokio::test]
async fn row_02_token_not_found() {
    let world = World::start().await;
    let unknown = row("2, unknown", 401, async |media| {
        lock(&world, media, "00000000-0000-4000-8000-000000000000", "bob", "1").await
    });
    assert_snapshot!(unknown.await, @r#"
    row 2, unknown: 401, content-type: application/json
      {"Result":{"Message":"Token 00000000-0000-4000-8000-000000000000 not found","Code":1000,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 2, unknown: 401, content-type: application/xml
      <Response><Result><Message>Token 00000000-0000-4000-8000-000000000000 not found</Message><Code>1000</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
    let absent = row("2, absent", 401, async |media| {
        world.post("/user/lock", media, body(media, "bob", "1")).await
    });
    assert_snapshot!(absent.await, @r#"
    row 2, absent: 401, content-type: application/json
      {"Result":{"Message":"Token  not found","Code":1000,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 2, absent: 401, content-type: application/xml
      <Response><Result><Message>Token  not found</Message><Code>1000</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
    for media in MEDIA.into_iter().flat_map(<[_; 2]>::from) {
        assert_eq!(
            lock(&world, media, "x", "bob", "7").await.status,
            401,
            "before the body is judged"
        );
    }
}

#[tokio::test]
async fn row_03_token_expired() {
    let world = World::start().await;
    let token = world.aktion("admin").await;
    world.wait(20);
    let expired = row("3", 401, async |media| {
        lock(&world, media, &token, "bob", "1").await
    });
    assert_snapshot!(expired.await.replace(&token, "[token]"), @r#"
    row 3: 401, content-type: application/json
      {"Result":{"Message":"Token [token] already expired","Code":1001,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 3: 401, content-type: application/xml
      <Response><Result><Message>Token [token] already expired</Message><Code>1001</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
}

#[tokio::test]
async fn row_04_unreadable_filter() {
    let world = World::start().await;
    set(&world, "near", "ip_filter", s("127.0.0.1, <here>")).await;
    let token = world.aktion("near").await;
    let unreadable = row("4", 401, async |media| {
        lock(&world, media, &token, "bob", "1").await
    });
    assert_snapshot!(unreadable.await, @r#"
    row 4: 401, content-type: application/json
      {"Result":{"Message":"Ip filter [127.0.0.1, <here>] parsing failed","Code":1007,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 4: 401, content-type: application/xml
      <Response><Result><Message>Ip filter [127.0.0.1, &lt;here&gt;] parsing failed</Message><Code>1007</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
}

#[tokio::test]
async fn row_05_filter_violated() {
    let world = World::start().await;
    let token = world.aktion("far").await;
    let violated = row("5", 401, async |media| {
        lock(&world, media, &token, "bob", "1").await
    });
    assert_snapshot!(violated.await, @r#"
    row 5: 401, content-type: application/json
      {"Result":{"Message":"Ip filter violated for ip client address [127.0.0.1]","Code":1006,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 5: 401, content-type: application/xml
      <Response><Result><Message>Ip filter violated for ip client address [127.0.0.1]</Message><Code>1006</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
}

#[tokio::test]
async fn row_06_rate_policy_violated() {
    let world = World::start().await;
    let token = world.aktion("eager").await;
    for _ in 0..3 {
        lock(&world, "text/json", &token, "bob", "1").await;
    }
    let too_often = row("6", 401, async |media| {
        lock(&world, media, &token, "bob", "1").await
    });
    assert_snapshot!(too_often.await, @r#"
    row 6: 401, content-type: application/json
      {"Result":{"Message":"Request rate policy violated for [eager]","Code":1008,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 6: 401, content-type: application/xml
      <Response><Result><Message>Request rate policy violated for [eager]</Message><Code>1008</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
}

#[tokio::test]
async fn row_07_malformed_body() {
    let world = World::start().await;
    let token = world.aktion("admin").await;
    let range = row("7, out of range", 400, async |media| {
        lock(&world, media, &token, "sample string 1", "2").await
    });
    assert_snapshot!(range.await, @r#"
    row 7, out of range: 400, content-type: application/json
      {"Result":{"Message":"Entry parameter missing or parameter bindigs failed","Code":1002,"ModelStateErr":["The field Lock must be between 0 and 1."]},"Request":{"LoginName":"sample string 1","Lock":2}}
    row 7, out of range: 400, content-type: application/xml
      <Response><Result><Message>Entry parameter missing or parameter bindigs failed</Message><Code>1002</Code><ModelStateErr><string>The field Lock must be between 0 and 1.</string></ModelStateErr></Result><Request><LoginName>sample string 1</LoginName><Lock>2</Lock></Request></Response>
    "#);
    let path = format!("/user/lock?Token={token}");
    let no_body = row("7, no body", 400, async |media| {
        world.post(&path, media, "").await
    });
    assert_snapshot!(no_body.await, @r#"
    row 7, no body: 400, content-type: application/json
      {"Result":{"Message":"Entry parameter missing or parameter bindigs failed","Code":1002,"ModelStateErr":["There is no body."]},"Request":null}
    row 7, no body: 400, content-type: application/xml
      <Response><Result><Message>Entry parameter missing or parameter bindigs failed</Message><Code>1002</Code><ModelStateErr><string>There is no body.</string></ModelStateErr></Result></Response>
    "#);
    let mut answers = Listing::default();
    for (name, media, body) in [
        ("nothing_given", "application/json", "{}"),
        (
            "both_wrong",
            "application/json",
            "{\"LoginName\":5,\"Lock\":\"1\"}",
        ),
        ("malformed", "application/json", "{\"LoginName\":"),
        (
            "repeated",
            "application/json",
            "{\"LoginName\":\"bob\",\"LoginName\":\"alice\",\"Lock\":1}",
        ),
        ("nothing_given_xml", "application/xml", "<Request/>"),
        (
            "no_integer_xml",
            "application/xml",
            "<Request><LoginName>bob</LoginName><Lock>yes</Lock></Request>",
        ),
        (
            "other_root",
            "application/xml",
            "<User><LoginName>bob</LoginName><Lock>1</Lock></User>",
        ),
    ] {
        let answer = world.post(&path, media, body).await;
        assert_eq!(answer.status, 400, "{name}");
        answers.add(format_args!("row 7, {name}"), answer);
    }
    assert_snapshot!(answers, @r#"
    row 7, nothing_given: 400, content-type: application/json
      {"Result":{"Message":"Entry parameter missing or parameter bindigs failed","Code":1002,"ModelStateErr":["The LoginName field is required.","The Lock field is required."]},"Request":null}
    row 7, both_wrong: 400, content-type: application/json
      {"Result":{"Message":"Entry parameter missing or parameter bindigs failed","Code":1002,"ModelStateErr":["The field LoginName must be a string.","The field Lock must be an integer."]},"Request":null}
    row 7, malformed: 400, content-type: application/json
      {"Result":{"Message":"Entry parameter missing or parameter bindigs failed","Code":1002,"ModelStateErr":["The body is not a JSON object."]},"Request":null}
    row 7, repeated: 400, content-type: application/json
      {"Result":{"Message":"Entry parameter missing or parameter bindigs failed","Code":1002,"ModelStateErr":["An element or member appears more than once."]},"Request":null}
    row 7, nothing_given_xml: 400, content-type: application/xml
      <Response><Result><Message>Entry parameter missing or parameter bindigs failed</Message><Code>1002</Code><ModelStateErr><string>The LoginName field is required.</string><string>The Lock field is required.</string></ModelStateErr></Result></Response>
    row 7, no_integer_xml: 400, content-type: application/xml
      <Response><Result><Message>Entry parameter missing or parameter bindigs failed</Message><Code>1002</Code><ModelStateErr><string>The field Lock must be an integer.</string></ModelStateErr></Result></Response>
    row 7, other_root: 400, content-type: application/xml
      <Response><Result><Message>Entry parameter missing or parameter bindigs failed</Message><Code>1002</Code><ModelStateErr><string>The XML has another root element.</string></ModelStateErr></Result></Response>
    "#);
    assert!(!world.row(&key("bob")).await.unwrap().contains_key("lock_owner"));
}

/// Half a request is not echoed: a client that reads `Request` finds both fields or nothing.
#[tokio::test]
async fn the_request_is_echoed_where_both_fields_could_be_read_and_else_not_at_all() {
    let world = World::start().await;
    let token = world.aktion("admin").await;
    let path = format!("/user/lock?Token={token}");
    let long = "x".repeat(101);
    let echo = |login: &str, lock: i64| json!({"LoginName": login, "Lock": lock});
    for (body, expected) in [
        (json!({"LoginName": "bob"}), Value::Null),
        (json!({"Lock": 1}), Value::Null),
        (json!({}), Value::Null),
        (json!({"LoginName": 5, "Lock": 1}), Value::Null),
        (json!({"LoginName": "bob", "Lock": "1"}), Value::Null),
        (json!({"LoginName": null, "Lock": 1}), Value::Null),
        (json!({"LoginName": "bob", "Lock": 2}), echo("bob", 2)),
        (json!({"LoginName": "", "Lock": 0}), echo("", 0)),
        (json!({"LoginName": long, "Lock": 1}), echo(&long, 1)),
    ] {
        let answer = world.post(&path, "application/json", body.to_string()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.json()["Request"], expected, "{body}");
    }
    let broken = world
        .post(&path, "application/json", "{\"LoginName\":\"bob\",")
        .await;
    assert_eq!(broken.json()["Request"], Value::Null);

    let in_xml = async |fields: &str| {
        let body = format!("<Request>{fields}</Request>");
        let answer = world.post(&path, "application/xml", body).await;
        assert_eq!(answer.status, 400, "{fields}");
        let echo = answer.body.split_once("<Request>");
        echo.map(|(_, echo)| echo.trim_end_matches("</Request></Response>").to_owned())
    };
    for fields in ["<LoginName>bob</LoginName>", "<Lock>1</Lock>", ""] {
        assert_eq!(in_xml(fields).await, None, "{fields}");
    }
    let both = "<LoginName>bob</LoginName><Lock>2</Lock>";
    assert_eq!(in_xml(both).await.as_deref(), Some(both));
}

#[tokio::test]
async fn row_08_edit_privilege() {
    let world = World::start().await;
    let token = world.aktion("viewer").await;
    let refused = row("8", 403, async |media| {
        lock(&world, media, &token, "bob", "1").await
    });
    assert_snapshot!(refused.await, @r#"
    row 8: 403, content-type: application/json
      {"Result":{"Message":"Edit User [bob] privilege violated","Code":1408,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 8: 403, content-type: application/xml
      <Response><Result><Message>Edit User [bob] privilege violated</Message><Code>1408</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
}

#[tokio::test]
async fn row_09_blocked_privilege() {
    let world = World::start().await;
    let token = world.aktion("editor").await;
    let refused = row("9", 403, async |media| {
        lock(&world, media, &token, "bob", "1").await
    });
    assert_snapshot!(refused.await, @r#"
    row 9: 403, content-type: application/json
      {"Result":{"Message":"Privilege Edit of item Blocked of agenda Users violated for [LoginName bob]","Code":1411,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 9: 403, content-type: application/xml
      <Response><Result><Message>Privilege Edit of item Blocked of agenda Users violated for [LoginName bob]</Message><Code>1411</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
}

#[tokio::test]
async fn row_10_licence() {
    let world = World::start().await;
    let token = world.aktion("zoe").await;
    let refused = row("10", 403, async |media| {
        lock(&world, media, &token, "zoe", "1").await
    });
    assert_snapshot!(refused.await, @r#"
    row 10: 403, content-type: application/json
      {"Result":{"Message":"Db operation failed, licence violation","Code":8,"ModelStateErr":null},"Request":{"LoginName":"zoe","Lock":1}}
    row 10: 403, content-type: application/xml
      <Response><Result><Message>Db operation failed, licence violation</Message><Code>8</Code></Result><Request><LoginName>zoe</LoginName><Lock>1</Lock></Request></Response>
    "#);
}

#[tokio::test]
async fn row_11_not_found_another_companys_and_the_systems_own_alike() {
    let world = World::start().await;
    let token = world.aktion("admin").await;
    let unknown = row("11", 404, async |media| {
        lock(&world, media, &token, "John.Doo", "1").await
    });
    assert_snapshot!(unknown.await, @r#"
    row 11: 404, content-type: application/json
      {"Result":{"Message":"User for [LoginName John.Doo, ID_Firma 1] not found or it could be a system user","Code":1400,"ModelStateErr":null},"Request":{"LoginName":"John.Doo","Lock":1}}
    row 11: 404, content-type: application/xml
      <Response><Result><Message>User for [LoginName John.Doo, ID_Firma 1] not found or it could be a system user</Message><Code>1400</Code></Result><Request><LoginName>John.Doo</LoginName><Lock>1</Lock></Request></Response>
    "#);
    for media in MEDIA.into_iter().flat_map(<[_; 2]>::from) {
        for login in ["zoe", "daemon"] {
            let answer = lock(&world, media, &token, login, "1").await;
            let absent = lock(&world, media, &token, "absent", "1").await;
            assert_eq!(answer.to_string(), absent.to_string().replace("absent", login));
        }
    }
    let strange = lock(&world, "application/json", &token, "a\\u0001b", "1").await;
    assert_eq!(strange.status, 404);
}

#[tokio::test]
async fn row_12_record_permission_and_nobody_locks_himself_out() {
    let world = World::start().await;
    let (salesman, admin) = (world.aktion("salesman").await, world.aktion("admin").await);
    let another = row("12", 403, async |media| {
        lock(&world, media, &salesman, "bob", "1").await
    });
    assert_snapshot!(another.await, @r#"
    row 12: 403, content-type: application/json
      {"Result":{"Message":"Record permission Edit of agenda User violated for [bob]","Code":1413,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 12: 403, content-type: application/xml
      <Response><Result><Message>Record permission Edit of agenda User violated for [bob]</Message><Code>1413</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
    let himself = row("12, himself", 403, async |media| {
        lock(&world, media, &admin, "admin", "1").await
    });
    assert_snapshot!(himself.await, @r#"
    row 12, himself: 403, content-type: application/json
      {"Result":{"Message":"Record permission Edit of agenda User violated for [admin]","Code":1413,"ModelStateErr":null},"Request":{"LoginName":"admin","Lock":1}}
    row 12, himself: 403, content-type: application/xml
      <Response><Result><Message>Record permission Edit of agenda User violated for [admin]</Message><Code>1413</Code></Result><Request><LoginName>admin</LoginName><Lock>1</Lock></Request></Response>
    "#);
    assert_eq!(
        world.lock_user_by(&admin, "admin", 0).await.json()["Result"]["Code"],
        0,
        "there is nothing to unlock"
    );
}

#[tokio::test]
async fn row_13_remains_unchanged() {
    let world = World::start().await;
    let token = world.aktion("admin").await;
    let never_locked = row("13, unlock", 403, async |media| {
        lock(&world, media, &token, "bob", "0").await
    });
    assert_snapshot!(never_locked.await, @r#"
    row 13, unlock: 403, content-type: application/json
      {"Result":{"Message":"Processed with results: User [bob] remains unchanged","Code":0,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":0}}
    row 13, unlock: 403, content-type: application/xml
      <Response><Result><Message>Processed with results: User [bob] remains unchanged</Message><Code>0</Code></Result><Request><LoginName>bob</LoginName><Lock>0</Lock></Request></Response>
    "#);
    let again = row("13, lock again", 403, async |media| {
        assert_eq!(lock(&world, media, &token, "bob", "1").await.status, 200);
        let again = lock(&world, media, &token, "bob", "1").await;
        assert_eq!(lock(&world, media, &token, "bob", "0").await.status, 200);
        again
    });
    assert_snapshot!(again.await, @r#"
    row 13, lock again: 403, content-type: application/json
      {"Result":{"Message":"Processed with results: User [bob] remains unchanged","Code":0,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 13, lock again: 403, content-type: application/xml
      <Response><Result><Message>Processed with results: User [bob] remains unchanged</Message><Code>0</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
    let unlocked = row("13, unlock again", 403, async |media| {
        lock(&world, media, &token, "bob", "0").await
    });
    assert_snapshot!(unlocked.await, @r#"
    row 13, unlock again: 403, content-type: application/json
      {"Result":{"Message":"Processed with results: User [bob] remains unchanged","Code":0,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":0}}
    row 13, unlock again: 403, content-type: application/xml
      <Response><Result><Message>Processed with results: User [bob] remains unchanged</Message><Code>0</Code></Result><Request><LoginName>bob</LoginName><Lock>0</Lock></Request></Response>
    "#);
}

#[tokio::test]
async fn row_14_someone_elses() {
    let world = World::start().await;
    let (admin, ada) = (world.aktion("admin").await, world.aktion("ada").await);
    world.lock_user_by(&admin, "bob", 1).await;
    let locked = row("14, lock", 403, async |media| {
        lock(&world, media, &ada, "bob", "1").await
    });
    assert_snapshot!(locked.await, @r#"
    row 14, lock: 403, content-type: application/json
      {"Result":{"Message":"Db operation failed, already changed by another user","Code":4,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 14, lock: 403, content-type: application/xml
      <Response><Result><Message>Db operation failed, already changed by another user</Message><Code>4</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
    let unlocked = row("14, unlock", 403, async |media| {
        lock(&world, media, &ada, "bob", "0").await
    });
    assert_snapshot!(unlocked.await, @r#"
    row 14, unlock: 403, content-type: application/json
      {"Result":{"Message":"Db operation failed, already changed by another user","Code":4,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":0}}
    row 14, unlock: 403, content-type: application/xml
      <Response><Result><Message>Db operation failed, already changed by another user</Message><Code>4</Code></Result><Request><LoginName>bob</LoginName><Lock>0</Lock></Request></Response>
    "#);
    assert_eq!(
        world.lock_user_by(&admin, "bob", 0).await.status,
        200,
        "still admin's"
    );
}

#[tokio::test]
async fn row_14_taken_between_read_and_write() {
    let world = Arc::new(World::behind_proxy().await);
    let (admin, ada) = (world.aktion("admin").await, world.aktion("ada").await);
    let other = Arc::clone(&world);
    before_the_write(world.proxy.as_ref().unwrap(), async move {
        assert_eq!(other.lock_user_by(&ada, "bob", 1).await.status, 200);
    });
    assert_eq!(
        world.lock_user_by(&admin, "bob", 1).await.json()["Result"]["Code"],
        4
    );
}

#[tokio::test]
async fn row_15_deleted_between_read_and_write() {
    let deleted = row("15", 403, async |media| {
        let world = Arc::new(World::behind_proxy().await);
        let token = world.aktion("admin").await;
        let other = Arc::clone(&world);
        before_the_write(world.proxy.as_ref().unwrap(), async move {
            delete(&other, "bob").await;
        });
        let answer = lock(&world, media, &token, "bob", "1").await;
        assert!(
            world.row(&key("bob")).await.is_none(),
            "a lock never creates a user"
        );
        answer
    });
    assert_snapshot!(deleted.await, @r#"
    row 15: 403, content-type: application/json
      {"Result":{"Message":"Db operation failed, already deleted by another user","Code":5,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 15: 403, content-type: application/xml
      <Response><Result><Message>Db operation failed, already deleted by another user</Message><Code>5</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
}

#[tokio::test]
async fn row_15_moved_to_another_company_or_made_a_system_user_between_read_and_write() {
    for (attribute, value) in [("company", s("2")), ("system_user", AttributeValue::Bool(true))] {
        let world = Arc::new(World::behind_proxy().await);
        let token = world.aktion("admin").await;
        let other = Arc::clone(&world);
        before_the_write(world.proxy.as_ref().unwrap(), async move {
            set(&other, "bob", attribute, value).await;
        });
        assert_eq!(
            world.lock_user_by(&token, "bob", 1).await.json()["Result"]["Code"],
            5
        );
        assert!(!world.row(&key("bob")).await.unwrap().contains_key("lock_owner"));
    }
}

#[tokio::test]
async fn row_16_regrouped_between_read_and_write() {
    let sales = |login: &str| {
        let mut directory = people(&[]);
        let users = directory["users"].as_array_mut().unwrap();
        users.iter_mut().find(|user| user["login"] == login).unwrap()["record_group"] = "sales".into();
        directory
    };
    let regrouped = row("16", 403, async |media| {
        let world = Arc::new(World::with(sales("bob"), true).await);
        let token = world.aktion("salesman").await;
        let other = Arc::clone(&world);
        before_the_write(world.proxy.as_ref().unwrap(), async move {
            set(&other, "bob", "record_group", s("staff")).await;
        });
        let answer = lock(&world, media, &token, "bob", "1").await;
        assert!(!world.row(&key("bob")).await.unwrap().contains_key("lock_owner"));
        answer
    });
    assert_snapshot!(regrouped.await, @r#"
    row 16: 403, content-type: application/json
      {"Result":{"Message":"Db operation failed, record missing priviliges","Code":2,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 16: 403, content-type: application/xml
      <Response><Result><Message>Db operation failed, record missing priviliges</Message><Code>2</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
    // Moved to another group that the caller may edit: decided anew, and done.
    let world = Arc::new(World::behind_proxy().await);
    let token = world.aktion("admin").await;
    let other = Arc::clone(&world);
    before_the_write(world.proxy.as_ref().unwrap(), async move {
        set(&other, "bob", "record_group", s("sales")).await;
    });
    assert_eq!(world.lock_user_by(&token, "bob", 1).await.status, 200);
    assert_eq!(
        world.row(&key("bob")).await.unwrap()["record_group"],
        s("sales"),
        "nothing is overwritten"
    );
}

#[tokio::test]
async fn row_17_a_row_that_cannot_be_understood() {
    let world = World::start().await;
    let token = world.aktion("admin").await;
    set(&world, "bob", "fence", s("many")).await;
    let refused = row("17", 403, async |media| {
        lock(&world, media, &token, "bob", "1").await
    });
    assert_snapshot!(refused.await, @r#"
    row 17: 403, content-type: application/json
      {"Result":{"Message":"Db operation failed, database data consistence violation","Code":6,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 17: 403, content-type: application/xml
      <Response><Result><Message>Db operation failed, database data consistence violation</Message><Code>6</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
}

#[tokio::test]
async fn rows_18_to_20_and_22_refusals_by_the_store() {
    let world = World::behind_proxy().await;
    let token = world.aktion("admin").await;
    let proxy = world.proxy.as_ref().unwrap();
    let mut rows = String::new();
    for (number, status, code) in [
        ("18", 403, "AccessDeniedException"),
        ("19", 403, "DuplicateItemException"),
        ("20", 403, "ResourceNotFoundException"),
        ("22", 500, "ValidationException"),
    ] {
        refuse_the_write(proxy, 400, code);
        rows += &row(number, status, async |media| {
            lock(&world, media, &token, "bob", "1").await
        })
        .await;
    }
    assert_snapshot!(rows, @r#"
    row 18: 403, content-type: application/json
      {"Result":{"Message":"Db operation failed, agenda missing priviliges","Code":1,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 18: 403, content-type: application/xml
      <Response><Result><Message>Db operation failed, agenda missing priviliges</Message><Code>1</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    row 19: 403, content-type: application/json
      {"Result":{"Message":"Db operation failed, Record duplicity","Code":3,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 19: 403, content-type: application/xml
      <Response><Result><Message>Db operation failed, Record duplicity</Message><Code>3</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    row 20: 403, content-type: application/json
      {"Result":{"Message":"Db operation failed, operation can not be executed because another problems occured","Code":7,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 20: 403, content-type: application/xml
      <Response><Result><Message>Db operation failed, operation can not be executed because another problems occured</Message><Code>7</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    row 22: 500, content-type: application/json
      {"Result":{"Message":"internal error","Code":500,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 22: 500, content-type: application/xml
      <Response><Result><Message>internal error</Message><Code>500</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
}

#[tokio::test]
async fn row_21_throttled_or_unreachable() {
    let world = World::behind_proxy().await;
    let token = world.aktion("admin").await;
    let proxy = world.proxy.as_ref().unwrap();
    refuse_the_write(proxy, 400, "ThrottlingException");
    let throttled = row("21", 503, async |media| {
        lock(&world, media, &token, "bob", "1").await
    });
    assert_snapshot!(throttled.await, @r#"
    row 21: 503, content-type: application/json, retry-after: 1
      {"Result":{"Message":"Db operation failed, operation can not be executed because another problems occured","Code":7,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 21: 503, content-type: application/xml, retry-after: 1
      <Response><Result><Message>Db operation failed, operation can not be executed because another problems occured</Message><Code>7</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
    refuse_the_write(proxy, 500, "InternalServerError");
    assert_eq!(world.lock_user_by(&token, "bob", 1).await.status, 503);
    refuse_the_write(proxy, 400, "TransactionConflictException");
    assert_eq!(world.lock_user_by(&token, "bob", 1).await.status, 503);
}

#[tokio::test]
async fn row_23_done_in_all_four_media_types() {
    let world = World::start().await;
    let token = world.aktion("admin").await;
    let locked = row("23", 200, async |media| {
        let answer = lock(&world, media, &token, "bob", "1").await;
        assert_eq!(lock(&world, media, &token, "bob", "0").await.status, 200);
        answer
    });
    assert_snapshot!(locked.await, @r#"
    row 23: 200, content-type: application/json
      {"Result":{"Message":"Processed with result: ExecOK","Code":0,"ModelStateErr":null},"Request":{"LoginName":"bob","Lock":1}}
    row 23: 200, content-type: application/xml
      <Response><Result><Message>Processed with result: ExecOK</Message><Code>0</Code></Result><Request><LoginName>bob</LoginName><Lock>1</Lock></Request></Response>
    "#);
}

/// The checks come in the order of the table: a request that breaks every rule is told of the first one, then of
/// the next, as its faults are mended one by one.
#[tokio::test]
async fn the_checks_come_in_the_tables_order() {
    let world = World::start().await;
    let codes = async |media: &str, token: &str, login: &str, lock_value: &str| {
        let request = world
            .http
            .post(world.url(&format!("/user/lock?Token={token}")))
            .header("Content-Type", media)
            .header("Accept", "application/json")
            .body(body("application/json", login, lock_value));
        world.send(request).await.json()["Result"]["Code"]
            .as_i64()
            .unwrap()
    };
    let json = "application/json";
    assert_eq!(codes("text/plain", "x", "", "7").await, 415);
    assert_eq!(codes(json, "x", "", "7").await, 1000);
    let far = world.aktion("far").await;
    assert_eq!(
        codes(json, &far, "", "7").await,
        1006,
        "the address before the body"
    );
    let viewer = world.aktion("viewer").await;
    assert_eq!(
        codes(json, &viewer, "", "7").await,
        1002,
        "the body before the privileges"
    );
    assert_eq!(codes(json, &viewer, "absent", "1").await, 1408);
    let editor = world.aktion("editor").await;
    assert_eq!(codes(json, &editor, "absent", "1").await, 1411);
    let zoe = world.aktion("zoe").await;
    assert_eq!(
        codes(json, &zoe, "absent", "1").await,
        8,
        "the licence before the user"
    );
    let salesman = world.aktion("salesman").await;
    assert_eq!(codes(json, &salesman, "absent", "1").await, 1400);
    world.lock_user("bob").await;
    assert_eq!(
        codes(json, &salesman, "bob", "1").await,
        1413,
        "the permission before the owner"
    );
    let ada = world.aktion("ada").await;
    assert_eq!(codes(json, &ada, "bob", "1").await, 4);
}

/// The seed's four request samples, as printed.
#[tokio::test]
async fn the_documented_samples() {
    let mut directory = people(&["John.Doo".to_owned()]);
    directory["users"].as_array_mut().unwrap().push(
        serde_json::json!({"company": "1", "login": "sample string 1", "password": PASSWORD, "record_group": "staff"}),
    );
    let world = World::with(directory, false).await;
    let token = world.aktion("admin").await;
    let path = format!("/user/lock?Token={token}");
    let json = "{\"LoginName\":\"John.Doo\",\"Lock\":0}";
    let xml = "<Request> <LoginName>John.Doo</LoginName> <Lock>0</Lock> </Request>";
    let text_json = "{ \"LoginName\": \"sample string 1\", \"Lock\": 2 }";
    let text_xml = "<Request xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"> <LoginName>sample string 1</LoginName> <Lock>2</Lock> </Request>";
    for (media, body) in [("application/json", json), ("application/xml", xml)] {
        assert_eq!(world.lock_user_by(&token, "John.Doo", 1).await.status, 200);
        let answer = world.post(&path, media, body).await;
        assert_eq!(answer.status, 200, "{answer}");
    }
    assert_eq!(world.lock_user_by(&token, "John.Doo", 1).await.status, 200);
    let answer = world.post(&path, "application/json", json).await;
    // The documented answer, to the byte.
    assert_eq!(
        answer.body,
        "{\"Result\":{\"Message\":\"Processed with result: ExecOK\",\"Code\":0,\"ModelStateErr\":null},\
         \"Request\":{\"LoginName\":\"John.Doo\",\"Lock\":0}}"
    );
    for (media, body) in [("text/json", text_json), ("text/xml", text_xml)] {
        let refused = world.post(&path, media, body).await;
        assert_eq!(refused.status, 400, "a Lock of 2 is out of range");
        assert!(
            refused.body.contains("The field Lock must be between 0 and 1."),
            "{refused}"
        );
        // Namespaces and all, it is accepted where the number is.
        let accepted = world
            .post(&path, media, body.replace(" 2", " 1").replace(">2<", ">1<"))
            .await;
        assert_eq!(accepted.status, 200, "{accepted}");
        assert_eq!(world.lock_user_by(&token, "sample string 1", 0).await.status, 200);
    }
}

/// The SDK sends a write again whose answer was lost. A committed one is a success, never "remains unchanged".
#[tokio::test]
async fn a_lost_answer_is_a_success() {
    let world = Arc::new(World::behind_proxy().await);
    let proxy = world.proxy.clone().unwrap();
    let token = world.aktion("admin").await;
    for wanted in [1, 0] {
        proxy.judge_next_on("TransactWriteItems", "user/", Verdict::lose_answer());
        assert_eq!(
            world.lock_user_by(&token, "bob", wanted).await.status,
            200,
            "{wanted}"
        );
    }
    // Someone else wrote to the row before it was sent again.
    for wanted in [1, 0] {
        let other = Arc::clone(&world);
        let event = Box::pin(async move { set(&other, "bob", "user_name", s("Robert")).await });
        proxy.judge_next_on("TransactWriteItems", "user/", Verdict::LoseAnswer(event));
        assert_eq!(
            world.lock_user_by(&token, "bob", wanted).await.status,
            200,
            "{wanted}, with a write in between"
        );
    }
    // Someone else took the lock after it was released.
    world.lock_user_by(&token, "bob", 1).await;
    let (other, ada) = (Arc::clone(&world), world.aktion("ada").await);
    let event = Box::pin(async move {
        assert_eq!(other.lock_user_by(&ada, "bob", 1).await.status, 200);
    });
    proxy.judge_next_on("TransactWriteItems", "user/", Verdict::LoseAnswer(event));
    assert_eq!(world.lock_user_by(&token, "bob", 0).await.status, 200);
    assert_eq!(world.row(&key("bob")).await.unwrap()["lock_owner"], s("ada"));
}

/// Two requests of one admin at the same moment: one of them locks, the other finds it locked.
#[tokio::test(flavor = "multi_thread")]
async fn ones_own_parallel_repeat_remains_unchanged() {
    let world = World::start().await;
    let token = world.aktion("admin").await;
    let answers = join_all((0..8).map(|_| world.lock_user_by(&token, "bob", 1))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(
        answers
            .iter()
            .filter(|a| a.status != 200)
            .all(|a| a.json()["Result"]["Code"] == 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_admins_one_locks_and_only_the_winner_unlocks() {
    let names: Vec<String> = (0..32).map(|n| format!("admin-{n:02}")).collect();
    let world = World::with(people(&names), false).await;
    let tokens = join_all(names.iter().map(|name| world.aktion(name))).await;
    let answers = join_all(tokens.iter().map(|token| world.lock_user_by(token, "bob", 1))).await;
    let winners: Vec<usize> = (0..32).filter(|&n| answers[n].status == 200).collect();
    assert_eq!(winners.len(), 1);
    assert!(
        (0..32)
            .filter(|n| *n != winners[0])
            .all(|n| answers[n].json()["Result"]["Code"] == 4)
    );
    for (n, token) in tokens.iter().enumerate().filter(|(n, _)| *n != winners[0]) {
        assert_eq!(
            world.lock_user_by(token, "bob", 0).await.json()["Result"]["Code"],
            4,
            "{n}"
        );
    }
    assert_eq!(
        world.lock_user_by(&tokens[winners[0]], "bob", 0).await.status,
        200
    );
}

/// Locked in one dialect, locked out of all, at once and for good.
#[tokio::test]
async fn a_locked_user_is_locked_everywhere() {
    let world = World::start().await;
    let (cookie, bearer) = (world.sdm("alice").await, world.netwrix("alice").await);
    let token = world.aktion("alice").await;
    let admin = world.aktion("admin").await;
    assert_eq!(world.lock_user_by(&admin, "alice", 1).await.status, 200);

    assert_eq!(cookie.get("").await.status, 401);
    assert_eq!(world.user_token(&bearer).await.status, 401);
    assert_eq!(Sdm::login(&world, "alice", PASSWORD).await.status, 401);
    assert_eq!(world.first_step("alice", PASSWORD).await.status, 403);
    assert_eq!(
        world.aktion_login("alice", &api_key("alice")).await.json()["Code"],
        1003
    );
    world.wait(20);
    let spent = world
        .send(
            world
                .http
                .get(world.url(&format!("/user/get?LoginName=bob&Token={token}"))),
        )
        .await;
    assert_eq!(
        spent.json()["Code"],
        1001,
        "an Aktion token lives out its 20 seconds and no longer"
    );

    let admin = world.aktion("admin").await;
    assert_eq!(world.lock_user_by(&admin, "alice", 0).await.status, 200);
    assert_eq!(cookie.get("").await.status, 401, "the old sessions stay dead");
    assert_eq!(world.user_token(&bearer).await.status, 401);
    world.wait(30);
    assert_eq!(world.sdm("alice").await.get("").await.status, 200);
    assert_eq!(world.user_token(&world.netwrix("alice").await).await.status, 200);
    world.aktion("alice").await;
}

#[tokio::test]
async fn a_lock_takes_two_round_trips_and_a_refusal_one() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    let (admin, ada, viewer) = (
        world.aktion("admin").await,
        world.aktion("ada").await,
        world.aktion("viewer").await,
    );
    let counted = async |token: &str, login: &str, lock: i64| {
        proxy.forget();
        let status = world.lock_user_by(token, login, lock).await.status;
        let mut operations = proxy.operations();
        operations.sort();
        (status, proxy.waves(), operations.join(" "))
    };
    let two = "BatchGetItem TransactWriteItems UpdateItem".to_owned();
    let touched = "BatchGetItem UpdateItem UpdateItem".to_owned();
    let one = "BatchGetItem UpdateItem".to_owned();
    assert_eq!(counted(&admin, "bob", 1).await, (200, 2, two.clone()), "locked");
    assert_eq!(
        counted(&admin, "bob", 1).await,
        (403, 2, touched.clone()),
        "unchanged"
    );
    assert_eq!(
        counted(&ada, "bob", 1).await,
        (403, 1, one.clone()),
        "someone else's"
    );
    assert_eq!(
        counted(&viewer, "bob", 1).await,
        (403, 1, one.clone()),
        "not allowed"
    );
    assert_eq!(
        counted(&admin, "absent", 1).await,
        (404, 1, one.clone()),
        "not found"
    );
    assert_eq!(counted(&admin, "bob", 0).await, (200, 2, two), "unlocked");
    assert_eq!(counted(&admin, "bob", 0).await, (403, 2, touched), "was free");
    assert_eq!(
        counted(&admin, "bob", 2).await,
        (400, 1, "UpdateItem".to_owned()),
        "nothing to read"
    );
}
