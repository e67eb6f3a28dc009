//! One request has one effect, and an answer is an answer: lost answers, and writes that arrive after their request was
//! answered 503.

use std::sync::Arc;

use holdfast::id::Login;
use holdfast::store::RowKey;
use holdfast_tests::{Answer, Call, DB01, Proxy, Verdict, World, session_id};
use serde_json::{Value, json};

async fn world() -> (Arc<World>, Proxy) {
    let world = Arc::new(World::behind_proxy().await);
    let proxy = world.proxy.clone().unwrap();
    (world, proxy)
}

fn device() -> RowKey {
    RowKey::device(&"1".try_into().unwrap(), &"ID5".try_into().unwrap())
}

fn bob() -> RowKey {
    RowKey::user(&Login::try_from("bob").unwrap())
}

fn activity(number: usize) -> RowKey {
    RowKey::activity_session(session_id(number).as_str().try_into().unwrap())
}

fn access() -> RowKey {
    RowKey::access(DB01.try_into().unwrap(), &"bob".try_into().unwrap())
}

async fn owner(world: &World, key: &RowKey) -> Option<String> {
    let row = world.row(key).await?;
    row.get("lock_owner").map(|owner| owner.as_s().unwrap().clone())
}

/// The writes to lockable rows of a request that was answered 503: they reach the store when they are delivered.
struct Late(Vec<Call>);

impl Late {
    /// Sends the request while no write to a lockable row gets through.
    async fn request(proxy: &Proxy, request: impl Future<Output = Answer>) -> Self {
        let writes = proxy.withhold(request).await;
        assert_eq!(writes.len(), 3, "the SDK's three attempts");
        Self(writes)
    }

    /// Each attempt arrives, and none of them changes anything.
    async fn change_nothing(self, world: &World, proxy: &Proxy, keys: &[RowKey]) {
        let mut before = Vec::new();
        for key in keys {
            before.push(world.row(key).await);
        }
        for write in &self.0 {
            let (status, answer) = proxy.repeat(write).await;
            assert_eq!(status, 400, "{answer}");
        }
        for (key, before) in keys.iter().zip(before) {
            assert_eq!(world.row(key).await, before);
        }
    }
}

/// Alice's lock commits and its answer is lost; her other session unlocks; the SDK sends the lock again.
#[tokio::test]
async fn a_lock_that_was_released_before_it_was_told_is_not_taken_again() {
    let (world, proxy) = world().await;
    let (alice, other) = (world.sdm("alice").await, Arc::clone(&world));
    let event = Box::pin(async move {
        let released = other.sdm("alice").await.action("ID5", "Unlock").await;
        assert_eq!((released.status, released.fence()), (204, 1));
    });
    proxy.judge_next("UpdateItem", Verdict::LoseAnswer(event));
    let locked = alice.action("ID5", "Lock").await;
    assert_eq!(
        (locked.status, locked.fence()),
        (204, 1),
        "one request, one tenure"
    );
    assert_eq!(owner(&world, &device()).await, None);

    let (admin, other) = (world.aktion("admin").await, Arc::clone(&world));
    let token = admin.clone();
    let event = Box::pin(async move {
        assert_eq!(other.lock_user_by(&token, "bob", 0).await.status, 200);
    });
    proxy.judge_next_on("TransactWriteItems", "user/", Verdict::LoseAnswer(event));
    assert_eq!(world.lock_user_by(&admin, "bob", 1).await.status, 200);
    assert_eq!(owner(&world, &bob()).await, None);

    let (bearer, other) = (world.netwrix("admin").await, Arc::clone(&world));
    let token = bearer.clone();
    let event = Box::pin(async move {
        let answer = other
            .lock_sessions(&token, sessions(&[1], "lockActivity", false))
            .await;
        assert_eq!(answer.status, 200);
    });
    proxy.judge_next("TransactWriteItems", Verdict::LoseAnswer(event));
    let answer = world
        .lock_sessions(&bearer, sessions(&[1], "lockActivity", true))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(owner(&world, &activity(1)).await, None);
}

/// The same where others have locked and released since: whether this lock was ever taken cannot be told.
#[tokio::test]
async fn a_lock_whose_traces_are_gone_is_a_503() {
    let (world, proxy) = world().await;
    let (alice, other) = (world.sdm("alice").await, Arc::clone(&world));
    let event = Box::pin(async move {
        other.sdm("alice").await.action("ID5", "Unlock").await;
        let bob = other.sdm("bob").await;
        assert_eq!(bob.action("ID5", "Lock").await.fence(), 2);
        assert_eq!(bob.action("ID5", "Unlock").await.status, 204);
    });
    proxy.judge_next("UpdateItem", Verdict::LoseAnswer(event));
    let answer = alice.action("ID5", "Lock").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(owner(&world, &device()).await, None);
}

