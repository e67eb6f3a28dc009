//! One company's locks are out of another's reach, whatever the kind and the call.

use std::collections::BTreeMap;

use holdfast::store::{Item, Table};
use holdfast_tests::{Answer, DB01, FOREIGN_DB01, World, operators, problem, session_id};
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

/// Everything that is asked of one target, each by its name.
async fn asked(world: &World, login: &str, target: &str) -> Vec<(&'static str, Answer)> {
    let caller = world.locks(login).await;
    let why = |then: &str| json!({"fence": 1, "reason": "x", "then": then});
    vec![
        ("read", caller.read(target).await),
        ("hold", caller.hold(target, json!({})).await),
        ("renew", caller.hold(target, json!({"fence": 1})).await),
        ("release", caller.release(target).await),
        (
            "release a tenure",
            caller.release(&format!("{target}?fence=1")).await,
        ),
        ("break", caller.break_lock(target, why("free")).await),
        ("take", caller.break_lock(target, why("take")).await),
    ]
}

/// Whoever may do everything in one company finds nothing of another's, locked or free.
#[tokio::test]
async fn another_companys_target_is_not_there() {
    for is_locked in [false, true] {
        let world = world().await;
        let oscar = world.locks("oscar").await;
        if is_locked {
            for target in targets() {
                assert_eq!(oscar.hold(&target, json!({})).await.status, 201, "{target}");
            }
        }
        let before = rows(&world).await;
        for target in targets().iter().chain([
            // One half of the pair is the other company's own.
            &format!("access/{DB01}:zack"),
            &format!("access/{FOREIGN_DB01}:bob"),
        ]) {
            let absent = asked(&world, "zack", &target.replace("ID5", "ID404")).await;
            for ((call, answer), (_, absent)) in asked(&world, "zack", target).await.iter().zip(absent) {
                assert_eq!(
                    problem(answer),
                    "404 /problems/not-found",
                    "{call} {target}, {is_locked}"
                );
                assert_eq!(
                    answer.json()["detail"],
                    absent.json()["detail"],
                    "{call} {target}"
                );
            }
            let zack = world.locks("zack").await;
            let (kind, id) = target.split_once('/').unwrap();
            for fence in [0, 1] {
                let held = json!([{"kind": kind, "id": id, "fence": fence}]);
                assert_eq!(zack.check(&held).await.json(), json!({"current": [false]}));
            }
        }
        let zack = world.locks("zack").await;
        for filters in [
            "",
            "kind=device",
            "kind=user",
            "kind=access",
            "kind=activity-session",
            "owner=oscar",
        ] {
            assert_eq!(zack.all(filters).await, Vec::<Value>::new(), "{filters}");
        }
        assert_eq!(rows(&world).await, before, "nothing was written");
    }
}

/// The pairs of both halves of a company are its own, and a lock on one is no lock on the other's.
#[tokio::test]
async fn each_company_has_its_own_pairs() {
    let world = world().await;
    let (oscar, zack) = (world.locks("oscar").await, world.locks("zack").await);
    let (one, two) = (format!("access/{DB01}:bob"), format!("access/{FOREIGN_DB01}:zoe"));
    assert_eq!(oscar.hold(&one, json!({})).await.status, 201);
    assert_eq!(zack.hold(&two, json!({})).await.status, 201);
    let ids = |locks: Vec<Value>| locks.iter().map(|lock| lock["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(oscar.all("").await), [json!(format!("{DB01}:bob"))]);
    assert_eq!(ids(zack.all("").await), [json!(format!("{FOREIGN_DB01}:zoe"))]);
    for (call, answer) in asked(&world, "oscar", &two).await {
        assert_eq!(problem(&answer), "404 /problems/not-found", "{call}");
    }
}

#[tokio::test]
async fn a_cursor_of_one_company_is_refused_by_another() {
    let world = world().await;
    let oscar = world.locks("oscar").await;
    for device in ["ID5", "ID6"] {
        oscar.hold(&format!("device/{device}"), json!({})).await;
    }
    let page = oscar.list("?kind=device&limit=1").await.json();
    let cursor = page["nextCursor"].as_str().unwrap();
    let query = format!("?kind=device&limit=1&cursor={cursor}");
    assert_eq!(oscar.list(&query).await.status, 200);
    assert_eq!(
        problem(&world.locks("zack").await.list(&query).await),
        "400 /problems/invalid-request"
    );
}

/// Every row by its key.
async fn rows(world: &World) -> BTreeMap<String, Item> {
    let keyed = |row: Item| (row["pk"].as_s().unwrap().clone(), row);
    world
        .rows(Table::Resources)
        .await
        .into_iter()
        .map(keyed)
        .collect()
}
