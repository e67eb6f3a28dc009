//! The activity-session lock, row by row (`docs/api.md`, "Activity session lock").

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::id::{ActivitySessionId, Login, ResourceId};
use holdfast::store::{Item, RowKey};
use holdfast_tests::{
    Answer, DB01, Listing, PASSWORD, SEED_SESSION, Verdict, WEB01, World, api_key, people, session_id,
};
use insta::assert_snapshot;
use serde_json::{Value, json};

fn locking(sessions: &[&str], scopes: &[&str]) -> Value {
    asking(sessions, scopes, true)
}

fn unlocking(sessions: &[&str], scopes: &[&str]) -> Value {
    asking(sessions, scopes, false)
}

fn asking(sessions: &[&str], scopes: &[&str], locked: bool) -> Value {
    let mut request = json!({"activitySessionIds": sessions, "locked": locked});
    for scope in scopes {
        request[scope] = true.into();
    }
    request
}

const ALL: [&str; 3] = ["lockActivity", "lockResource", "lockUser"];

fn activity(id: &str) -> RowKey {
    RowKey::activity_session(ActivitySessionId::try_from(id).unwrap())
}

fn access(resource: &str, login: &str) -> RowKey {
    RowKey::access(
        ResourceId::try_from(resource).unwrap(),
        &Login::try_from(login).unwrap(),
    )
}

fn user(login: &str) -> RowKey {
    RowKey::user(&Login::try_from(login).unwrap())
}

fn owner(row: Option<&Item>) -> Option<String> {
    row?.get("lock_owner").map(|owner| owner.as_s().unwrap().clone())
}

async fn owner_of(world: &World, key: &RowKey) -> Option<String> {
    owner(world.row(key).await.as_ref())
}

async fn put(world: &World, token: Option<&str>, media: &str, body: impl Into<reqwest::Body>) -> Answer {
    let mut request = world
        .http
        .put(world.url("/api/v1/ActivitySession/lock"))
        .header("Content-Type", media);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    world.send(request.body(body)).await
}

/// The seed's own request body, as printed, and its answer.
#[tokio::test]
async fn the_documented_sample() {
    let world = World::start().await;
    let token = world.netwrix("admin").await;
    let sample = r#"{
  "id": "497f6eca-6276-4993-bfeb-53cbbbba6f08",
  "activitySessionIds": [
    "497f6eca-6276-4993-bfeb-53cbbbba6f08"
  ],
  "lockMessage": "string",
  "lockTitle": "string",
  "locked": true,
  "lockActivity": true,
  "lockResource": true,
  "lockUser": true
}"#;
    let answer = put(&world, Some(&token), "application/json", sample).await;
    assert_snapshot!(answer, @r#"
    200
    content-type: application/json

    {"id":"497f6eca-6276-4993-bfeb-53cbbbba6f08","activitySessionIds":["497f6eca-6276-4993-bfeb-53cbbbba6f08"],"lockMessage":"string","lockTitle":"string","locked":true,"lockActivity":true,"lockResource":true,"lockUser":true}
    "#);
    assert_eq!(
        answer.json(),
        serde_json::from_str::<Value>(sample).unwrap(),
        "all eight properties"
    );
    for key in [activity(SEED_SESSION), access(DB01, "bob"), user("bob")] {
        assert_eq!(owner_of(&world, &key).await.as_deref(), Some("admin"), "{key:?}");
    }
    assert_eq!(
        owner_of(&world, &activity(&session_id(1))).await,
        None,
        "bob's other session is not listed"
    );
}

#[tokio::test]
async fn r200_every_scope_by_itself_lock_and_unlock() {
    let world = World::start().await;
    let token = world.netwrix("admin").await;
    let one = session_id(1);
    for (scope, key) in [
        ("lockActivity", activity(&one)),
        ("lockResource", access(DB01, "bob")),
        ("lockUser", user("bob")),
    ] {
        for again in [false, true] {
            let answer = world.lock_sessions(&token, locking(&[&one], &[scope])).await;
            assert_eq!(answer.status, 200, "{scope}, again {again}: {answer}");
            assert_eq!(owner_of(&world, &key).await.as_deref(), Some("admin"));
        }
        for other in [activity(&one), access(DB01, "bob"), user("bob")] {
            assert_eq!(
                owner_of(&world, &other).await.is_some(),
                other == key,
                "{scope} locks {other:?}"
            );
        }
        let fence = world.row(&key).await.unwrap()["fence"].clone();
        for again in [false, true] {
            let answer = world.lock_sessions(&token, unlocking(&[&one], &[scope])).await;
            assert_eq!(
                answer.status, 200,
                "{scope}, again {again}: unlocking what is free is a success"
            );
            assert_eq!(owner_of(&world, &key).await, None);
        }
        assert_eq!(
            world.row(&key).await.unwrap()["fence"],
            fence,
            "kept across the release"
        );
        world.lock_sessions(&token, locking(&[&one], &[scope])).await;
        assert_eq!(
            world.row(&key).await.unwrap()["fence"],
            AttributeValue::N("2".to_owned())
        );
        world.lock_sessions(&token, unlocking(&[&one], &[scope])).await;
    }
}

