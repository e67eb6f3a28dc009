//! Holdfast's own dialect: one lock is read, and fences are checked.

use holdfast_tests::{DB01, World, operators, problem, session_id};
use reqwest::Method;
use serde_json::{Value, json};

async fn world() -> World {
    World::with(operators(), false).await
}

#[tokio::test]
async fn a_read_shows_the_target_the_lock_and_the_break() {
    let world = world().await;
    let bob = world.locks("bob").await;
    insta::assert_snapshot!(bob.read("device/ID5").await, @r#"
    200
    content-type: application/json

    {"kind":"device","id":"ID5","name":"sbc-boston","fence":0,"lock":null,"lastBreak":null}
    "#);
    bob.hold("device/ID5", json!({})).await;
    world
        .locks("olga")
        .await
        .break_lock("device/ID5", json!({"fence": 1, "reason": "Ticket 7"}))
        .await;
    world.locks("bret").await.hold("device/ID5", json!({})).await;
    insta::assert_snapshot!(bob.read("device/ID5").await, @r#"
    200
    content-type: application/json

    {"kind":"device","id":"ID5","name":"sbc-boston","fence":3,"lock":{"kind":"device","id":"ID5","name":"sbc-boston","owner":"bret","mine":false,"since":"2026-11-22T10:00:00Z","fence":3},"lastBreak":{"owner":"bob","fence":1,"by":"olga","at":"2026-11-22T10:00:00Z","reason":"Ticket 7","until":"2026-11-22T10:01:00Z"}}
    "#);
}

#[tokio::test]
async fn who_sees_which_locks() {
    let world = world().await;
    let admin = world.locks("admin").await;
    let session = format!("activity-session/{}", session_id(1));
    let access = format!("access/{DB01}:bob");
    let kinds = ["device/ID5", "user/bret", &session, &access];
    for target in kinds {
        assert_eq!(admin.hold(target, json!({})).await.status, 201, "{target}");
    }
    for login in ["admin", "oscar", "ada", "audrey", "alice"] {
        for target in kinds {
            let read = world.locks(login).await.read(target).await;
            assert_eq!(read.status, 200, "{login} {target}: {read}");
        }
    }
    // Everybody sees devices, and of the rest their own. A user does not see the lock that keeps them out.
    for login in ["bob", "mona", "nobody", "olga", "editor"] {
        let caller = world.locks(login).await;
        assert_eq!(caller.read("device/ID5").await.status, 200, "{login}");
        for target in [
            "user/bret",
            "user/ada",
            "user/unknown",
            &session,
            &format!("activity-session/{}", session_id(7)),
            &access,
            &format!("access/{DB01}:unknown"),
        ] {
            let refused = caller.read(target).await;
            assert_eq!(
                problem(&refused),
                "403 /problems/forbidden",
                "{login} {target}: whether it exists is not told"
            );
        }
        assert_eq!(
            problem(&caller.read("device/ID404").await),
            "404 /problems/not-found"
        );
    }
    for absent in [
        "device/ID404",
        "device/ID9",
        "user/unknown",
        "user/daemon",
        "user/zoe",
    ] {
        assert_eq!(
            problem(&admin.read(absent).await),
            "404 /problems/not-found",
            "{absent}"
        );
    }
    // The caller's own rows are read for more than one reason.
    let audrey = world.locks("audrey").await;
    for own in ["user/audrey", &format!("access/{DB01}:audrey")] {
        assert_eq!(audrey.read(own).await.status, 200, "{own}");
    }
    let access = format!("access/{DB01}:admin");
    assert_eq!(admin.hold(&access, json!({})).await.status, 201);

    // Their own: editors lock users with their key, and see that lock without any role.
    let salesman = world.aktion("salesman").await;
    let mut directory = operators();
    directory["users"][0]["record_group"] = json!("sales");
    assert_eq!(world.lock_user_by(&salesman, "mona", 1).await.status, 403);
    let world = World::with(directory, false).await;
    let salesman = world.aktion("salesman").await;
    assert_eq!(world.lock_user_by(&salesman, "alice", 1).await.status, 200);
    let salesman = world.locks("salesman").await;
    assert_eq!(salesman.read("user/alice").await.json()["lock"]["mine"], true);
    // And after a break as well, for the owner is told of it.
    let oscar = world.locks("oscar").await;
    oscar
        .break_lock(
            "user/alice",
            json!({"fence": 1, "reason": "Ticket 7", "then": "take"}),
        )
        .await;
    let told = salesman.read("user/alice").await.json();
    assert_eq!(
        (&told["lock"]["owner"], &told["lastBreak"]["reason"]),
        (&json!("oscar"), &json!("Ticket 7"))
    );
}

#[tokio::test]
async fn a_check_says_of_each_fence_whether_it_is_the_live_tenure() {
    let world = world().await;
    let (oscar, bob) = (world.locks("oscar").await, world.locks("bob").await);
    let session = session_id(1);
    let access = format!("{DB01}:bob");
    for target in [
        "device/ID5".to_owned(),
        "user/bret".to_owned(),
        format!("activity-session/{session}"),
        format!("access/{access}"),
    ] {
        oscar.hold(&target, json!({})).await;
        oscar.release(&target).await;
        oscar.hold(&target, json!({})).await;
    }
    bob.hold("device/ID6", json!({"seconds": 60})).await;
    let held = |kind: &str, id: &str, fence: u64| json!({"kind": kind, "id": id, "fence": fence});
    let held = json!([
        held("device", "ID5", 2),
        held("device", "ID5", 1),
        held("device", "ID5", 3),
        held("device", "ID6", 1),
        held("user", "bret", 2),
        held("activity-session", &session, 2),
        held("access", &access, 2),
        held("access", &access, 0),
        held("device", "ID404", 1),
        held("device", "ID9", 1),
        held("user", "unknown", 1),
        held("access", &format!("{DB01}:unknown"), 0),
        held("nothing", "ID5", 2),
        held("activity-session", "7", 2),
        held("device", "a b%2F~", 0),
    ]);
    let current = async |login: &str| world.locks(login).await.check(&held).await.json()["current"].clone();
    let seen = json!([
        true, false, false, true, true, true, true, false, false, false, false, false, false, false, false
    ]);
    for login in ["oscar", "audrey", "admin"] {
        assert_eq!(current(login).await, seen, "{login}");
    }
    // What may not be seen is false, the same as what does not exist.
    let devices = json!([
        true, false, false, true, false, false, false, false, false, false, false, false, false, false, false
    ]);
    for login in ["bob", "mona", "nobody"] {
        assert_eq!(current(login).await, devices, "{login}");
    }
    world.wait(60);
    assert_eq!(current("oscar").await[3], json!(false), "the lease has run out");
    world
        .locks("olga")
        .await
        .break_lock("device/ID5", json!({"fence": 2, "reason": "x"}))
        .await;
    assert_eq!(current("oscar").await[0], json!(false), "broken");
}

#[tokio::test]
async fn a_check_that_breaks_a_rule_is_refused() {
    let world = world().await;
    let bob = world.locks("bob").await;
    let rule = json!({"held": ["The held must be a list of 1 to 100 objects with kind, id and fence."]});
    let one = json!({"kind": "device", "id": "ID5", "fence": 1});
    for held in [
        json!(null),
        json!([]),
        json!({}),
        json!("x"),
        json!([7]),
        json!([{"kind": "device", "id": "ID5"}]),
        json!([{"kind": "device", "fence": 1}]),
        json!([{"id": "ID5", "fence": 1}]),
        json!([{"kind": 1, "id": "ID5", "fence": 1}]),
        Value::Array(vec![one.clone(); 101]),
    ] {
        let answer = bob.check(&held).await;
        assert_eq!(problem(&answer), "400 /problems/invalid-request", "{held}");
        assert_eq!(answer.json()["errors"], rule, "{held}");
    }
    let answer = bob
        .check(&json!([{"kind": "device", "id": "ID5", "fence": "1"}]))
        .await;
    assert_eq!(
        answer.json()["errors"],
        json!({"held": ["The fence must be a whole number that a lock has shown."]})
    );
    let all = bob.check(&Value::Array(vec![one; 100])).await.json();
    assert_eq!(all["current"].as_array().unwrap().len(), 100);
    let send = async |media: &str, body: String| {
        let request = bob
            .request(Method::POST, "/locks/check")
            .header("Content-Type", media);
        world.send(request.body(body)).await
    };
    for (media, body, refused) in [
        (
            "text/plain",
            "{}".to_owned(),
            "415 /problems/unsupported-media-type",
        ),
        (
            "application/json",
            " ".repeat(65_537),
            "413 /problems/body-too-large",
        ),
        (
            "application/json",
            "{".to_owned(),
            "400 /problems/invalid-request",
        ),
        (
            "application/json",
            r#"{"held":[],"held":[]}"#.to_owned(),
            "400 /problems/invalid-request",
        ),
        (
            "application/json",
            r#"{"held":[{"kind":"device","id":"ID5","fence":1,"fence":2}]}"#.to_owned(),
            "400 /problems/invalid-request",
        ),
    ] {
        assert_eq!(problem(&send(media, body.clone()).await), refused, "{body}");
    }
}

/// A hundred fences are one read, in the two batches that DynamoDB takes for them and the caller's own rows.
#[tokio::test]
async fn a_check_is_one_read() {
    let world = World::with(operators(), true).await;
    let proxy = world.proxy.as_ref().unwrap();
    let bob = world.locks("bob").await;
    let held: Vec<Value> = (0..100)
        .map(|n| json!({"kind": "device", "id": format!("ID{n}"), "fence": 1}))
        .collect();
    proxy.forget();
    assert_eq!(bob.check(&Value::from(held)).await.status, 200);
    assert_eq!(
        (proxy.waves(), proxy.operations()),
        (1, vec!["BatchGetItem".to_owned(); 2])
    );
}
