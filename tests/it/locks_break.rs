//! Holdfast's own dialect: someone else's lock is broken, and its owner is told.

use std::sync::Arc;

use holdfast_tests::{Answer, DB01, Verdict, World, code_at, operators, problem, session_id};
use reqwest::Method;
use serde_json::{Value, json};

async fn world() -> World {
    World::with(operators(), false).await
}

fn targets() -> [String; 4] {
    [
        "device/ID5".to_owned(),
        "user/bob".to_owned(),
        format!("activity-session/{}", session_id(1)),
        format!("access/{DB01}:bob"),
    ]
}

/// Says why, and names the tenure.
fn tenure(fence: u64) -> Value {
    json!({"fence": fence, "reason": "He has left"})
}

/// The same with more.
fn and(fence: u64, more: Value) -> Value {
    let mut body = tenure(fence);
    let more: serde_json::Map<String, Value> = serde_json::from_value(more).unwrap();
    body.as_object_mut().unwrap().extend(more);
    body
}

/// Status and body of an answer that is 200.
fn done(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()
}

#[tokio::test]
async fn a_lock_of_any_kind_is_broken_and_freed_or_taken() {
    let world = world().await;
    let (oscar, admin) = (world.locks("oscar").await, world.locks("admin").await);
    for (target, name) in targets()
        .into_iter()
        .zip(["sbc-boston", "Name of bob", "db01", "db01"])
    {
        let (kind, id) = target.split_once('/').unwrap();
        admin
            .hold(
                &target,
                json!({"seconds": 600, "title": "Mine", "message": "Keep out"}),
            )
            .await;
        let lock = |owner: &str, mine: bool, fence: u64| {
            json!({"kind": kind, "id": id, "name": name,
            "owner": owner, "mine": mine, "since": "2026-11-22T10:00:00Z", "fence": fence})
        };
        let mut of_admin = lock("admin", false, 1);
        of_admin["until"] = json!("2026-11-22T10:10:00Z");
        of_admin["title"] = json!("Mine");
        of_admin["message"] = json!("Keep out");
        let freed = oscar.break_lock(&target, tenure(1)).await;
        assert_eq!(
            done(&freed),
            json!({"changed": true, "broken": of_admin, "fence": 2, "lock": null})
        );
        let told = json!({"owner": "admin", "fence": 1, "by": "oscar", "at": "2026-11-22T10:00:00Z",
            "reason": "He has left", "until": "2026-11-22T10:01:00Z"});
        let read = oscar.read(&target).await.json();
        assert_eq!(
            read,
            json!({"kind": kind, "id": id, "name": name, "fence": 2, "lock": null, "lastBreak": told})
        );

        let ada = world.locks("ada").await;
        assert_eq!(ada.hold(&target, json!({})).await.status, 201);
        let taken = oscar.break_lock(&target, and(3, json!({"then": "take"}))).await;
        assert_eq!(
            done(&taken),
            json!({"changed": true, "broken": lock("ada", false, 3), "fence": 4,
            "lock": lock("oscar", true, 4)})
        );
        assert_eq!(
            problem(&ada.hold(&target, json!({})).await),
            "409 /problems/held-off"
        );
        assert_eq!(oscar.release(&target).await.json()["changed"], true);
    }
}