#[tokio::test]
async fn r200_sessions_of_one_user_share_locks_and_duplicates_count_once() {
    let world = World::start().await;
    let token = world.netwrix("admin").await;
    let (one, two, upper) = (session_id(1), session_id(2), SEED_SESSION.to_uppercase());
    let request = locking(&[&one, &two, &one, SEED_SESSION, &upper], &ALL);
    let answer = world.lock_sessions(&token, request).await;
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(
        answer.json()["activitySessionIds"].as_array().unwrap().len(),
        5,
        "echoed as sent"
    );
    for key in [
        activity(&one),
        activity(&two),
        activity(SEED_SESSION),
        access(DB01, "bob"),
        access(WEB01, "bob"),
        user("bob"),
    ] {
        assert_eq!(owner_of(&world, &key).await.as_deref(), Some("admin"), "{key:?}");
    }
}

#[tokio::test]
async fn r200_a_new_title_or_message_replaces_the_old_and_none_leaves_it() {
    let world = World::start().await;
    let token = world.netwrix("admin").await;
    let one = session_id(1);
    let shown = async |request: Value| {
        assert_eq!(world.lock_sessions(&token, request).await.status, 200);
        let session = world.get_session(&token, &format!("/{one}")).await.json();
        (session["lockedTitle"].clone(), session["lockedMessage"].clone())
    };
    let with = |title: Value, message: Value| {
        let mut request = locking(&[&one], &["lockActivity"]);
        request["lockTitle"] = title;
        request["lockMessage"] = message;
        request
    };
    assert_eq!(
        shown(with(Value::Null, Value::Null)).await,
        (json!("Session locked"), Value::Null)
    );
    assert_eq!(
        shown(with(json!("Audit"), json!("Call 4711"))).await,
        (json!("Audit"), json!("Call 4711"))
    );
    assert_eq!(
        shown(with(json!("Review"), Value::Null)).await,
        (json!("Review"), json!("Call 4711"))
    );
    assert_eq!(
        world.row(&activity(&one)).await.unwrap()["fence"],
        AttributeValue::N("1".to_owned())
    );
}

#[tokio::test]
async fn the_requests_id_is_made_where_it_is_absent_and_is_a_key_to_nothing() {
    let world = World::start().await;
    let token = world.netwrix("admin").await;
    let one = session_id(1);
    for id in [Value::Null, json!("00000000-0000-0000-0000-000000000000")] {
        let mut request = locking(&[&one], &["lockActivity"]);
        request["id"] = id;
        let made = world.lock_sessions(&token, request).await.json()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            made.len() == 36 && !made.starts_with("00000000-0000-0000"),
            "{made}"
        );
    }
    // The same id for another request is another request.
    for locked in [true, false, true] {
        let mut request = asking(&[&one], &["lockActivity"], locked);
        request["id"] = json!(SEED_SESSION);
        let answer = world.lock_sessions(&token, request).await;
        assert_eq!(
            (answer.status, answer.json()["id"].as_str()),
            (200, Some(SEED_SESSION))
        );
        assert_eq!(owner_of(&world, &activity(&one)).await.is_some(), locked);
    }
}

