//! Holdfast's own dialect: who is let in, person or machine.

use holdfast_tests::{DB01, World, code_at, operators, problem, session_id};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn only_a_token_of_both_steps_signs_a_request() {
    let world = World::with(operators(), false).await;
    let first = world.first_factor("oscar").await;
    let cookie = world.sdm("oscar").await.token;
    let old = world.bearer("oscar").await;
    world.wait(15 * 60);
    let locked_out = world.bearer("bob").await;
    world.lock_user("bob").await;
    let tokens = [
        "",
        "x",
        &"x".repeat(5_000),
        &first,
        &cookie,
        &old,
        &locked_out,
        &session_id(1),
    ]
    .map(str::to_owned);
    let calls = [
        (Method::GET, "/locks"),
        (Method::GET, "/locks/device/ID5"),
        (Method::POST, "/locks/check"),
        (Method::PUT, "/locks/device/ID5"),
        (Method::DELETE, "/locks/device/ID5"),
        (Method::POST, "/locks/device/ID5/break"),
    ];
    for (method, path) in calls {
        for token in &tokens {
            let caller = world.locks_with(token.clone());
            let request = caller
                .request(method.clone(), path)
                .header("Content-Type", "application/json");
            let answer = world.send(request).await;
            assert_eq!(
                problem(&answer),
                "401 /problems/unauthorized",
                "{method} {path} {token}"
            );
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        for authorization in [None, Some("Basic YTpi"), Some("Bearer")] {
            let mut request = world
                .http
                .request(method.clone(), world.url(path))
                .header("Content-Type", "application/json");
            if let Some(authorization) = authorization {
                request = request.header("Authorization", authorization);
            }
            let answer = world.send(request).await;
            assert_eq!(
                problem(&answer),
                "401 /problems/unauthorized",
                "{authorization:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_machine_does_everything_but_break() {
    let world = World::with(operators(), false).await;
    let targets = [
        "device/ID5".to_owned(),
        "user/bob".to_owned(),
        format!("activity-session/{}", session_id(1)),
        format!("access/{DB01}:bob"),
    ];
    let robot = async || world.locks_with(world.aktion("robot").await);
    for target in targets {
        let robot = robot().await;
        assert_eq!(
            robot.hold(&target, json!({"seconds": 600})).await.status,
            201,
            "{target}"
        );
        assert_eq!(robot.read(&target).await.json()["lock"]["mine"], true);
        assert_eq!(
            robot.all("owner=me").await.len(),
            1,
            "{target}: every kind is listed"
        );
        let (kind, id) = target.split_once('/').unwrap();
        let held = json!([{"kind": kind, "id": id, "fence": 1}]);
        assert_eq!(robot.check(&held).await.json(), json!({"current": [true]}));
        let refused = robot
            .break_lock(&target, json!({"fence": 1, "reason": "x"}))
            .await;
        assert_eq!(problem(&refused), "403 /problems/interactive-sign-in-required");
        assert_eq!(robot.release(&target).await.json()["changed"], true);
    }
    let token = world.aktion("bret").await;
    let bret = world.locks_with(token);
    assert_eq!(
        problem(&bret.hold("user/bob", json!({})).await),
        "403 /problems/forbidden",
        "what its user may do, and no more"
    );
    assert_eq!(bret.hold("device/ID5", json!({})).await.status, 201);
    world.wait(20);
    assert_eq!(
        problem(&bret.read("device/ID5").await),
        "401 /problems/unauthorized",
        "after 20 seconds"
    );
    assert_eq!(
        world.locks("bret").await.read("device/ID5").await.json()["lock"]["mine"],
        true,
        "the lock is the user's and not the token's"
    );
}

#[tokio::test]
async fn a_machines_address_and_rate_are_checked() {
    let world = World::with(operators(), false).await;
    let far = world.locks_with(world.aktion("far").await);
    assert_eq!(
        problem(&far.read("device/ID5").await),
        "401 /problems/unauthorized"
    );
    let near = world.locks_with(world.aktion("near").await);
    assert_eq!(near.read("device/ID5").await.status, 200);
    let eager = world.locks_with(world.aktion("eager").await);
    for _ in 0..3 {
        assert_eq!(eager.read("device/ID5").await.status, 200);
    }
    assert_eq!(
        problem(&eager.read("device/ID5").await),
        "401 /problems/unauthorized",
        "three in 20 seconds"
    );
}

/// A sign-in with both steps, over HTTP, is what opens all this.
#[tokio::test]
async fn a_real_sign_in_holds_a_lock() {
    let world = World::with(operators(), false).await;
    let first = world.first_factor("oscar").await;
    let full = world.second_step(&first, &code_at(world.now())).await.json();
    let oscar = world.locks_with(full.as_str().unwrap().to_owned());
    assert_eq!(oscar.hold("device/ID5", json!({})).await.status, 201);
}
