//! A lock was broken: who is told what of it, and where.

use holdfast_tests::{DB01, PASSWORD, World, operators, session_id};
use serde_json::{Value, json};

async fn world() -> World {
    World::with(operators(), false).await
}

/// Says why, and names the tenure.
fn tenure(fence: u64) -> Value {
    json!({"fence": fence, "reason": "He has left"})
}

/// Who is told what of a break.
#[tokio::test]
async fn those_who_are_locked_out_are_told_that_a_lock_was_broken_and_its_owner_also_why() {
    let world = world().await;
    let (bob, oscar) = (world.locks("bob").await, world.locks("oscar").await);
    bob.hold("device/ID5", json!({})).await;
    oscar
        .break_lock(
            "device/ID5",
            json!({"fence": 1, "reason": "He has left", "then": "take"}),
        )
        .await;
    let told = async |login: &str| {
        let read = world.locks(login).await.read("device/ID5").await.json();
        assert_eq!(read["lock"]["owner"], "oscar");
        read["lastBreak"].clone()
    };
    let in_part = json!({"owner": "bob", "fence": 1, "at": "2026-11-22T10:00:00Z",
        "until": "2026-11-22T10:01:00Z"});
    let mut in_full = in_part.clone();
    in_full["by"] = json!("oscar");
    in_full["reason"] = json!("He has left");
    for login in ["admin", "audrey", "bob", "oscar"] {
        assert_eq!(told(login).await, in_full, "{login}");
    }
    for login in ["bret", "mona", "olga", "nobody"] {
        assert_eq!(told(login).await, in_part, "{login}");
    }
    // It is told until the first acquisition after the hold-off.
    world.wait(60);
    assert_eq!(told("bob").await, in_full);
    oscar.release("device/ID5").await;
    assert_eq!(bob.hold("device/ID5", json!({})).await.status, 201);
    assert_eq!(bob.read("device/ID5").await.json()["lastBreak"], json!(null));
}

/// A batch unlock with a broken lock in it works, during the hold-off and after it.
#[tokio::test]
async fn a_batch_with_a_broken_lock_in_it_is_unlocked() {
    let world = world().await;
    let admin = world.bearer("admin").await;
    let (one, two) = (session_id(1), session_id(2));
    let batch = |locked: bool| {
        json!({"activitySessionIds": [one, two], "locked": locked,
        "lockActivity": true, "lockResource": true, "lockUser": true})
    };
    assert_eq!(world.lock_sessions(&admin, batch(true)).await.status, 200);
    let oscar = world.locks("oscar").await;
    let broken = [
        (format!("activity-session/{one}"), "activity", one.clone()),
        (format!("access/{DB01}:bob"), "resource", format!("{DB01}/bob")),
        ("user/bob".to_owned(), "user", "bob".to_owned()),
    ];
    for (target, ..) in &broken {
        let answer = oscar.break_lock(target, tenure(1)).await;
        assert_eq!(answer.json()["changed"], true, "{target}");
    }
    let refused = world.lock_sessions(&admin, batch(true)).await;
    assert_eq!(refused.status, 409, "{refused}");
    let told: Vec<Value> = broken
        .iter()
        .map(|(_, scope, id)| {
            json!({"scope": scope, "id": id, "brokenBy": "oscar", "brokenAt": "2026-11-22T10:00:00Z",
                "reason": "He has left"})
        })
        .collect();
    assert_eq!(refused.json()["locks"], json!(told));
    assert_eq!(world.lock_sessions(&admin, batch(false)).await.status, 200);
    for (target, ..) in &broken {
        assert_eq!(oscar.read(target).await.json()["lock"], json!(null), "{target}");
    }
    let mine = world.locks_with(admin.clone()).all("owner=me").await;
    assert_eq!(mine, Vec::<Value>::new(), "the rest was released with it");
    world.wait(60);
    assert_eq!(world.lock_sessions(&admin, batch(true)).await.status, 200);
    assert_eq!(
        oscar.break_lock(&broken[0].0, tenure(3)).await.json()["changed"],
        true
    );
    world.wait(60);
    assert_eq!(world.lock_sessions(&admin, batch(false)).await.status, 200);
}

/// During the hold-off each dialect refuses the old owner, and lets the locked-out user in.
#[tokio::test]
async fn the_vendors_dialects_tell_the_old_owner_as_far_as_they_can() {
    let world = world().await;
    let (olga, alice) = (world.locks("olga").await, world.sdm("alice").await);
    alice.action("ID5", "Lock").await;
    olga.break_lock("device/ID5", tenure(1)).await;
    let refused = alice.action("ID5", "Lock").await;
    assert_eq!(refused.status, 423);
    assert_eq!(
        refused.json()["broken"],
        json!({"by": "olga", "at": "2026-11-22T10:00:00Z", "reason": "He has left"})
    );

    let admin = world.aktion("admin").await;
    assert_eq!(world.lock_user_by(&admin, "mona", 1).await.status, 200);
    assert_eq!(world.first_step("mona", PASSWORD).await.status, 403);
    olga.break_lock("user/mona", tenure(1)).await;
    assert_eq!(world.first_step("mona", PASSWORD).await.status, 200);
    let admin = world.aktion("admin").await;
    let refused = world.lock_user_by(&admin, "mona", 1).await;
    let body = json!({"Result": {"Message": "Db operation failed, already changed by another user",
        "Code": 4, "ModelStateErr": null}, "Request": {"LoginName": "mona", "Lock": 1}});
    assert_eq!((refused.status, refused.json()), (403, body));
    let refused = world.lock_user_by(&admin, "mona", 0).await;
    assert_eq!(
        refused.json()["Result"]["Code"],
        0,
        "as for a free lock: {refused}"
    );
}
