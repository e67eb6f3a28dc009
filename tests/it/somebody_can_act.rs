//! Administrators lock each other's accounts at the same moment: one of them is always left who can act.
//!
//! `RING_ROUNDS` says how many rounds each race has; without it, a number that a debug build makes in seconds.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use holdfast::id::Login;
use holdfast::store::{Item, RowKey};
use holdfast_tests::{Verdict, World, people, session_id};
use serde_json::json;

/// How an administrator locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Netwrix,
    Aktion,
    /// Every second administrator in the other dialect.
    Mixed,
}

impl Dialect {
    fn is_netwrix(self, admin: usize) -> bool {
        match self {
            Self::Netwrix => true,
            Self::Aktion => false,
            Self::Mixed => admin.is_multiple_of(2),
        }
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("admin-{n:02}")).collect()
}

/// A world of administrators, each with an activity session through which the others lock the account.
async fn world(names: &[String]) -> World {
    let mut directory = people(names);
    directory["activity_sessions"].as_array_mut().unwrap().extend((0..names.len()).map(|n| {
        json!({"company": "1", "id": session_id(1_000 + n), "user": names[n], "resource": "db01", "activity": "RDP"})
    }));
    World::with(directory, false).await
}

async fn user(world: &World, name: &str) -> Item {
    let key = RowKey::user(&Login::try_from(name).unwrap());
    world.row(&key).await.unwrap()
}

async fn locked(world: &World, names: &[String]) -> BTreeSet<usize> {
    let rows = join_all(names.iter().map(|name| user(world, name))).await;
    (0..names.len())
        .filter(|n| rows[*n].contains_key("lock_owner"))
        .collect()
}

/// Everyone's requests of one round, all at once: each locks the next one of the ring, or all others.
async fn race(world: &World, names: &[String], dialect: Dialect, all_others: bool) {
    let count = names.len();
    let tokens = join_all((0..count).map(async |n| {
        if dialect.is_netwrix(n) {
            world.bearer(&names[n]).await
        } else {
            world.aktion(&names[n]).await
        }
    }))
    .await;
    join_all((0..count).map(|n| {
        let targets: Vec<usize> = if all_others {
            (1..count).map(|step| (n + step) % count).collect()
        } else {
            vec![(n + 1) % count]
        };
        let token = &tokens[n];
        async move {
            if dialect.is_netwrix(n) {
                let ids: Vec<String> = targets.iter().map(|target| session_id(1_000 + target)).collect();
                let request = json!({"activitySessionIds": ids, "locked": true, "lockUser": true});
                let status = world.lock_sessions(token, request).await.status;
                assert!(matches!(status, 200 | 401 | 409 | 503), "{status}");
            } else {
                for target in targets {
                    let status = world.lock_user_by(token, &names[target], 1).await.status;
                    assert!(matches!(status, 200 | 401 | 403 | 503), "{status}");
                }
            }
        }
    }))
    .await;
}

