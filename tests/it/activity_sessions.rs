//! The activity sessions themselves (`docs/api.md`, "Activity sessions").

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::id::{ActivitySessionId, Login, ResourceId};
use holdfast::store::RowKey;
use holdfast_tests::{Answer, DB01, FOREIGN_DB01, Listing, SEED_SESSION, Verdict, World, people, session_id};
use insta::assert_snapshot;
use serde_json::{Value, json};

fn locking(id: &str, scope: &str) -> Value {
    json!({"activitySessionIds": [id], "locked": true, scope: true,
        "lockTitle": "Under review", "lockMessage": "Call extension 4711."})
}

/// The answer with the new session's id, which is another each time, replaced.
fn without_id(answer: &Answer) -> String {
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        answer.header("location"),
        Some(format!("/api/v1/ActivitySession/{id}").as_str())
    );
    answer.to_string().replace(&id, "[session]")
}

#[tokio::test]
async fn r201_by_the_resources_name_or_id() {
    let world = World::start().await;
    let bob = world.netwrix("bob").await;
    let by_name = world
        .open_session(
            &bob,
            json!({"managedResourceName": "db01", "activityName": "RDP", "note": "Ticket 7"}),
        )
        .await;
    assert_eq!(by_name.status, 201, "{by_name}");
    assert_snapshot!(without_id(&by_name), @r#"
    201
    content-type: application/json
    location: /api/v1/ActivitySession/[session]

    {"id":"[session]","createdBy":"bob","createdByUserName":"Name of bob","createdDateTimeUtc":"2026-11-22T10:00:00Z","managedAccountId":null,"managedResourceId":"6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01","managedResourceName":"db01","activityName":"RDP","note":"Ticket 7","status":1,"actualStartDateTimeUtc":"2026-11-22T10:00:00Z","actualEndDateTimeUtc":null,"locked":false,"lockedMessage":null,"lockedTitle":null,"lockedBy":null}
    "#);
    let by_id = world
        .open_session(
            &bob,
            json!({"ManagedResourceId": DB01, "ACTIVITYNAME": "SSH", "note": null}),
        )
        .await;
    assert_snapshot!(without_id(&by_id), @r#"
    201
    content-type: application/json
    location: /api/v1/ActivitySession/[session]

    {"id":"[session]","createdBy":"bob","createdByUserName":"Name of bob","createdDateTimeUtc":"2026-11-22T10:00:00Z","managedAccountId":null,"managedResourceId":"6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01","managedResourceName":"db01","activityName":"SSH","note":null,"status":1,"actualStartDateTimeUtc":"2026-11-22T10:00:00Z","actualEndDateTimeUtc":null,"locked":false,"lockedMessage":null,"lockedTitle":null,"lockedBy":null}
    "#);
    let id = by_id.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        world.get_session(&bob, &format!("/{id}")).await.json(),
        by_id.json()
    );
    let both = json!({"managedResourceId": DB01, "managedResourceName": "whatever", "activityName": "SSH"});
    assert_eq!(world.open_session(&bob, both).await.status, 201);
}

#[tokio::test]
async fn open_400_403_404() {
    let world = World::start().await;
    let bob = world.netwrix("bob").await;
    let mut answers = Listing::default();
    for (name, body) in [
        ("nothing_given", json!({})),
        ("no_activity", json!({"managedResourceName": "db01"})),
        (
            "empty_names",
            json!({"managedResourceName": "", "activityName": ""}),
        ),
        (
            "id_is_no_uuid",
            json!({"managedResourceId": "db01", "activityName": "RDP"}),
        ),
        (
            "wrong_types",
            json!({"managedResourceName": 1, "activityName": 2, "note": 3}),
        ),
        (
            "too_long",
            json!({"managedResourceName": "x".repeat(257), "activityName": "x".repeat(257), "note": "x".repeat(4_097)}),
        ),
    ] {
        let answer = world.open_session(&bob, body).await;
        assert_eq!(answer.status, 400, "{name}");
        answers.add(name, answer.without_trace());
    }
    assert_snapshot!(answers, @r#"
    nothing_given: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession","traceId":"[request]","errors":{"activityName":["The activityName is required."],"managedResourceName":["A managedResourceName or a managedResourceId is required."]}}
    no_activity: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession","traceId":"[request]","errors":{"activityName":["The activityName is required."]}}
    empty_names: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession","traceId":"[request]","errors":{"activityName":["The activityName is required."],"managedResourceName":["A managedResourceName or a managedResourceId is required."]}}
    id_is_no_uuid: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession","traceId":"[request]","errors":{"managedResourceId":["The managedResourceId must be a UUID."]}}
    wrong_types: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession","traceId":"[request]","errors":{"activityName":["The activityName must be a string."],"managedResourceName":["The managedResourceName must be a string."],"note":["The note must be a string."]}}
    too_long: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession","traceId":"[request]","errors":{"activityName":["The activityName may have 256 characters at most."],"managedResourceName":["The managedResourceName may have 256 characters at most."],"note":["The note may have 4096 characters at most."]}}
    "#);
    let absent = json!({"managedResourceName": "db99", "activityName": "RDP"});
    let absent = world.open_session(&bob, absent).await.without_trace();
    assert_snapshot!(absent, @r#"
    404
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.5","title":"Not Found","status":404,"detail":"There is no such managed resource.","instance":"/api/v1/ActivitySession","traceId":"[request]"}
    "#);
    for resource in [
        json!({"managedResourceId": FOREIGN_DB01, "activityName": "RDP"}),
        json!({"managedResourceId": session_id(7), "activityName": "RDP"}),
    ] {
        assert_eq!(world.open_session(&bob, resource).await.without_trace(), absent);
    }
    let body = json!({"managedResourceName": "db01", "activityName": "RDP"});
    let first_factor = world.first_factor("bob").await;
    assert_snapshot!(world.open_session(&first_factor, body.clone()).await.without_trace(), @r#"
    403
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.4","title":"Forbidden","status":403,"detail":"The second factor is missing: complete the sign-in at /signin2fa.","instance":"/api/v1/ActivitySession","traceId":"[request]"}
    "#);
    assert_eq!(
        world.open_session(&first_factor, json!({})).await.status,
        403,
        "before the body"
    );
    assert_eq!(world.open_session("x", body).await.status, 401);
    assert_eq!(
        world
            .post("/api/v1/ActivitySession", "text/plain", "x")
            .await
            .status,
        415
    );
    assert_eq!(
        world
            .post("/api/v1/ActivitySession", "application/json", " ".repeat(65_537))
            .await
            .status,
        413
    );
}

#[tokio::test]
async fn open_403_while_the_user_is_locked_out_of_the_resource() {
    let world = World::start().await;
    let (bob, admin) = (world.netwrix("bob").await, world.netwrix("admin").await);
    let one = session_id(1);
    world.lock_sessions(&admin, locking(&one, "lockResource")).await;
    let open = |resource: &str| json!({"managedResourceName": resource, "activityName": "RDP"});
    assert_snapshot!(world.open_session(&bob, open("db01")).await.without_trace(), @r#"
    403
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.4","title":"Under review","status":403,"detail":"Call extension 4711.","instance":"/api/v1/ActivitySession","traceId":"[request]"}
    "#);
    assert_eq!(
        world.open_session(&bob, open("web01")).await.status,
        201,
        "another resource"
    );
    let alice = world.netwrix("alice").await;
    assert_eq!(
        world.open_session(&alice, open("db01")).await.status,
        201,
        "another user"
    );
    let session = world.get_session(&bob, &format!("/{one}")).await.json();
    assert_eq!(session["locked"], false, "the open session itself is not locked");
    let unlock = json!({"activitySessionIds": [one], "locked": false, "lockResource": true});
    assert_eq!(world.lock_sessions(&admin, unlock).await.status, 200);
    assert_eq!(world.open_session(&bob, open("db01")).await.status, 201);
}

/// A lock comes between the read and the write: no session is opened, and its user is told.
#[tokio::test]
async fn open_403_where_a_lock_is_faster() {
    let mut answers = Listing::default();
    for scope in ["lockResource", "lockUser"] {
        let world = Arc::new(World::behind_proxy().await);
        let (bob, admin) = (world.netwrix("bob").await, world.netwrix("admin").await);
        let other = Arc::clone(&world);
        world.proxy.as_ref().unwrap().judge_next(
            "TransactWriteItems",
            Verdict::PassAfter(Box::pin(async move {
                assert_eq!(
                    other
                        .lock_sessions(&admin, locking(&session_id(1), scope))
                        .await
                        .status,
                    200
                );
            })),
        );
        let body = json!({"managedResourceName": "db01", "activityName": "RDP"});
        let answer = world.open_session(&bob, body).await;
        assert_eq!(answer.status, 403, "{scope}: {answer}");
        answers.add(scope, answer.without_trace());
        let admin = world.netwrix("ada").await;
        assert_eq!(
            world.get_session(&admin, "?status=active").await.json()["recordsTotal"],
            5,
            "none was opened"
        );
    }
    assert_snapshot!(answers, @r#"
    lockResource: 403, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.4","title":"Under review","status":403,"detail":"Call extension 4711.","instance":"/api/v1/ActivitySession","traceId":"[request]"}
    lockUser: 403, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.4","title":"Under review","status":403,"detail":"Call extension 4711.","instance":"/api/v1/ActivitySession","traceId":"[request]"}
    "#);
}

#[tokio::test]
async fn open_whose_answer_was_lost_opens_one() {
    let world = World::behind_proxy().await;
    let bob = world.netwrix("bob").await;
    world
        .proxy
        .as_ref()
        .unwrap()
        .judge_next("TransactWriteItems", Verdict::lose_answer());
    let body = json!({"managedResourceName": "db01", "activityName": "RDP"});
    assert_eq!(world.open_session(&bob, body).await.status, 201);
    let ada = world.netwrix("ada").await;
    assert_eq!(world.get_session(&ada, "").await.json()["recordsTotal"], 6);
}

#[tokio::test]
async fn read_200_with_the_lock_that_shows() {
    let world = World::start().await;
    let (bob, admin) = (world.netwrix("bob").await, world.netwrix("admin").await);
    let one = session_id(1);
    let read = async |token: &str| world.get_session(token, &format!("/{one}")).await;
    assert_snapshot!(read(&bob).await, @r#"
    200
    content-type: application/json

    {"id":"00000000-0000-4000-8000-000000000001","createdBy":"bob","createdByUserName":"Name of bob","createdDateTimeUtc":"2026-11-22T10:00:00Z","managedAccountId":null,"managedResourceId":"6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01","managedResourceName":"db01","activityName":"RDP","note":null,"status":1,"actualStartDateTimeUtc":"2026-11-22T10:00:00Z","actualEndDateTimeUtc":null,"locked":false,"lockedMessage":null,"lockedTitle":null,"lockedBy":null}
    "#);
    world.lock_sessions(&admin, locking(&one, "lockActivity")).await;
    assert_snapshot!(read(&bob).await, @r#"
    200
    content-type: application/json

    {"id":"00000000-0000-4000-8000-000000000001","createdBy":"bob","createdByUserName":"Name of bob","createdDateTimeUtc":"2026-11-22T10:00:00Z","managedAccountId":null,"managedResourceId":"6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01","managedResourceName":"db01","activityName":"RDP","note":null,"status":1,"actualStartDateTimeUtc":"2026-11-22T10:00:00Z","actualEndDateTimeUtc":null,"locked":true,"lockedMessage":"Call extension 4711.","lockedTitle":"Under review","lockedBy":"admin"}
    "#);
    let mut account = locking(&one, "lockUser");
    account["lockTitle"] = Value::Null;
    account["lockMessage"] = Value::Null;
    world.lock_sessions(&admin, account).await;
    assert_snapshot!(read(&admin).await, @r#"
    200
    content-type: application/json

    {"id":"00000000-0000-4000-8000-000000000001","createdBy":"bob","createdByUserName":"Name of bob","createdDateTimeUtc":"2026-11-22T10:00:00Z","managedAccountId":null,"managedResourceId":"6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01","managedResourceName":"db01","activityName":"RDP","note":null,"status":1,"actualStartDateTimeUtc":"2026-11-22T10:00:00Z","actualEndDateTimeUtc":null,"locked":true,"lockedMessage":null,"lockedTitle":"Account locked","lockedBy":"admin"}
    "#);
    assert_eq!(
        world
            .get_session(&admin, &format!("/{}", session_id(2)))
            .await
            .json()["locked"],
        true,
        "all of his"
    );
}

#[tokio::test]
async fn read_401_403_404() {
    let world = World::start().await;
    let (bob, admin) = (world.netwrix("bob").await, world.netwrix("admin").await);
    assert_eq!(
        world
            .get_session("x", &format!("/{}", session_id(1)))
            .await
            .status,
        401
    );
    assert_eq!(
        world
            .get_session(&world.first_factor("bob").await, &format!("/{}", session_id(1)))
            .await
            .status,
        403
    );
    let anothers = world.get_session(&bob, &format!("/{}", session_id(3))).await;
    assert_snapshot!(anothers.without_trace(), @r#"
    403
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.4","title":"Forbidden","status":403,"detail":"The role Admin is missing.","instance":"/api/v1/ActivitySession/00000000-0000-4000-8000-000000000003","traceId":"[request]"}
    "#);
    for id in [session_id(404), session_id(9), "x".to_owned()] {
        let answer = world.get_session(&admin, &format!("/{id}")).await;
        assert_eq!(answer.status, 404, "{id}");
    }
    assert_snapshot!(world.get_session(&admin, &format!("/{}", session_id(404))).await.without_trace(), @r#"
    404
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.5","title":"Not Found","status":404,"detail":"There is no such activity session.","instance":"/api/v1/ActivitySession/00000000-0000-4000-8000-000000000404","traceId":"[request]"}
    "#);
}

#[tokio::test]
async fn list_200_newest_first_by_status_and_in_pages() {
    let world = World::start().await;
    let admin = world.netwrix("admin").await;
    let bob = world.netwrix("bob").await;
    for n in 0..12 {
        world.wait(1);
        let body = json!({"managedResourceName": "web01", "activityName": format!("task {n}")});
        assert_eq!(world.open_session(&bob, body).await.status, 201);
    }
    let list = async |query: &str| world.get_session(&admin, query).await.json();
    let all = list("?take=100").await;
    assert_eq!(
        all["recordsTotal"], 17,
        "five from the directory and twelve new ones; none of another company"
    );
    let all = all["data"].as_array().unwrap().clone();
    let created: Vec<&str> = all
        .iter()
        .map(|s| s["createdDateTimeUtc"].as_str().unwrap())
        .collect();
    assert!(created.is_sorted_by(|a, b| a >= b), "{created:?}");
    assert_eq!(all[0]["activityName"], "task 11");
    let mut paged = Vec::new();
    for skip in [0, 5, 10, 15, 20] {
        let page = list(&format!("?status=Active&skip={skip}&take=5")).await;
        assert_eq!(page["recordsTotal"], 17);
        paged.extend(page["data"].as_array().unwrap().clone());
    }
    assert_eq!(paged, all);
    assert_eq!(
        list("").await["data"].as_array().unwrap().len(),
        10,
        "ten by default"
    );
    for (class, total) in [("pending", 0), ("historical", 0)] {
        assert_eq!(
            list(&format!("?status={class}")).await,
            json!({"data": [], "recordsTotal": total})
        );
    }
    let newest = all[0]["id"].as_str().unwrap();
    assert_eq!(world.end_session(&bob, newest).await.status, 202);
    assert_eq!(list("?status=historical").await["data"][0]["id"], newest);
    assert_eq!(list("?take=1").await["recordsTotal"], 16);
    // What locks an account locks each of its sessions; the list says so.
    world.lock_user("bob").await;
    let locked = |page: &Value| {
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|s| s["locked"] == true)
            .count()
    };
    assert_eq!(locked(&list("?take=100").await), 14);
}

#[tokio::test]
async fn list_400_401_403() {
    let world = World::start().await;
    let (bob, admin) = (world.netwrix("bob").await, world.netwrix("admin").await);
    for query in [
        "?status=locked",
        "?skip=-1",
        "?skip=10001",
        "?take=0",
        "?take=101",
        "?take=x",
    ] {
        assert_eq!(world.get_session(&admin, query).await.status, 400, "{query}");
    }
    let everything = world.get_session(&admin, "?status=x&skip=x&take=x").await;
    assert_snapshot!(everything.without_trace(), @r#"
    400
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/api/v1/ActivitySession","traceId":"[request]","errors":{"skip":["The skip must be 0 to 10000."],"status":["The status must be active, pending or historical."],"take":["The take must be 1 to 100."]}}
    "#);
    assert_eq!(world.get_session("x", "").await.status, 401);
    assert_snapshot!(world.get_session(&bob, "").await.without_trace(), @r#"
    403
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.4","title":"Forbidden","status":403,"detail":"The role Admin is missing.","instance":"/api/v1/ActivitySession","traceId":"[request]"}
    "#);
    assert_eq!(
        world
            .get_session(&world.first_factor("admin").await, "")
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn end_202_by_its_user_or_an_admin_now_or_before() {
    let world = World::start().await;
    let (bob, admin) = (world.netwrix("bob").await, world.netwrix("admin").await);
    let (one, two) = (session_id(1), session_id(2));
    let ended = world.end_session(&bob, &one).await;
    assert_eq!((ended.status, ended.body.as_str()), (202, ""));
    world.wait(60);
    assert_eq!(world.end_session(&bob, &one).await.status, 202, "it has ended");
    let session = world.get_session(&bob, &format!("/{one}")).await.json();
    assert_eq!(
        (
            session["status"].as_i64(),
            session["actualEndDateTimeUtc"].as_str()
        ),
        (Some(3), Some("2026-11-22T10:00:00Z"))
    );
    assert_eq!(world.end_session(&admin, &two).await.status, 202);
}

#[tokio::test]
async fn end_401_403_404() {
    let world = World::start().await;
    let (bob, admin) = (world.netwrix("bob").await, world.netwrix("admin").await);
    let one = session_id(1);
    assert_eq!(world.end_session("x", &one).await.status, 401);
    assert_eq!(
        world
            .end_session(&world.first_factor("bob").await, &one)
            .await
            .status,
        403
    );
    assert_eq!(
        world.end_session(&bob, &session_id(3)).await.status,
        403,
        "someone else's"
    );
    for id in [session_id(404), session_id(9), "x".to_owned()] {
        assert_eq!(world.end_session(&admin, &id).await.status, 404, "{id}");
    }
    world.lock_sessions(&admin, locking(&one, "lockActivity")).await;
    assert_snapshot!(world.end_session(&bob, &one).await.without_trace(), @r#"
    403
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.4","title":"Under review","status":403,"detail":"Call extension 4711.","instance":"/api/v1/ActivitySession/00000000-0000-4000-8000-000000000001","traceId":"[request]"}
    "#);
    let ada = world.netwrix("ada").await;
    assert_eq!(
        world.end_session(&ada, &one).await.status,
        403,
        "an admin who does not own the lock"
    );
    assert_eq!(world.end_session(&admin, &one).await.status, 202, "its owner");
    let session = world.get_session(&bob, &format!("/{one}")).await.json();
    assert_eq!(
        (session["status"].as_i64(), session["locked"].as_bool()),
        (Some(3), Some(false)),
        "and the lock is gone"
    );
}

/// A lock ends with its session, so whoever ends a locked session takes the lock away.
#[tokio::test]
async fn a_locked_session_is_ended_by_the_locks_owner_and_never_by_its_own_user() {
    let world = Arc::new(World::behind_proxy().await);
    let (bob, admin, ada) = (
        world.netwrix("bob").await,
        world.netwrix("admin").await,
        world.netwrix("ada").await,
    );
    let (bobs, admins) = (session_id(1), session_id(4));
    for id in [&bobs, &admins] {
        let locked = world.lock_sessions(&admin, locking(id, "lockActivity")).await;
        assert_eq!(locked.status, 200, "{locked}");
    }
    for (who, token, id) in [
        ("its user", &bob, &bobs),
        ("another admin", &ada, &bobs),
        ("another admin", &ada, &admins),
        ("the lock's owner, whose session it is", &admin, &admins),
    ] {
        let answer = world.end_session(token, id).await;
        assert_eq!(answer.status, 403, "{who}: {answer}");
        let problem = answer.json();
        assert_eq!(
            (problem["title"].as_str(), problem["detail"].as_str()),
            (Some("Under review"), Some("Call extension 4711.")),
            "{who}"
        );
        let row = world.row(&row_key(id)).await.unwrap();
        assert_eq!(row["session_status"], AttributeValue::N("1".to_owned()), "{who}");
        assert_eq!(row["lock_owner"], AttributeValue::S("admin".to_owned()), "{who}");
    }
    assert_eq!(
        world.end_session(&admin, &bobs).await.status,
        202,
        "the lock's owner"
    );
    let mut unlock = locking(&admins, "lockActivity");
    unlock["locked"] = false.into();
    assert_eq!(world.lock_sessions(&admin, unlock).await.status, 200);
    assert_eq!(
        world.end_session(&admin, &admins).await.status,
        202,
        "one's own, once it is free"
    );

    // The lock comes between another admin's read and write.
    let two = session_id(2);
    let (other, id) = (Arc::clone(&world), two.clone());
    world.proxy.as_ref().unwrap().judge_next(
        "UpdateItem",
        Verdict::PassAfter(Box::pin(async move {
            let locked = other.lock_sessions(&admin, locking(&id, "lockActivity")).await;
            assert_eq!(locked.status, 200, "{locked}");
        })),
    );
    assert_eq!(world.end_session(&ada, &two).await.status, 403);
    let row = world.row(&row_key(&two)).await.unwrap();
    assert_eq!(row["session_status"], AttributeValue::N("1".to_owned()));
}

/// Gives a row to another company, whose user has locked it.
async fn estrange(world: &World, key: &RowKey) {
    let s = |text: &str| AttributeValue::S(text.to_owned());
    let n = |number: i64| AttributeValue::N(number.to_string());
    world
        .store
        .client()
        .update_item()
        .table_name(world.store.table_name(key.table()))
        .key("pk", s(key.pk()))
        .update_expression(
            "SET company = :two, fence = :one, rev = :nine, lock_owner = :zoe, lock_since = :now, \
             lock_title = :secret, lock_message = :secret",
        )
        .expression_attribute_values(":two", s("2"))
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":nine", n(9))
        .expression_attribute_values(":zoe", s("zoe"))
        .expression_attribute_values(":now", n(world.now().unix_ms()))
        .expression_attribute_values(":secret", s("Globex alone knows"))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_user_row_of_another_company_shows_nothing_here() {
    let world = World::start().await;
    let admin = world.netwrix("admin").await;
    estrange(&world, &RowKey::user(&Login::try_from("bob").unwrap())).await;
    let one = world.get_session(&admin, &format!("/{}", session_id(1))).await;
    let list = world.get_session(&admin, "?take=100").await;
    assert_eq!((one.status, list.status), (200, 200));
    assert_eq!(one.json()["locked"], false);
    assert_eq!(list.json()["recordsTotal"], 5);
    for answer in [one, list] {
        assert!(
            !answer.body.contains("Globex") && !answer.body.contains("zoe"),
            "{answer}"
        );
    }
}

/// No such row can come about by the API. Where one is found it is not understood: not shown, not written, and not
/// taken for a free pair either.
#[tokio::test]
async fn an_access_row_of_another_company_is_neither_shown_nor_written() {
    let world = World::start().await;
    let (admin, bob) = (world.netwrix("admin").await, world.netwrix("bob").await);
    let key = RowKey::access(
        ResourceId::try_from(DB01).unwrap(),
        &Login::try_from("bob").unwrap(),
    );
    estrange(&world, &key).await;
    let planted = world.row(&key).await;
    let one = session_id(1);
    let mut unlocking = locking(&one, "lockResource");
    unlocking["locked"] = false.into();
    for answer in [
        world
            .open_session(&bob, json!({"managedResourceId": DB01, "activityName": "RDP"}))
            .await,
        world.lock_sessions(&admin, locking(&one, "lockResource")).await,
        world.lock_sessions(&admin, unlocking).await,
    ] {
        assert_eq!(answer.status, 500, "{answer}");
        assert!(
            !answer.body.contains("Globex") && !answer.body.contains("zoe"),
            "{answer}"
        );
    }
    assert_eq!(world.row(&key).await, planted);
    let list = world.get_session(&admin, "?take=100").await.json();
    assert_eq!(list["recordsTotal"], 5, "none was opened");
}

fn row_key(id: &str) -> RowKey {
    RowKey::activity_session(ActivitySessionId::try_from(id).unwrap())
}

/// Locked while it is being ended, and ended while it is being locked: whoever is second sees the first.
#[tokio::test]
async fn no_session_is_both_ended_and_locked() {
    let world = Arc::new(World::behind_proxy().await);
    let proxy = world.proxy.clone().unwrap();
    let (bob, admin) = (world.netwrix("bob").await, world.netwrix("admin").await);
    let (one, two) = (session_id(1), session_id(2));

    let (other, token, id) = (Arc::clone(&world), admin.clone(), one.clone());
    proxy.judge_next(
        "UpdateItem",
        Verdict::PassAfter(Box::pin(async move {
            assert_eq!(
                other
                    .lock_sessions(&token, locking(&id, "lockActivity"))
                    .await
                    .status,
                200
            );
        })),
    );
    assert_eq!(
        world.end_session(&bob, &one).await.status,
        403,
        "the lock was faster"
    );
    let row = world.row(&row_key(&one)).await.unwrap();
    assert_eq!(row["session_status"], AttributeValue::N("1".to_owned()));
    assert!(row.contains_key("lock_owner"));

    let (other, token, id) = (Arc::clone(&world), bob.clone(), two.clone());
    proxy.judge_next(
        "TransactWriteItems",
        Verdict::PassAfter(Box::pin(async move {
            assert_eq!(other.end_session(&token, &id).await.status, 202);
        })),
    );
    assert_eq!(
        world
            .lock_sessions(&admin, locking(&two, "lockActivity"))
            .await
            .status,
        400,
        "the end was faster"
    );
    let row = world.row(&row_key(&two)).await.unwrap();
    assert_eq!(row["session_status"], AttributeValue::N("3".to_owned()));
    for attribute in ["lock_owner", "lock_shard", "lock_order"] {
        assert!(!row.contains_key(attribute), "{attribute}");
    }
}

#[tokio::test]
async fn an_end_whose_answer_was_lost_is_one() {
    let world = World::behind_proxy().await;
    let bob = world.netwrix("bob").await;
    world
        .proxy
        .as_ref()
        .unwrap()
        .judge_next("UpdateItem", Verdict::lose_answer());
    assert_eq!(world.end_session(&bob, SEED_SESSION).await.status, 202);
    assert_eq!(
        world.row(&row_key(SEED_SESSION)).await.unwrap()["rev"],
        AttributeValue::N("2".to_owned())
    );
}

#[tokio::test]
async fn r503_as_everywhere() {
    let world = World::behind_proxy().await;
    let (bob, admin) = (world.netwrix("bob").await, world.netwrix("admin").await);
    let proxy = world.proxy.as_ref().unwrap();
    let throttled = |operation: &'static str| {
        proxy.judge(move |call| {
            if call.operation == operation {
                Verdict::error(400, "ThrottlingException")
            } else {
                Verdict::Pass
            }
        });
    };
    throttled("TransactWriteItems");
    let open = world
        .open_session(
            &bob,
            json!({"managedResourceName": "db01", "activityName": "RDP"}),
        )
        .await;
    throttled("Query");
    let list = world.get_session(&admin, "").await;
    throttled("BatchGetItem");
    let read = world.get_session(&bob, &format!("/{SEED_SESSION}")).await;
    throttled("UpdateItem");
    let end = world.end_session(&bob, SEED_SESSION).await;
    for answer in [open, list, read, end] {
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    }
}

#[tokio::test]
async fn what_it_costs() {
    let mut directory = people(&[]);
    directory["activity_sessions"].as_array_mut().unwrap().truncate(2);
    let world = World::with(directory, true).await;
    let (bob, admin) = (world.netwrix("bob").await, world.netwrix("admin").await);
    let proxy = world.proxy.as_ref().unwrap();
    let one = format!("/{}", session_id(1));
    proxy.forget();
    world.get_session(&bob, &one).await;
    assert_eq!(proxy.waves(), 1, "one's own session");
    proxy.forget();
    world.get_session(&admin, &one).await;
    assert_eq!(
        proxy.waves(),
        2,
        "someone else's, and whether the account is locked"
    );
    proxy.forget();
    world.get_session(&admin, "").await;
    assert_eq!(
        proxy.waves(),
        4,
        "the caller; the index; the sessions; their users: {:?}",
        proxy.operations()
    );
    for (body, waves) in [
        (json!({"managedResourceId": DB01, "activityName": "RDP"}), 2),
        (json!({"managedResourceName": "db01", "activityName": "RDP"}), 3),
    ] {
        proxy.forget();
        assert_eq!(world.open_session(&bob, body).await.status, 201);
        assert_eq!(proxy.waves(), waves, "{:?}", proxy.operations());
    }
    proxy.forget();
    world.end_session(&bob, &session_id(1)).await;
    assert_eq!(proxy.waves(), 2);
}