/// The renewal commits and its answer is lost; her other session makes the lock endless; the renewal is sent again.
#[tokio::test]
async fn a_renewal_is_not_made_twice() {
    let (world, proxy) = world().await;
    let (alice, other) = (world.sdm("alice").await, Arc::clone(&world));
    alice.action("ID5", "Lock").await;
    let event = Box::pin(async move {
        let renewed = other.sdm("alice").await.lock_for("ID5", "Infinite").await;
        assert_eq!(renewed.header("timeout"), Some("Infinite"));
    });
    proxy.judge_next("UpdateItem", Verdict::LoseAnswer(event));
    assert_eq!(alice.lock_for("ID5", "Second-1").await.status, 503);
    assert!(!world.row(&device()).await.unwrap().contains_key("lock_until"));
}

/// A throttled attempt was not made, so the second one may be decided again.
#[tokio::test]
async fn a_refused_attempt_is_no_reason_for_a_503() {
    let (world, proxy) = world().await;
    let alice = world.sdm("alice").await;
    alice.action("ID5", "Lock").await;
    for code in ["ThrottlingException", "TransactionConflictException"] {
        let mut refused = false;
        let (other, mut changed) = (Arc::clone(&world), false);
        proxy.judge(move |call| {
            if call.operation != "UpdateItem" || call.touches("session/") {
                Verdict::Pass
            } else if !std::mem::replace(&mut refused, true) {
                Verdict::error(400, code)
            } else if !std::mem::replace(&mut changed, true) {
                let other = Arc::clone(&other);
                Verdict::PassAfter(Box::pin(async move {
                    touch_twice(&other).await;
                }))
            } else {
                Verdict::Pass
            }
        });
        let answer = alice.lock_for("ID5", "Second-60").await;
        assert_eq!(
            (answer.status, answer.header("timeout")),
            (204, Some("Second-60")),
            "{code}"
        );
        alice.lock_for("ID5", "Infinite").await;
    }
}