/// Those who are unlocked unlock whom they have locked, until everybody is unlocked: by API calls alone.
async fn recover(world: &World, names: &[String]) {
    loop {
        let locked = locked(world, names).await;
        if locked.is_empty() {
            return;
        }
        let free: Vec<usize> = (0..names.len()).filter(|n| !locked.contains(n)).collect();
        assert!(
            !free.is_empty(),
            "all of {names:?} are locked: nobody can ever act again"
        );
        let mut released = 0;
        for admin in free {
            let mut token = None;
            for target in &locked {
                let row = user(world, &names[*target]).await;
                let owner = row.get("lock_owner").map(|owner| owner.as_s().unwrap().as_str());
                if owner == Some(&names[admin]) {
                    if token.is_none() {
                        token = Some(world.aktion(&names[admin]).await);
                    }
                    let token = token.as_ref().unwrap();
                    assert_eq!(world.lock_user_by(token, &names[*target], 0).await.status, 200);
                    released += 1;
                }
            }
        }
        assert!(
            released > 0,
            "the locked administrators have locked each other in a ring"
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own knob")]
fn rounds(default: usize) -> usize {
    std::env::var("RING_ROUNDS").map_or(default, |rounds| rounds.parse().expect("a number"))
}

async fn never_all_locked(count: usize, default_rounds: usize) {
    let names = names(count);
    let world = world(&names).await;
    let (mut locks, mut turns) = (0, 0);
    for round in 0..rounds(default_rounds) {
        let dialect = [Dialect::Netwrix, Dialect::Aktion, Dialect::Mixed][round % 3];
        race(&world, &names, dialect, round % 2 == 0).await;
        let locked = locked(&world, &names).await.len();
        locks += locked;
        turns += 1;
        assert!(
            locked < count,
            "round {round}, {dialect:?}: all {count} are locked"
        );
        recover(&world, &names).await;
    }
    assert!(locks >= turns, "{locks} locks in {turns} rounds prove nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_never_lock_each_other() {
    never_all_locked(2, 98).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_administrators_never_close_the_ring() {
    never_all_locked(3, 90).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_administrators_never_all_lock_each_other() {
    never_all_locked(16, 12).await;
}

/// Without any race: a token outlives the lock on its user's account by up to 20 seconds, and changes nothing in them.
#[tokio::test]
async fn a_token_of_a_locked_user_changes_nothing() {
    let names = names(3);
    let world = world(&names).await;
    let (first, second) = (world.aktion(&names[0]).await, world.aktion(&names[1]).await);
    assert_eq!(world.lock_user_by(&second, &names[2], 1).await.status, 200);
    assert_eq!(world.lock_user_by(&first, &names[1], 1).await.status, 200);
    for (target, wanted) in [(&names[0], 1), (&names[2], 0)] {
        let answer = world.lock_user_by(&second, target, wanted).await;
        assert_eq!(
            (answer.status, answer.json()["Result"]["Code"].clone()),
            (401, json!(1001)),
            "{answer}"
        );
    }
    assert!(!user(&world, &names[0]).await.contains_key("lock_owner"));
    assert!(user(&world, &names[2]).await.contains_key("lock_owner"));
    // Unlocked again, the account has another fence: the old token stays without effect.
    assert_eq!(world.lock_user_by(&first, &names[1], 0).await.status, 200);
    let answer = world.lock_user_by(&second, &names[2], 0).await;
    assert_eq!(
        (answer.status, answer.json()["Result"]["Code"].clone()),
        (401, json!(1001)),
        "{answer}"
    );
    let read = world
        .http
        .get(world.url(&format!("/user/get?LoginName=bob&Token={second}")));
    assert_eq!(world.send(read).await.status, 200, "it still reads");
}

/// The caller is locked between the read and the write.
#[tokio::test]
async fn a_caller_who_is_locked_on_the_way_locks_nobody() {
    let world = std::sync::Arc::new(World::behind_proxy().await);
    let proxy = world.proxy.clone().unwrap();
    let lock_admin = || {
        let other = std::sync::Arc::clone(&world);
        Verdict::PassAfter(Box::pin(async move {
            let ada = other.aktion("ada").await;
            assert_eq!(other.lock_user_by(&ada, "admin", 1).await.status, 200);
        }))
    };
    let unlock_admin = async || {
        let ada = world.aktion("ada").await;
        assert_eq!(world.lock_user_by(&ada, "admin", 0).await.status, 200);
    };
    let bearer = world.bearer("admin").await;
    proxy.judge_next("TransactWriteItems", lock_admin());
    let request = json!({"activitySessionIds": [session_id(1)], "locked": true, "lockUser": true});
    let answer = world.lock_sessions(&bearer, request).await;
    assert_eq!(answer.status, 401, "{answer}");
    assert!(!user(&world, "bob").await.contains_key("lock_owner"));
    unlock_admin().await;

    let token = world.aktion("admin").await;
    proxy.judge_next_on("TransactWriteItems", "user/", lock_admin());
    let answer = world.lock_user_by(&token, "bob", 1).await;
    assert_eq!(
        (answer.status, answer.json()["Result"]["Code"].clone()),
        (401, json!(1001)),
        "{answer}"
    );
    assert!(!user(&world, "bob").await.contains_key("lock_owner"));
}

/// An administrator's own account may be among those to unlock: DynamoDB takes a row once in a transaction.
#[tokio::test]
async fn ones_own_account_among_those_to_unlock() {
    let world = World::start().await;
    let bearer = world.bearer("admin").await;
    let ask = |locked| json!({"activitySessionIds": [session_id(1)], "locked": locked, "lockUser": true});
    assert_eq!(world.lock_sessions(&bearer, ask(true)).await.status, 200);
    // Session 4 is the administrator's own.
    let both =
        json!({"activitySessionIds": [session_id(1), session_id(4)], "locked": false, "lockUser": true});
    let answer = world.lock_sessions(&bearer, both).await;
    assert_eq!(answer.status, 200, "{answer}");
    assert!(!user(&world, "bob").await.contains_key("lock_owner"));
    let own = world.lock_user_by(&world.aktion("admin").await, "admin", 0).await;
    assert_eq!(
        (own.status, own.json()["Result"]["Code"].clone()),
        (403, json!(0)),
        "{own}"
    );
}

/// Parallel transactions of one administrator meet on the check of the administrator's own row.
#[tokio::test]
async fn conflicts_on_the_check_are_tried_again_for_two_seconds() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    let conflict = || {
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled",
            "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
        });
        Verdict::Answer(400, body)
    };
    let token = world.aktion("admin").await;
    let mut left = 6;
    proxy.judge(move |call| {
        if call.operation == "TransactWriteItems" && left > 0 {
            left -= 1;
            conflict()
        } else {
            Verdict::Pass
        }
    });
    assert_eq!(world.lock_user_by(&token, "bob", 1).await.status, 200);
    proxy.judge(move |call| {
        if call.operation == "TransactWriteItems" {
            conflict()
        } else {
            Verdict::Pass
        }
    });
    let answer = world.lock_user_by(&token, "bob", 0).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(
        user(&world, "bob").await.contains_key("lock_owner"),
        "nothing changed"
    );
}