#[tokio::test]
async fn r400_for_every_body_that_breaks_a_rule() {
    let world = World::start().await;
    let token = world.netwrix("admin").await;
    let one = session_id(1);
    let with = |property: &str, value: Value| {
        let mut request = locking(&[&one], &["lockActivity"]);
        request[property] = value;
        request.to_string()
    };
    let mut answers = Listing::default();
    for (name, body) in [
        ("no_body", String::new()),
        ("malformed", "{\"locked\":".to_owned()),
        ("no_object", "[]".to_owned()),
        ("nothing_given", "{}".to_owned()),
        ("null_ids", with("activitySessionIds", Value::Null)),
        ("no_ids", with("activitySessionIds", json!([]))),
        ("ids_are_no_list", with("activitySessionIds", json!(one))),
        ("an_id_is_no_uuid", with("activitySessionIds", json!([one, "x"]))),
        ("an_id_is_no_text", with("activitySessionIds", json!([7]))),
        ("no_scope", with("lockActivity", json!(false))),
        ("locked_is_no_bool", with("locked", json!("true"))),
        ("null_scope", with("lockUser", Value::Null)),
        ("long_title", with("lockTitle", json!("x".repeat(257)))),
        ("long_message", with("lockMessage", json!("x".repeat(4_097)))),
        ("title_is_no_text", with("lockTitle", json!(5))),
        ("request_id_is_no_uuid", with("id", json!("x"))),
        (
            "repeated",
            format!(
                "{{\"locked\":true,\"Locked\":false,\"lockUser\":true,\"activitySessionIds\":[\"{one}\"]}}"
            ),
        ),
        (
            "everything_wrong",
            json!({"id": 1, "activitySessionIds": 1, "lockTitle": 1, "lockMessage": 1, "locked": 1,
            "lockActivity": 1, "lockResource": 1, "lockUser": 1})
            .to_string(),
        ),
    ] {
        let answer = put(&world, Some(&token), "application/json", body).await;
        assert_eq!(answer.status, 400, "{name}: {answer}");
        answers.add(name, answer.without_trace());
    }
    assert_snapshot!(answers, @r#"
    no_body: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"$":["There is no body."]}}
    malformed: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"$":["The body is not a JSON object."]}}
    no_object: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"$":["The body is not a JSON object."]}}
    nothing_given: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"activitySessionIds":["At least one activity session is required."]}}
    null_ids: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"activitySessionIds":["At least one activity session is required."]}}
    no_ids: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"activitySessionIds":["At least one activity session is required."]}}
    ids_are_no_list: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"activitySessionIds":["The activitySessionIds must be a list of UUIDs."]}}
    an_id_is_no_uuid: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"activitySessionIds":["The activitySessionIds must be a list of UUIDs."]}}
    an_id_is_no_text: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"activitySessionIds":["The activitySessionIds must be a list of UUIDs."]}}
    no_scope: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"lockActivity":["At least one of lockActivity, lockResource and lockUser must be true."]}}
    locked_is_no_bool: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"locked":["The locked must be true or false."]}}
    null_scope: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"lockUser":["The lockUser must be true or false."]}}
    long_title: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"lockTitle":["The lockTitle may have 256 characters at most."]}}
    long_message: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"lockMessage":["The lockMessage may have 4096 characters at most."]}}
    title_is_no_text: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"lockTitle":["The lockTitle must be a string."]}}
    request_id_is_no_uuid: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"id":["The id must be a UUID."]}}
    repeated: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"$":["An element or member appears more than once."]}}
    everything_wrong: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"activitySessionIds":["The activitySessionIds must be a list of UUIDs."],"id":["The id must be a UUID."],"lockActivity":["The lockActivity must be true or false."],"lockMessage":["The lockMessage must be a string."],"lockResource":["The lockResource must be true or false."],"lockTitle":["The lockTitle must be a string."],"lockUser":["The lockUser must be true or false."],"locked":["The locked must be true or false."]}}
    "#);
    assert_eq!(
        owner_of(&world, &activity(&one)).await,
        None,
        "a refused request changed nothing"
    );
    // At the limits, with names in any case and properties that nobody knows.
    let body = json!({"ACTIVITYSESSIONIDS": [one], "Locked": true, "LOCKactivity": true, "later": {"x": [1]},
        "lockTitle": "é".repeat(256), "lockMessage": "é".repeat(4_096)});
    assert_eq!(
        put(&world, Some(&token), "application/json", body.to_string())
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn r400_an_ended_session_cannot_be_locked_but_its_other_locks_are_released_through_it() {
    let world = World::start().await;
    let token = world.netwrix("admin").await;
    let one = session_id(1);
    world.lock_sessions(&token, locking(&[&one], &ALL)).await;
    assert_eq!(world.end_session(&token, &one).await.status, 202);
    assert_eq!(
        owner_of(&world, &activity(&one)).await,
        None,
        "its own lock ended with it"
    );
    for scope in ALL {
        let answer = world.lock_sessions(&token, locking(&[&one], &[scope])).await;
        assert_eq!(answer.status, 400, "{scope}");
    }
    assert_snapshot!(world.lock_sessions(&token, locking(&[&one], &ALL)).await.without_trace(), @r#"
    400
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"activitySessionIds":["The activity session 00000000-0000-4000-8000-000000000001 has ended and cannot be locked."]}}
    "#);
    assert_eq!(
        world.lock_sessions(&token, unlocking(&[&one], &ALL)).await.status,
        200
    );
    assert_eq!(owner_of(&world, &access(DB01, "bob")).await, None);
    assert_eq!(owner_of(&world, &user("bob")).await, None);
}