#[tokio::test]
async fn the_answer_to_a_break_is_json_like_this() {
    let world = world().await;
    world.locks("bob").await.hold("device/ID5", json!({})).await;
    let olga = world.locks("olga").await;
    insta::assert_snapshot!(olga.break_lock("device/ID5", and(1, json!({"then": "free", "unknown": 1}))).await, @r#"
    200
    content-type: application/json

    {"changed":true,"broken":{"kind":"device","id":"ID5","name":"sbc-boston","owner":"bob","mine":false,"since":"2026-11-22T10:00:00Z","fence":1},"fence":2,"lock":null}
    "#);
}

#[tokio::test]
async fn a_tenure_that_is_over_is_not_broken_again() {
    let world = world().await;
    let (bob, bret) = (world.locks("bob").await, world.locks("bret").await);
    let (olga, oscar) = (world.locks("olga").await, world.locks("oscar").await);
    let over = |fence: u64| json!({"changed": false, "fence": fence, "lock": null});
    bob.hold("device/ID5", json!({})).await;
    bob.release("device/ID5").await;
    assert_eq!(
        done(&olga.break_lock("device/ID5", tenure(1)).await),
        over(1),
        "released"
    );
    bob.hold("device/ID5", json!({})).await;
    assert_eq!(
        done(&olga.break_lock("device/ID5", tenure(2)).await)["changed"],
        true
    );
    // A retry of the same caller, and anyone else while it is free.
    assert_eq!(
        done(&olga.break_lock("device/ID5", tenure(2)).await),
        over(3),
        "a retry"
    );
    assert_eq!(
        done(
            &oscar
                .break_lock("device/ID5", and(2, json!({"then": "take"})))
                .await
        ),
        over(3)
    );
    assert_eq!(
        done(&oscar.break_lock("device/ID5", tenure(1)).await),
        over(3),
        "an earlier one"
    );
    let never = oscar.break_lock("device/ID5", tenure(4)).await;
    assert_eq!(problem(&never), "409 /problems/other-tenure");
    assert_eq!(never.json()["lock"], json!(null), "free, and never was");

    assert_eq!(bret.hold("device/ID5", json!({})).await.status, 201);
    let retry = done(&olga.break_lock("device/ID5", tenure(2)).await);
    assert_eq!((&retry["changed"], &retry["fence"]), (&json!(false), &json!(4)));
    assert_eq!(
        retry["lock"]["owner"], "bret",
        "a retry is told whose lock it is now"
    );
    for (caller, fence) in [(&oscar, 2), (&olga, 1), (&olga, 3), (&olga, 5), (&oscar, 0)] {
        let refused = caller.break_lock("device/ID5", tenure(fence)).await;
        assert_eq!(problem(&refused), "409 /problems/other-tenure", "{fence}");
        assert_eq!(refused.json()["lock"]["owner"], "bret", "{fence}");
    }
    let read = bret.read("device/ID5").await.json();
    assert_eq!(
        (&read["lock"]["owner"], &read["fence"]),
        (&json!("bret"), &json!(4))
    );
}

#[tokio::test]
async fn a_lease_that_ran_out_is_cleared_and_nobody_is_held_off() {
    let world = world().await;
    let (bob, olga) = (world.locks("bob").await, world.locks("olga").await);
    bob.hold("device/ID5", json!({"seconds": 60})).await;
    world.wait(60);
    let cleared = done(&olga.break_lock("device/ID5", tenure(1)).await);
    assert_eq!(cleared, json!({"changed": false, "fence": 1, "lock": null}));
    let read = bob.read("device/ID5").await.json();
    assert_eq!(
        (&read["lock"], &read["lastBreak"], &read["fence"]),
        (&json!(null), &json!(null), &json!(1))
    );
    assert_eq!(bob.hold("device/ID5", json!({})).await.json()["lock"]["fence"], 2);
}

#[tokio::test]
async fn the_hold_off_lasts_as_long_as_the_breaker_says() {
    let world = world().await;
    let (bob, olga) = (world.locks("bob").await, world.locks("olga").await);
    let mut fence = 1;
    for (more, seconds) in [
        (json!({"holdOffSeconds": 0}), 0),
        (json!({"holdOffSeconds": 1}), 1),
        (json!({}), 60),
        (json!({"holdOffSeconds": null}), 60),
    ] {
        assert_eq!(bob.hold("device/ID5", json!({})).await.status, 201, "{more}");
        let answer = olga.break_lock("device/ID5", and(fence, more.clone())).await;
        assert_eq!(done(&answer)["changed"], true);
        fence += 2;
        if seconds > 0 {
            assert_eq!(
                problem(&bob.hold("device/ID5", json!({})).await),
                "409 /problems/held-off"
            );
            world.wait(seconds - 1);
            assert_eq!(
                problem(&bob.hold("device/ID5", json!({})).await),
                "409 /problems/held-off"
            );
            world.wait(1);
        }
    }
    bob.hold("device/ID5", json!({})).await;
    olga.break_lock("device/ID5", and(fence, json!({"holdOffSeconds": 3_600})))
        .await;
    world.wait(3_599);
    let bob = world.locks("bob").await;
    assert_eq!(
        problem(&bob.hold("device/ID5", json!({})).await),
        "409 /problems/held-off"
    );
    world.wait(1);
    assert_eq!(bob.hold("device/ID5", json!({})).await.status, 201);
}

/// A break that takes is a taking: who is held off cannot do it.
#[tokio::test]
async fn a_breaker_who_is_held_off_takes_nothing() {
    let world = world().await;
    let (oscar, olga, bob) = (
        world.locks("oscar").await,
        world.locks("olga").await,
        world.locks("bob").await,
    );
    oscar.hold("device/ID5", json!({})).await;
    olga.break_lock("device/ID5", tenure(1)).await;
    bob.hold("device/ID5", json!({})).await;
    let refused = oscar
        .break_lock("device/ID5", and(3, json!({"then": "take"})))
        .await;
    assert_eq!(problem(&refused), "409 /problems/held-off");
    let told = refused.json();
    assert_eq!(
        (&told["lastBreak"]["by"], &told["lock"]["owner"]),
        (&json!("olga"), &json!("bob"))
    );
    assert_eq!(
        done(&oscar.break_lock("device/ID5", tenure(3)).await)["changed"],
        true,
        "to free it takes nothing"
    );
}

#[tokio::test]
async fn one_does_not_break_ones_own_lock() {
    let world = world().await;
    let oscar = world.locks("oscar").await;
    for target in targets() {
        oscar.hold(&target, json!({})).await;
        let refused = oscar.break_lock(&target, tenure(1)).await;
        assert_eq!(problem(&refused), "409 /problems/your-own-lock", "{target}");
        assert_eq!(refused.json()["detail"], "The lock is yours: release it.");
        assert_eq!(oscar.read(&target).await.json()["lock"]["fence"], 1);
    }
}

#[tokio::test]
async fn who_may_break() {
    let world = world().await;
    let admin = world.locks("admin").await;
    let own_session = world
        .open_session(
            &world.bearer("oscar").await,
            json!({"managedResourceName": "db01", "activityName": "RDP"}),
        )
        .await;
    let own_session = format!("activity-session/{}", own_session.json()["id"].as_str().unwrap());
    let own_access = format!("access/{DB01}:oscar");
    for target in targets().iter().chain([&own_session, &own_access]) {
        assert_eq!(admin.hold(target, json!({})).await.status, 201, "{target}");
    }
    let [device, user, session, access] = targets();
    let missing = "The privilege Locks.Break is missing.";
    let group = "You may not edit users of this record group.";
    let yourself = "You cannot break a lock on yourself.";
    let no_group = "None of your groups may lock or unlock devices.";
    for (login, target, more, detail) in [
        // The role Admin does not imply it.
        ("ada", &device, json!({}), missing),
        ("ada", &user, json!({}), missing),
        ("ada", &session, json!({}), missing),
        ("ada", &access, json!({}), missing),
        ("bret", &device, json!({}), missing),
        ("bret", &"device/ID404".to_owned(), json!({}), missing),
        ("sally", &user, json!({}), group),
        ("oscar", &own_session, json!({}), yourself),
        ("oscar", &own_access, json!({}), yourself),
        ("oscar", &"user/oscar".to_owned(), json!({}), yourself),
        // To take it needs the right to hold it as well.
        ("olga", &device, json!({"then": "take"}), no_group),
        (
            "olga",
            &user,
            json!({"then": "take"}),
            "The privilege Users.Edit is missing.",
        ),
        (
            "olga",
            &session,
            json!({"then": "take"}),
            "The role Admin is missing.",
        ),
        (
            "olga",
            &access,
            json!({"then": "take"}),
            "The role Admin is missing.",
        ),
    ] {
        let caller = world.locks(login).await;
        let answer = caller.break_lock(target, and(1, more)).await;
        assert_eq!(
            problem(&answer),
            "403 /problems/forbidden",
            "{login} {target}: {answer}"
        );
        assert_eq!(answer.json()["detail"], detail, "{login} {target}");
    }
    let olga = world.locks("olga").await;
    for absent in [
        "device/ID404".to_owned(),
        "device/ID9".to_owned(),
        "user/unknown".to_owned(),
        "user/daemon".to_owned(),
        "user/zoe".to_owned(),
        format!("activity-session/{}", session_id(7)),
        format!("activity-session/{}", session_id(9)),
        format!("access/{DB01}:unknown"),
        format!("access/{DB01}:zoe"),
        format!("access/{}:bob", session_id(7)),
    ] {
        let answer = olga.break_lock(&absent, tenure(1)).await;
        assert_eq!(problem(&answer), "404 /problems/not-found", "{absent}");
    }
    for target in targets() {
        assert_eq!(admin.read(&target).await.json()["lock"]["fence"], 1, "{target}");
        let done = done(&olga.break_lock(&target, tenure(1)).await);
        assert_eq!(done["changed"], true, "the privilege is enough: {target}");
    }
    let sally = world.locks("sally").await;
    world.locks("bob").await.hold("device/ID5", json!({})).await;
    assert_eq!(
        done(&sally.break_lock("device/ID5", tenure(3)).await)["changed"],
        true,
        "a device has no record group"
    );
}

#[tokio::test]
async fn a_body_that_breaks_a_rule_is_refused_with_every_fault() {
    let world = world().await;
    world.locks("bob").await.hold("device/ID5", json!({})).await;
    let olga = world.locks("olga").await;
    let send = async |media: &str, body: String| {
        let request = olga
            .request(Method::POST, "/locks/device/ID5/break")
            .header("Content-Type", media)
            .body(body);
        world.send(request).await
    };
    let reason = json!(["The reason is required and has 1 to 500 characters."]);
    let no_fence = json!(["The fence is required."]);
    let bad_fence = json!(["The fence must be a whole number that a lock has shown."]);
    let hold_off = json!(["The holdOffSeconds must be 0 to 3600."]);
    for (body, errors) in [
        (json!({}), json!({"fence": no_fence, "reason": reason})),
        (
            json!({"fence": null, "reason": null}),
            json!({"fence": no_fence, "reason": reason}),
        ),
        (json!({"fence": 1}), json!({"reason": reason})),
        (json!({"fence": 1, "reason": ""}), json!({"reason": reason})),
        (json!({"fence": 1, "reason": " \n"}), json!({"reason": reason})),
        (json!({"fence": 1, "reason": 7}), json!({"reason": reason})),
        (
            json!({"fence": 1, "reason": "é".repeat(501)}),
            json!({"reason": reason}),
        ),
        (
            json!({"fence": "1", "reason": "x", "then": "keep", "holdOffSeconds": 3_601}),
            json!({"fence": bad_fence, "then": ["The then must be free or take."], "holdOffSeconds": hold_off}),
        ),
        (
            and(1, json!({"holdOffSeconds": -1})),
            json!({"holdOffSeconds": hold_off}),
        ),
        (
            and(1, json!({"holdOffSeconds": "60"})),
            json!({"holdOffSeconds": hold_off}),
        ),
        (
            and(1, json!({"holdOffSeconds": 1.5})),
            json!({"holdOffSeconds": hold_off}),
        ),
        (
            and(1, json!({"then": true})),
            json!({"then": ["The then must be free or take."]}),
        ),
    ] {
        let answer = send("application/json", body.to_string()).await;
        assert_eq!(problem(&answer), "400 /problems/invalid-request", "{body}");
        assert_eq!(answer.json()["errors"], errors, "{body}");
    }
    for body in [
        "",
        "{",
        "[]",
        r#"{"fence":1,"fence":1,"reason":"x"}"#,
        r#"{"fence":1,"reason":"x","reason":"y"}"#,
    ] {
        let answer = send("application/json", body.to_owned()).await;
        assert_eq!(problem(&answer), "400 /problems/invalid-request", "{body}");
    }
    assert_eq!(
        problem(&send("text/plain", tenure(1).to_string()).await),
        "415 /problems/unsupported-media-type"
    );
    assert_eq!(
        problem(&send("application/json", " ".repeat(64 * 1_024 + 1)).await),
        "413 /problems/body-too-large"
    );
    assert_eq!(
        olga.read("device/ID5").await.json()["fence"],
        1,
        "nothing was broken"
    );
    let longest = json!({"fence": 1, "reason": "é".repeat(500), "then": null});
    assert_eq!(
        done(&send("application/json", longest.to_string()).await)["changed"],
        true
    );
}

/// RFC 9470: the second factor is five minutes old at most, and a renewed token does not make it younger.
#[tokio::test]
async fn a_break_needs_a_recent_second_factor() {
    let world = world().await;
    world.locks("bob").await.hold("device/ID5", json!({})).await;
    let first = world.first_factor("olga").await;
    let full = world.second_step(&first, &code_at(world.now())).await.json();
    let signed_in = full.as_str().unwrap().to_owned();
    world.wait(299);
    let renewed = world.user_token(&signed_in).await.json();
    let renewed = renewed.as_str().unwrap().to_owned();
    world.wait(1);
    for token in [&signed_in, &renewed] {
        let answer = world
            .locks_with(token.clone())
            .break_lock("device/ID5", tenure(9))
            .await;
        assert_eq!(
            problem(&answer),
            "409 /problems/other-tenure",
            "to the second, it is still recent"
        );
    }
    world.clock.advance(std::time::Duration::from_millis(1));
    for token in [&signed_in, &renewed] {
        let olga = world.locks_with(token.clone());
        let answer = olga.break_lock("device/ID5", tenure(1)).await;
        assert_eq!(problem(&answer), "401 /problems/second-factor-too-old");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer error=\"insufficient_user_authentication\", max_age=\"300\"")
        );
        assert_eq!(
            olga.read("device/ID5").await.status,
            200,
            "the token is good for all else"
        );
    }
    let first = world.first_factor("olga").await;
    let full = world.second_step(&first, &code_at(world.now())).await.json();
    let olga = world.locks_with(full.as_str().unwrap().to_owned());
    assert_eq!(
        done(&olga.break_lock("device/ID5", tenure(1)).await)["changed"],
        true
    );
}