/// Two changes of the row by another writer.
async fn touch_twice(world: &World) {
    for _ in 0..2 {
        world
            .store
            .client()
            .update_item()
            .table_name(world.store.table_name(holdfast::store::Table::Resources))
            .key(
                "pk",
                aws_sdk_dynamodb::types::AttributeValue::S(device().pk().to_owned()),
            )
            .update_expression("SET rev = rev + :one, #by = :by")
            .expression_attribute_names("#by", "by")
            .expression_attribute_values(":one", aws_sdk_dynamodb::types::AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":by", holdfast_tests::another_writer())
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn sdm_an_answer_fences_off_what_was_sent_before() {
    let (world, proxy) = world().await;
    let alice = world.sdm("alice").await;
    let row = [device()];

    let late_lock = Late::request(&proxy, alice.action("ID5", "Lock")).await;
    let unlocked = alice.action("ID5", "Unlock").await;
    assert_eq!((unlocked.status, unlocked.fence()), (204, 0), "free already");
    late_lock.change_nothing(&world, &proxy, &row).await;
    assert_eq!(owner(&world, &device()).await, None);

    alice.action("ID5", "Lock").await;
    let late_unlock = Late::request(&proxy, alice.action("ID5", "Unlock")).await;
    assert_eq!(alice.action("ID5", "Lock").await.status, 204, "held already");
    late_unlock.change_nothing(&world, &proxy, &row).await;
    assert_eq!(owner(&world, &device()).await.as_deref(), Some("alice"));

    let late_lease = Late::request(&proxy, alice.lock_for("ID5", "Second-1")).await;
    let kept = alice.action("ID5", "Lock").await;
    assert_eq!((kept.status, kept.header("timeout")), (204, Some("Infinite")));
    late_lease.change_nothing(&world, &proxy, &row).await;
}

#[tokio::test]
async fn aktion_an_answer_fences_off_what_was_sent_before() {
    let (world, proxy) = world().await;
    let token = world.aktion("admin").await;
    let row = [bob()];

    let late_lock = Late::request(&proxy, world.lock_user_by(&token, "bob", 1)).await;
    let unchanged = world.lock_user_by(&token, "bob", 0).await;
    assert_eq!(
        (unchanged.status, unchanged.json()["Result"]["Code"].clone()),
        (403, json!(0))
    );
    late_lock.change_nothing(&world, &proxy, &row).await;
    assert_eq!(owner(&world, &bob()).await, None);

    assert_eq!(world.lock_user_by(&token, "bob", 1).await.status, 200);
    let late_unlock = Late::request(&proxy, world.lock_user_by(&token, "bob", 0)).await;
    let unchanged = world.lock_user_by(&token, "bob", 1).await;
    assert_eq!(
        (unchanged.status, unchanged.json()["Result"]["Code"].clone()),
        (403, json!(0))
    );
    late_unlock.change_nothing(&world, &proxy, &row).await;
    assert_eq!(owner(&world, &bob()).await.as_deref(), Some("admin"));
}

fn sessions(numbers: &[usize], scope: &str, locked: bool) -> Value {
    let ids: Vec<String> = numbers.iter().map(|number| session_id(*number)).collect();
    json!({"activitySessionIds": ids, "locked": locked, scope: true})
}

/// A plan touches the rows that need no change, those of pairs that were never locked included.
#[tokio::test]
async fn netwrix_an_answer_fences_off_what_was_sent_before() {
    let (world, proxy) = world().await;
    let token = world.netwrix("admin").await;
    let ask = async |numbers: &[usize], scope: &str, locked: bool| {
        world
            .lock_sessions(&token, sessions(numbers, scope, locked))
            .await
    };
    let rows = [activity(1), activity(2)];

    // One row of the late plan stays as it is, the other is taken.
    ask(&[1], "lockActivity", true).await;
    let late_lock = Late::request(&proxy, ask(&[1, 2], "lockActivity", true)).await;
    assert_eq!(ask(&[2], "lockActivity", false).await.status, 200, "free already");
    late_lock.change_nothing(&world, &proxy, &rows).await;
    assert_eq!(owner(&world, &activity(2)).await, None);

    // The acknowledged plan changes one row and leaves the other: both are fenced off.
    let late_unlock = Late::request(&proxy, ask(&[1], "lockActivity", false)).await;
    assert_eq!(ask(&[1, 2], "lockActivity", true).await.status, 200);
    late_unlock.change_nothing(&world, &proxy, &rows).await;
    for key in &rows {
        assert_eq!(owner(&world, key).await.as_deref(), Some("admin"));
    }

    // The acknowledged plan changes nothing at all.
    let late_unlock = Late::request(&proxy, ask(&[1, 2], "lockActivity", false)).await;
    assert_eq!(ask(&[1, 2], "lockActivity", true).await.status, 200);
    late_unlock.change_nothing(&world, &proxy, &rows).await;

    for (scope, key) in [("lockResource", access()), ("lockUser", bob())] {
        let late_lock = Late::request(&proxy, ask(&[1], scope, true)).await;
        assert_eq!(ask(&[1], scope, false).await.status, 200, "free already");
        late_lock
            .change_nothing(&world, &proxy, std::slice::from_ref(&key))
            .await;
        assert_eq!(owner(&world, &key).await, None);
        let row = world.row(&key).await.expect("a row");
        assert_eq!(row["fence"].as_n().unwrap(), "0", "a touch is no change of hands");
    }
}

/// A touch that finds the row changed decides on what it finds.
#[tokio::test]
async fn a_touch_that_loses_a_race_answers_for_the_row_as_it_is() {
    let (world, proxy) = world().await;
    let alice = world.sdm("alice").await;
    alice.lock_for("ID5", "Second-1").await;
    let other = Arc::clone(&world);
    let event = Box::pin(async move {
        other.wait(1);
        assert_eq!(other.sdm("bob").await.action("ID5", "Lock").await.status, 204);
    });
    proxy.judge_next("UpdateItem", Verdict::PassAfter(event));
    let refused = alice.action("ID5", "Lock").await;
    assert_eq!(
        (refused.status, refused.json()["lock"]["owner"].clone()),
        (423, json!("bob"))
    );

    world.sdm("bob").await.action("ID5", "Unlock").await;
    alice.action("ID5", "Lock").await;
    let other = Arc::clone(&world);
    let event = Box::pin(async move {
        assert_eq!(other.sdm("alice").await.action("ID5", "Unlock").await.status, 204);
    });
    proxy.judge_next("UpdateItem", Verdict::PassAfter(event));
    assert_eq!(
        alice.action("ID5", "Lock").await.status,
        503,
        "which of her two requests is the later one is hers to know"
    );
    assert_eq!(owner(&world, &device()).await, None);
}

/// A write that takes seconds leaves less of the lease than was asked for.
#[tokio::test]
async fn the_lease_in_an_answer_is_what_is_left_when_it_is_answered() {
    let (world, proxy) = world().await;
    let alice = world.sdm("alice").await;
    for (granted, left) in [("Second-60", "Second-56"), ("Second-3", "Second-0")] {
        let other = Arc::clone(&world);
        proxy.judge_next(
            "UpdateItem",
            Verdict::PassAfter(Box::pin(async move { other.wait(4) })),
        );
        let answer = alice.lock_for("ID5", granted).await;
        assert_eq!(
            (answer.status, answer.header("timeout")),
            (204, Some(left)),
            "{granted}"
        );
    }
}