#[tokio::test]
async fn r401_without_a_bearer_token_that_holds() {
    let world = World::start().await;
    let request = locking(&[&session_id(1)], &["lockActivity"]).to_string();
    let none = put(&world, None, "application/json", request.clone()).await;
    assert_snapshot!(none.without_trace(), @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.2","title":"Unauthorized","status":401,"detail":"A bearer token that is valid is required.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]"}
    "#);
    let token = world.netwrix("admin").await;
    let mut unknown = token.clone();
    unknown.replace_range(0..1, if unknown.starts_with('A') { "B" } else { "A" });
    for (what, token) in [("malformed", "x"), ("unknown", &unknown)] {
        assert_eq!(
            put(&world, Some(token), "application/json", request.clone())
                .await
                .status,
            401,
            "{what}"
        );
        assert_eq!(
            put(&world, Some(token), "application/json", "{").await.status,
            401,
            "before the body"
        );
    }
    let cookie = world.sdm("admin").await.token;
    assert_eq!(
        put(&world, Some(&cookie), "application/json", request.clone())
            .await
            .status,
        401
    );
    world.wait(15 * 60);
    assert_eq!(
        put(&world, Some(&token), "application/json", request.clone())
            .await
            .status,
        401,
        "expired"
    );
    let token = world.netwrix("admin").await;
    world.lock_user("admin").await;
    assert_eq!(
        put(&world, Some(&token), "application/json", request)
            .await
            .status,
        401,
        "revoked"
    );
}

#[tokio::test]
async fn r403_says_which_of_mfa_and_role_is_missing() {
    let world = World::start().await;
    let request = locking(&[&session_id(1)], &["lockActivity"]);
    let first_factor = world.first_factor("admin").await;
    assert_snapshot!(world.lock_sessions(&first_factor, request.clone()).await.without_trace(), @r#"
    403
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.4","title":"Forbidden","status":403,"detail":"The second factor is missing: complete the sign-in at /signin2fa.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]"}
    "#);
    let bob = world.netwrix("bob").await;
    assert_snapshot!(world.lock_sessions(&bob, request).await.without_trace(), @r#"
    403
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.4","title":"Forbidden","status":403,"detail":"The role Admin is missing.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]"}
    "#);
    assert_eq!(
        world.lock_sessions(&bob, json!({})).await.status,
        403,
        "before the body"
    );
}