/// What is checked first: a machine and a person without a second factor are told so whatever they may do.
#[tokio::test]
async fn a_break_needs_a_second_factor() {
    let world = world().await;
    let na = world.locks_with(world.netwrix("robot").await);
    for target in ["device/ID5", "device/ID404", "nothing/ID5"] {
        let answer = na.break_lock(target, json!({})).await;
        assert_eq!(problem(&answer), "403 /problems/second-factor-required");
    }
    let renewed = world.user_token(&na.token).await.json();
    let renewed = world.locks_with(renewed.as_str().unwrap().to_owned());
    assert_eq!(
        problem(&renewed.break_lock("device/ID5", tenure(1)).await),
        "403 /problems/second-factor-required"
    );
    let machine = world.locks_with(world.aktion("robot").await);
    assert_eq!(
        problem(&machine.break_lock("device/ID5", tenure(1)).await),
        "403 /problems/interactive-sign-in-required"
    );
}

/// The breaker is locked out between the read and the write: nothing is broken.
#[tokio::test]
async fn a_breaker_who_is_locked_out_during_the_request_breaks_nothing() {
    for target in targets() {
        let world = Arc::new(World::with(operators(), true).await);
        let (admin, olga) = (world.locks("admin").await, world.locks("olga").await);
        assert_eq!(admin.hold(&target, json!({})).await.status, 201);
        let other = Arc::clone(&world);
        let lock_out = async move { other.lock_user("olga").await };
        let proxy = world.proxy.as_ref().unwrap();
        proxy.judge_next("TransactWriteItems", Verdict::PassAfter(Box::pin(lock_out)));
        let answer = olga.break_lock(&target, tenure(1)).await;
        assert_eq!(problem(&answer), "401 /problems/unauthorized", "{target}");
        let read = admin.read(&target).await.json();
        assert_eq!(
            (&read["lock"]["owner"], &read["lastBreak"]),
            (&json!("admin"), &json!(null))
        );
    }
}