#[tokio::test]
async fn r403_nobody_locks_himself_out() {
    let world = World::start().await;
    let token = world.netwrix("admin").await;
    let (one, own) = (session_id(1), session_id(4));
    let answer = world
        .lock_sessions(&token, locking(&[&one, &own], &["lockUser"]))
        .await;
    assert_snapshot!(answer.without_trace(), @r#"
    403
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.4","title":"Forbidden","status":403,"detail":"You cannot lock your own account: one of the sessions is yours.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]"}
    "#);
    assert_eq!(owner_of(&world, &user("bob")).await, None, "nothing was locked");
    assert_eq!(
        world
            .lock_sessions(&token, locking(&[&one, &own], &["lockActivity"]))
            .await
            .status,
        200
    );
    assert_eq!(
        world
            .lock_sessions(&token, unlocking(&[&one, &own], &["lockUser"]))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn r404_names_the_sessions_that_the_company_does_not_have() {
    let world = World::start().await;
    let token = world.netwrix("admin").await;
    let (one, absent, foreign) = (session_id(1), session_id(404), session_id(9));
    let answer = world
        .lock_sessions(&token, locking(&[&one, &absent, &foreign], &ALL))
        .await;
    assert_snapshot!(answer.without_trace(), @r#"
    404
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.5","title":"Not Found","status":404,"detail":"Some of the activity sessions do not exist.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","activitySessionIds":["00000000-0000-4000-8000-000000000404","00000000-0000-4000-8000-000000000009"]}
    "#);
    for key in [activity(&one), activity(&foreign), user("bob"), user("zoe")] {
        assert_eq!(owner_of(&world, &key).await, None, "{key:?}");
    }
}

#[tokio::test]
async fn r409_names_each_lock_its_owner_and_since_when_and_changes_nothing() {
    let world = World::start().await;
    let (admin, ada) = (world.netwrix("admin").await, world.netwrix("ada").await);
    let (one, two, three) = (session_id(1), session_id(2), session_id(3));
    world
        .lock_sessions(&ada, locking(&[&one], &["lockActivity", "lockResource"]))
        .await;
    world.wait(60);
    world.lock_sessions(&ada, locking(&[&three], &["lockUser"])).await;
    let answer = world
        .lock_sessions(&admin, locking(&[&one, &two, &three], &ALL))
        .await;
    assert_snapshot!(answer.without_trace(), @r#"
    409
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.10","title":"Conflict","status":409,"detail":"Some of the locks belong to someone else; nothing was changed.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","locks":[{"id":"00000000-0000-4000-8000-000000000001","owner":"ada","scope":"activity","since":"2026-11-22T10:00:00Z"},{"id":"6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01/bob","owner":"ada","scope":"resource","since":"2026-11-22T10:00:00Z"},{"id":"alice","owner":"ada","scope":"user","since":"2026-11-22T10:01:00Z"}]}
    "#);
    for key in [
        activity(&two),
        activity(&three),
        access(WEB01, "bob"),
        access(DB01, "alice"),
        user("bob"),
    ] {
        assert_eq!(owner_of(&world, &key).await, None, "{key:?}");
    }
    let unlock = world
        .lock_sessions(&admin, unlocking(&[&one, &two], &["lockActivity"]))
        .await;
    assert_snapshot!(unlock.without_trace(), @r#"
    409
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.10","title":"Conflict","status":409,"detail":"Some of the locks belong to someone else; nothing was changed.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","locks":[{"id":"00000000-0000-4000-8000-000000000001","owner":"ada","scope":"activity","since":"2026-11-22T10:00:00Z"}]}
    "#);
    assert_eq!(
        world
            .lock_sessions(&ada, unlocking(&[&one, &two], &["lockActivity"]))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn r413_r415() {
    let world = World::start().await;
    let token = world.netwrix("admin").await;
    assert_snapshot!(put(&world, None, "application/json", " ".repeat(65_537)).await.without_trace(), @r#"
    413
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.14","title":"Payload Too Large","status":413,"detail":"The body is larger than 65536 bytes.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]"}
    "#);
    assert_snapshot!(put(&world, Some(&token), "application/xml", "<x/>").await.without_trace(), @r#"
    415
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.16","title":"Unsupported Media Type","status":415,"detail":"The body must be application/json, and the Content-Type of the request is \"application/xml\".","instance":"/api/v1/ActivitySession/lock","traceId":"[request]"}
    "#);
}

#[tokio::test]
async fn r503_and_500() {
    let world = World::behind_proxy().await;
    let token = world.netwrix("admin").await;
    let proxy = world.proxy.as_ref().unwrap();
    let mut answers = Listing::default();
    for (code, status) in [
        ("ProvisionedThroughputExceededException", 503),
        ("ValidationException", 500),
    ] {
        proxy.judge(move |call| match call.operation.as_str() {
            "TransactWriteItems" => Verdict::error(400, code),
            _ => Verdict::Pass,
        });
        let answer = world
            .lock_sessions(&token, locking(&[&session_id(1)], &ALL))
            .await;
        assert_eq!(answer.status, status);
        answers.add(code, answer.without_trace());
    }
    assert_snapshot!(answers, @r#"
    ProvisionedThroughputExceededException: 503, content-type: application/problem+json, retry-after: 1
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.6.4","title":"Service Unavailable","status":503,"detail":"The service is temporarily unavailable; try again.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]"}
    ValidationException: 500, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.6.1","title":"Internal Server Error","status":500,"detail":"An internal error occurred.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]"}
    "#);
}

/// `lockUser` is the very lock that `POST /user/lock` takes.
#[tokio::test]
async fn lock_user_is_the_same_lock_as_user_lock() {
    let world = World::start().await;
    let (admin, ada) = (world.netwrix("admin").await, world.aktion("ada").await);
    let one = session_id(1);
    assert_eq!(
        world
            .lock_sessions(&admin, locking(&[&one], &["lockUser"]))
            .await
            .status,
        200
    );
    assert_eq!(
        world.lock_user_by(&ada, "bob", 0).await.json()["Result"]["Code"],
        4,
        "admin's"
    );
    let own = world.aktion("admin").await;
    assert_eq!(
        world.lock_user_by(&own, "bob", 0).await.status,
        200,
        "released through the other dialect"
    );
    assert_eq!(world.lock_user_by(&ada, "bob", 1).await.status, 200);
    let answer = world
        .lock_sessions(&admin, unlocking(&[&one], &["lockUser"]))
        .await;
    assert_eq!(
        (answer.status, answer.json()["locks"][0]["owner"].as_str()),
        (409, Some("ada"))
    );
}

#[tokio::test]
async fn a_user_locked_here_is_locked_out_everywhere() {
    let world = World::start().await;
    let (cookie, bearer) = (world.sdm("alice").await, world.netwrix("alice").await);
    let admin = world.netwrix("admin").await;
    let three = session_id(3);
    let mut request = locking(&[&three], &["lockUser"]);
    request["lockTitle"] = json!("Suspended");
    request["lockMessage"] = json!("Call 4711");
    assert_eq!(world.lock_sessions(&admin, request).await.status, 200);
    assert_eq!(cookie.get("").await.status, 401);
    assert_eq!(world.user_token(&bearer).await.status, 401);
    assert_eq!(world.get_session(&bearer, &format!("/{three}")).await.status, 401);
    assert_eq!(
        holdfast_tests::Sdm::login(&world, "alice", PASSWORD).await.status,
        401
    );
    assert_eq!(
        world.aktion_login("alice", &api_key("alice")).await.json()["Code"],
        1003
    );
    let refused = world.first_step("alice", PASSWORD).await;
    assert_eq!(
        (refused.status, refused.json()["title"].as_str()),
        (403, Some("Suspended"))
    );
    let session = world.get_session(&admin, &format!("/{three}")).await.json();
    assert_eq!(
        (session["locked"].clone(), session["lockedTitle"].clone()),
        (json!(true), json!("Suspended"))
    );
}

/// A hundred and one sessions of one user on one resource.
async fn crowd() -> (World, Vec<String>) {
    let ids: Vec<String> = (100..=200).map(session_id).collect();
    let mut directory = people(&[]);
    let sessions = directory["activity_sessions"].as_array_mut().unwrap();
    sessions.extend(
        ids.iter().map(
            |id| json!({"company": "1", "id": id, "user": "bob", "resource": "db01", "activity": "RDP"}),
        ),
    );
    (World::with(directory, true).await, ids)
}

#[tokio::test]
async fn a_hundred_locks_go_in_one_call_and_no_more() {
    let (world, ids) = crowd().await;
    let token = world.netwrix("admin").await;
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let locked = async || {
        let mut count = 0;
        for id in &ids {
            count += usize::from(owner_of(&world, &activity(id)).await.is_some());
        }
        count
    };
    let too_many = world
        .lock_sessions(&token, locking(&ids, &["lockActivity"]))
        .await;
    assert_eq!(
        (too_many.status, &too_many.json()["errors"]),
        (
            400,
            &json!({"activitySessionIds": ["The activitySessionIds may name 100 sessions at most."]})
        )
    );
    // Ninety-eight sessions, their user and his access are a hundred, and the proof of the caller takes a place.
    let too_many = world.lock_sessions(&token, locking(&ids[..98], &ALL)).await;
    assert_snapshot!(too_many.without_trace(), @r#"
    400
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession/lock","traceId":"[request]","errors":{"activitySessionIds":["One atomic change can carry 99 locks, and these are 100."]}}
    "#);
    assert_eq!(locked().await, 0);
    let proxy = world.proxy.as_ref().unwrap();
    proxy.forget();
    assert_eq!(
        world
            .lock_sessions(&token, locking(&ids[..100], &["lockActivity"]))
            .await
            .status,
        200
    );
    assert_eq!(proxy.waves(), 2, "{:?}", proxy.operations());
    assert_eq!(locked().await, 100);
    assert_eq!(
        world
            .lock_sessions(&token, unlocking(&ids[..100], &["lockActivity"]))
            .await
            .status,
        200
    );
    assert_eq!(locked().await, 0);
    // Counted after de-duplication: a hundred sessions are one account and one access, and no scope takes more.
    for (sessions, status) in [(&ids[..], 400), (&ids[..100], 200)] {
        assert_eq!(
            world
                .lock_sessions(&token, locking(sessions, &["lockUser", "lockResource"]))
                .await
                .status,
            status
        );
    }
}

#[tokio::test]
async fn one_of_a_hundred_that_is_someone_elses_leaves_all_as_they_were() {
    let (world, ids) = crowd().await;
    let (admin, ada) = (world.netwrix("admin").await, world.netwrix("ada").await);
    let ids: Vec<&str> = ids[..100].iter().map(String::as_str).collect();
    world
        .lock_sessions(&admin, locking(&ids[..99], &["lockActivity"]))
        .await;
    world
        .lock_sessions(&ada, locking(&ids[99..], &["lockActivity"]))
        .await;
    let mut before = Vec::new();
    for id in &ids {
        before.push(world.row(&activity(id)).await);
    }
    for locked in [true, false] {
        let answer = world
            .lock_sessions(&admin, asking(&ids, &["lockActivity"], locked))
            .await;
        assert_eq!(answer.status, 409);
        let locks = answer.json()["locks"].as_array().unwrap().clone();
        assert_eq!(locks.len(), 1);
        assert_eq!(
            (locks[0]["id"].as_str(), locks[0]["owner"].as_str()),
            (Some(ids[99]), Some("ada"))
        );
    }
    for (id, before) in ids.iter().zip(before) {
        assert_eq!(world.row(&activity(id)).await, before, "{id}");
    }
}

#[tokio::test]
async fn what_it_costs() {
    let world = World::behind_proxy().await;
    let (admin, ada) = (world.netwrix("admin").await, world.netwrix("ada").await);
    let proxy = world.proxy.as_ref().unwrap();
    let (one, two) = (session_id(1), session_id(2));
    let counted = async |token: &str, request: Value| {
        proxy.forget();
        let status = world.lock_sessions(token, request).await.status;
        (status, proxy.waves())
    };
    let activities = |locked| asking(&[&one, &two], &["lockActivity"], locked);
    let everything = |locked| asking(&[&one, &two], &ALL, locked);
    assert_eq!(counted(&admin, activities(true)).await, (200, 2), "locked");
    assert_eq!(counted(&admin, activities(true)).await, (200, 2), "unchanged");
    assert_eq!(counted(&ada, activities(true)).await, (409, 1), "someone else's");
    assert_eq!(counted(&admin, activities(false)).await, (200, 2), "unlocked");
    assert_eq!(
        counted(&admin, everything(true)).await,
        (200, 3),
        "with users and resources"
    );
    assert_eq!(counted(&admin, everything(true)).await, (200, 3), "unchanged");
    assert_eq!(counted(&ada, everything(true)).await, (409, 2), "someone else's");
    assert_eq!(counted(&admin, everything(false)).await, (200, 3));
    assert_eq!(counted(&admin, json!({})).await, (400, 1));
}

/// A change between the read and the write: planned anew on what is there then.
#[tokio::test]
async fn a_plan_that_was_overtaken_is_made_anew() {
    let world = Arc::new(World::behind_proxy().await);
    let proxy = world.proxy.clone().unwrap();
    let (admin, ada) = (world.netwrix("admin").await, world.netwrix("ada").await);
    let (one, two) = (session_id(1), session_id(2));
    // Someone else takes one of the locks: the conflict is told as if it had been there all along.
    let (other, ada_token, id) = (Arc::clone(&world), ada.clone(), two.clone());
    proxy.judge_next(
        "TransactWriteItems",
        Verdict::PassAfter(Box::pin(async move {
            let answer = other
                .lock_sessions(&ada_token, locking(&[&id], &["lockActivity"]))
                .await;
            assert_eq!(answer.status, 200);
        })),
    );
    let answer = world
        .lock_sessions(&admin, locking(&[&one, &two], &["lockActivity"]))
        .await;
    assert_eq!(answer.status, 409, "{answer}");
    assert_eq!(owner_of(&world, &activity(&one)).await, None);
    // Of two locks one is held already and must stay; its owner releases it meanwhile.
    world
        .lock_sessions(&ada, unlocking(&[&two], &["lockActivity"]))
        .await;
    world
        .lock_sessions(&admin, locking(&[&one], &["lockActivity"]))
        .await;
    let (other, token, id) = (Arc::clone(&world), admin.clone(), one.clone());
    proxy.judge_next(
        "TransactWriteItems",
        Verdict::PassAfter(Box::pin(async move {
            assert_eq!(
                other
                    .lock_sessions(&token, unlocking(&[&id], &["lockActivity"]))
                    .await
                    .status,
                200
            );
        })),
    );
    let answer = world
        .lock_sessions(&admin, locking(&[&one, &two], &["lockActivity"]))
        .await;
    assert_eq!(
        answer.status, 503,
        "which of admin's two requests is the later one is admin's to know"
    );
    for id in [&one, &two] {
        assert_eq!(owner_of(&world, &activity(id)).await, None, "none of them");
    }
    let answer = world
        .lock_sessions(&admin, locking(&[&one, &two], &["lockActivity"]))
        .await;
    assert_eq!(answer.status, 200, "{answer}");
    // A pair that was never locked is locked by someone else meanwhile.
    let (other, ada_token, id) = (Arc::clone(&world), ada.clone(), one.clone());
    proxy.judge_next(
        "TransactWriteItems",
        Verdict::PassAfter(Box::pin(async move {
            assert_eq!(
                other
                    .lock_sessions(&ada_token, locking(&[&id], &["lockResource"]))
                    .await
                    .status,
                200
            );
        })),
    );
    let answer = world
        .lock_sessions(&admin, locking(&[&one], &["lockResource"]))
        .await;
    assert_eq!(
        (answer.status, answer.json()["locks"][0]["owner"].as_str()),
        (409, Some("ada"))
    );
}

/// Every reason that DynamoDB gives for cancelling a transaction; the embedded store gives one of them by itself.
#[tokio::test]
async fn every_reason_for_a_cancelled_transaction() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.clone().unwrap();
    let token = world.netwrix("admin").await;
    let one = session_id(1);
    let cancelled = |code: &'static str| {
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled",
            "CancellationReasons": [{"Code": code}],
        });
        Verdict::Answer(400, body)
    };
    let transactions = || {
        proxy
            .calls()
            .into_iter()
            .filter(|call| call.operation == "TransactWriteItems")
            .collect::<Vec<_>>()
    };
    let client_token =
        |call: &holdfast_tests::Call| call.body["ClientRequestToken"].as_str().unwrap().to_owned();

    for (code, status, tries) in [
        // As often as full jitter and this machine allow within two seconds.
        ("TransactionConflict", 503, 2..=100),
        ("ConditionalCheckFailed", 503, 2..=10),
        ("ThrottlingError", 503, 1..=1),
        ("ProvisionedThroughputExceeded", 503, 1..=1),
        ("ValidationError", 500, 1..=1),
        ("ItemCollectionSizeLimitExceeded", 500, 1..=1),
    ] {
        proxy.forget();
        proxy.judge(move |call| {
            if call.operation == "TransactWriteItems" {
                cancelled(code)
            } else {
                Verdict::Pass
            }
        });
        let answer = world
            .lock_sessions(&token, locking(&[&one], &["lockActivity"]))
            .await;
        assert_eq!(answer.status, status, "{code}");
        let sent = transactions();
        assert!(tries.contains(&sent.len()), "{code}: {}", sent.len());
        let mut tokens: Vec<String> = sent.iter().map(client_token).collect();
        tokens.dedup();
        // A conflict is the same plan again; a failed condition makes a new plan with a token of its own.
        let plans = if code == "ConditionalCheckFailed" {
            sent.len()
        } else {
            1
        };
        assert_eq!(tokens.len(), plans, "{code}");
        assert_eq!(owner_of(&world, &activity(&one)).await, None);
    }
    proxy.forget();
    proxy.judge_next("TransactWriteItems", cancelled("TransactionConflict"));
    assert_eq!(
        world
            .lock_sessions(&token, locking(&[&one], &["lockActivity"]))
            .await
            .status,
        200
    );
    proxy.judge_next(
        "TransactWriteItems",
        Verdict::error(400, "TransactionInProgressException"),
    );
    assert_eq!(
        world
            .lock_sessions(&token, unlocking(&[&one], &["lockActivity"]))
            .await
            .status,
        200
    );
}

/// The SDK sends a transaction again whose answer was lost, with the same token: it is made once.
#[tokio::test]
async fn a_lost_answer_is_a_success_and_made_once() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.clone().unwrap();
    let token = world.netwrix("admin").await;
    let one = session_id(1);
    for (locked, rev) in [(true, "2"), (false, "3")] {
        proxy.forget();
        proxy.judge_next("TransactWriteItems", Verdict::lose_answer());
        assert_eq!(
            world
                .lock_sessions(&token, asking(&[&one], &["lockActivity"], locked))
                .await
                .status,
            200
        );
        assert_eq!(
            world.row(&activity(&one)).await.unwrap()["rev"].as_n().unwrap(),
            rev
        );
        let tokens: Vec<String> = proxy
            .calls()
            .into_iter()
            .filter(|call| call.operation == "TransactWriteItems")
            .map(|call| call.body["ClientRequestToken"].to_string())
            .collect();
        assert_eq!(tokens.len(), 2);
        assert_eq!(tokens[0], tokens[1]);
    }
}