/// The row moves to another record group between the read and the write.
#[tokio::test]
async fn a_user_who_changes_the_record_group_during_a_break_is_out_of_reach() {
    let mut directory = operators();
    let users = directory["users"].as_array_mut().unwrap();
    for user in users {
        if user["login"] == "bob" {
            user["record_group"] = json!("sales");
        }
    }
    let world = Arc::new(World::with(directory, true).await);
    let (admin, sally) = (world.locks("admin").await, world.locks("sally").await);
    assert_eq!(admin.hold("user/bob", json!({})).await.status, 201);
    let other = Arc::clone(&world);
    let regroup = async move {
        let client = other.store.client();
        let text = aws_sdk_dynamodb::types::AttributeValue::S;
        client
            .update_item()
            .table_name(other.store.table_name(holdfast::store::Table::Resources))
            .key("pk", text("user/bob".to_owned()))
            .update_expression("SET record_group = :staff ADD rev :one")
            .expression_attribute_values(":staff", text("staff".to_owned()))
            .expression_attribute_values(":one", aws_sdk_dynamodb::types::AttributeValue::N("1".to_owned()))
            .send()
            .await
            .unwrap();
    };
    let proxy = world.proxy.as_ref().unwrap();
    proxy.judge_next("TransactWriteItems", Verdict::PassAfter(Box::pin(regroup)));
    let answer = sally.break_lock("user/bob", tenure(1)).await;
    assert_eq!(problem(&answer), "403 /problems/forbidden");
    assert_eq!(admin.read("user/bob").await.json()["lock"]["owner"], "admin");
}
