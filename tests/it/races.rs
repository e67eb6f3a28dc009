//! The lock protocol under races, lost answers and late duplicates.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::{BoxFuture, join_all};
use holdfast::id::{Company, DeviceId};
use holdfast::store::{RowKey, Table};
use holdfast_tests::{Proxy, Sdm, Verdict, World};

/// A world behind a proxy, to be shared with what happens in between.
async fn world() -> (Arc<World>, Proxy) {
    let world = Arc::new(World::behind_proxy().await);
    let proxy = world.proxy.clone().unwrap();
    (world, proxy)
}

/// Something that another caller does while a write is under way. Its own calls pass.
fn meanwhile<F: Future<Output = ()> + Send + 'static>(event: F) -> BoxFuture<'static, ()> {
    Box::pin(event)
}

fn key() -> RowKey {
    RowKey::device(
        &Company::try_from("1").unwrap(),
        &DeviceId::try_from("ID5").unwrap(),
    )
}

async fn fence(world: &World) -> u64 {
    world.row(&key()).await.unwrap()["fence"]
        .as_n()
        .unwrap()
        .parse()
        .unwrap()
}

async fn owner(world: &World) -> Option<String> {
    world
        .row(&key())
        .await
        .unwrap()
        .get("lock_owner")
        .map(|owner| owner.as_s().unwrap().clone())
}

/// A write to the row that is no lock: an inventory update.
async fn describe_device(world: &World) {
    world
        .store
        .client()
        .update_item()
        .table_name(world.store.table_name(Table::Resources))
        .key("pk", AttributeValue::S(key().pk().to_owned()))
        .update_expression("SET rev = rev + :one, #by = :by, description = :other")
        .expression_attribute_names("#by", "by")
        .expression_attribute_values(":by", holdfast_tests::another_writer())
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .expression_attribute_values(":other", AttributeValue::S("another".to_owned()))
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_callers_one_wins_and_every_loser_is_told_who() {
    let world = World::crowded(64).await;
    let names: Vec<String> = (0..64).map(|n| format!("user-{n:02}")).collect();
    let callers: Vec<Sdm<'_>> = join_all(names.iter().map(|name| world.sdm(name))).await;
    for round in 1..=3 {
        let answers = join_all(callers.iter().map(|caller| caller.action("ID5", "Lock"))).await;
        let winners: Vec<usize> = (0..64).filter(|&n| answers[n].status == 204).collect();
        assert_eq!(winners.len(), 1, "{winners:?}");
        let winner = winners[0];
        assert_eq!(answers[winner].fence(), round);
        for (n, answer) in answers.iter().enumerate().filter(|(n, _)| *n != winner) {
            assert_eq!(answer.status, 423, "{n}: {answer}");
            assert_eq!(answer.json()["lock"]["owner"], names[winner].as_str());
        }
        let loser = &callers[(winner + 1) % 64];
        assert_eq!(loser.action("ID5", "Unlock").await.status, 423);
        assert_eq!(callers[winner].action("ID5", "Unlock").await.status, 204);
    }
}

/// The SDK sends a write again whose answer was lost. That it finds its own lock is no conflict.
#[tokio::test]
async fn a_lost_answer_is_no_conflict() {
    let (world, proxy) = world().await;
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);

    proxy.judge_next("UpdateItem", Verdict::lose_answer());
    let acquired = alice.action("ID5", "Lock").await;
    assert_eq!((acquired.status, acquired.fence()), (204, 1), "acquire");
    assert_eq!(bob.action("ID5", "Lock").await.status, 423);

    proxy.judge_next("UpdateItem", Verdict::lose_answer());
    let renewed = alice.lock_for("ID5", "Second-60").await;
    assert_eq!(
        (renewed.status, renewed.fence(), renewed.header("timeout")),
        (204, 1, Some("Second-60")),
        "renew"
    );

    proxy.judge_next("UpdateItem", Verdict::lose_answer());
    let released = alice.action("ID5", "Unlock").await;
    assert_eq!((released.status, released.fence()), (204, 1), "release");
    assert_eq!(
        bob.action("ID5", "Lock").await.fence(),
        2,
        "the fence grew by one and no more"
    );
}

#[tokio::test]
async fn a_lost_answer_is_no_conflict_where_someone_else_wrote_in_between() {
    let (world, proxy) = world().await;
    let alice = world.sdm("alice").await;
    for (doing, status, header) in [
        ("acquire", 204, Some("Infinite")),
        // Whether the renewal was made before the other write cannot be told, and twice is once too often.
        ("renew", 503, None),
        ("release", 204, None),
    ] {
        let other = Arc::clone(&world);
        let event = meanwhile(async move { describe_device(&other).await });
        proxy.judge_next("UpdateItem", Verdict::LoseAnswer(event));
        let answer = match doing {
            "acquire" => alice.action("ID5", "Lock").await,
            "renew" => alice.lock_for("ID5", "Second-60").await,
            _ => alice.action("ID5", "Unlock").await,
        };
        assert_eq!(
            (answer.status, answer.header("timeout")),
            (status, header),
            "{doing}"
        );
        if status == 204 {
            assert_eq!(answer.fence(), 1, "{doing}");
        }
    }
    assert_eq!(
        (owner(&world).await, fence(&world).await),
        (None, 1),
        "no ghost lock, no second tenure"
    );
}

/// The unlock was carried out, its answer was lost, and before the SDK sent it again bob took the lock: the late
/// unlock must neither free bob's lock nor be reported as a conflict with it.
#[tokio::test]
async fn a_late_unlock_leaves_the_successors_lock() {
    let (world, proxy) = world().await;
    let alice = world.sdm("alice").await;
    alice.action("ID5", "Lock").await;
    let other = Arc::clone(&world);
    let event = meanwhile(async move {
        assert_eq!(other.sdm("bob").await.action("ID5", "Lock").await.fence(), 2);
    });
    proxy.judge_next("UpdateItem", Verdict::LoseAnswer(event));
    let released = alice.action("ID5", "Unlock").await;
    assert_eq!(
        (released.status, released.fence()),
        (204, 1),
        "alice's own tenure, not bob's fence"
    );
    assert_eq!(owner(&world).await.as_deref(), Some("bob"));
}

/// The lock was taken, its answer was lost, and before the SDK sent it again the lease ran out and bob took over.
#[tokio::test]
async fn an_acquisition_that_was_over_before_it_was_told_is_not_acknowledged() {
    let (world, proxy) = world().await;
    let (alice, _bob) = (world.sdm("alice").await, world.sdm("bob").await);
    let other = Arc::clone(&world);
    let event = meanwhile(async move {
        other.wait(1);
        assert_eq!(other.sdm("bob").await.action("ID5", "Lock").await.fence(), 2);
    });
    proxy.judge_next("UpdateItem", Verdict::LoseAnswer(event));
    let answer = alice.lock_for("ID5", "Second-1").await;
    // Not "held by bob" either: a refusal would say that the lock was never hers.
    assert_eq!(answer.status, 503, "{answer}");
    assert_eq!(owner(&world).await.as_deref(), Some("bob"));
}

/// Between the read and the write someone else takes the lock: told from the failed write, without a second read.
#[tokio::test]
async fn a_race_lost_between_read_and_write_names_the_winner() {
    let (world, proxy) = world().await;
    let alice = world.sdm("alice").await;
    let bob = Arc::clone(&world);
    let event = meanwhile(async move {
        assert_eq!(bob.sdm("bob").await.action("ID5", "Lock").await.status, 204);
    });
    proxy.judge_next("UpdateItem", Verdict::PassAfter(event));
    // Bob signs in meanwhile, so his calls pass through the same proxy; only alice's are looked at.
    let lost = alice.action("ID5", "Lock").await;
    assert_eq!(lost.status, 423, "{lost}");
    assert_eq!(lost.json()["lock"]["owner"], "bob");
    let operations = proxy.operations();
    assert_eq!(
        operations.last().map(String::as_str),
        Some("UpdateItem"),
        "no second read: {operations:?}"
    );
}

/// The owner's other session acts between the read and the write: decided anew and written anew.
#[tokio::test]
async fn a_row_that_changed_is_decided_anew() {
    let (world, proxy) = world().await;
    let alice = world.sdm("alice").await;
    let other = Arc::clone(&world);
    proxy.judge_next(
        "UpdateItem",
        Verdict::PassAfter(meanwhile(async move { describe_device(&other).await })),
    );
    assert_eq!(alice.action("ID5", "Lock").await.fence(), 1);
    assert_eq!(
        world.row(&key()).await.unwrap()["description"].as_s().unwrap(),
        "another",
        "nothing is overwritten"
    );
}

#[tokio::test]
async fn a_row_that_keeps_changing_is_a_503_after_ten_writes_at_most() {
    let (world, proxy) = world().await;
    let alice = world.sdm("alice").await;
    proxy.forget();
    let other = Arc::clone(&world);
    proxy.judge(move |call| {
        if call.operation == "UpdateItem" {
            let other = Arc::clone(&other);
            Verdict::PassAfter(meanwhile(async move { describe_device(&other).await }))
        } else {
            Verdict::Pass
        }
    });
    let answer = alice.action("ID5", "Lock").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    let writes = proxy
        .operations()
        .into_iter()
        .filter(|name| name == "UpdateItem")
        .count();
    // How many of the ten come into two seconds is the machine's business.
    assert!((2..=10).contains(&writes), "{writes} writes");
    assert_eq!(owner(&world).await, None);
}

#[tokio::test]
async fn a_device_that_vanishes_between_read_and_write_is_not_found() {
    let (world, proxy) = world().await;
    let alice = world.sdm("alice").await;
    let other = Arc::clone(&world);
    proxy.judge_next(
        "UpdateItem",
        Verdict::PassAfter(meanwhile(async move {
            let table = other.store.table_name(Table::Resources);
            let pk = AttributeValue::S(key().pk().to_owned());
            other
                .store
                .client()
                .delete_item()
                .table_name(table)
                .key("pk", pk)
                .send()
                .await
                .unwrap();
        })),
    );
    assert_eq!(alice.action("ID5", "Lock").await.status, 404);
    assert!(world.row(&key()).await.is_none(), "a lock never creates a row");
}

/// A packet that was held up for long enough: every attempt of the past, sent once more.
#[tokio::test]
async fn a_delayed_duplicate_changes_nothing() {
    let (world, proxy) = world().await;
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    proxy.forget();
    alice.action("ID5", "Lock").await;
    alice.lock_for("ID5", "Second-60").await;
    alice.action("ID5", "Unlock").await;
    let attempts: Vec<_> = proxy
        .calls()
        .into_iter()
        .filter(|call| call.operation == "UpdateItem")
        .collect();
    assert_eq!(attempts.len(), 3);
    for locked_by in [None, Some(&bob), Some(&alice)] {
        if let Some(caller) = locked_by {
            caller.action("ID5", "Lock").await;
        }
        let before = world.row(&key()).await;
        for attempt in &attempts {
            let (status, answer) = proxy.repeat(attempt).await;
            assert_eq!(status, 400);
            assert!(
                answer["__type"]
                    .as_str()
                    .unwrap()
                    .ends_with("ConditionalCheckFailedException"),
                "{answer}"
            );
        }
        assert_eq!(world.row(&key()).await, before);
        if let Some(caller) = locked_by {
            caller.action("ID5", "Unlock").await;
        }
    }
}

/// DynamoDB refuses a single write to a row inside someone's running transaction, and the SDK by itself would not
/// try again.
#[tokio::test]
async fn a_transaction_conflict_is_tried_again() {
    let (world, proxy) = world().await;
    let alice = world.sdm("alice").await;
    proxy.judge_next("UpdateItem", Verdict::error(400, "TransactionConflictException"));
    assert_eq!(alice.action("ID5", "Lock").await.status, 204);
    proxy.judge(|call| match call.operation.as_str() {
        "UpdateItem" => Verdict::error(400, "TransactionConflictException"),
        _ => Verdict::Pass,
    });
    assert_eq!(alice.action("ID5", "Unlock").await.status, 503);
}

/// DynamoDB may leave keys of a batch unread; they are asked for again, and then it is a 503, never "not found".
#[tokio::test]
async fn unprocessed_keys_are_asked_for_again() {
    let (world, proxy) = world().await;
    let alice = world.sdm("alice").await;
    let unprocessed = |call: &holdfast_tests::Call| {
        Verdict::Answer(
            200,
            serde_json::json!({"Responses": {}, "UnprocessedKeys": call.body["RequestItems"]}),
        )
    };
    let mut first = true;
    proxy.judge(move |call| {
        if std::mem::take(&mut first) {
            unprocessed(call)
        } else {
            Verdict::Pass
        }
    });
    assert_eq!(alice.action("ID5", "Lock").await.status, 204);
    proxy.judge(move |call| unprocessed(call));
    assert_eq!(alice.action("ID5", "Lock").await.status, 503);
}

/// Many callers lock, renew and unlock as fast as they can: no two of them ever hold the lock at once.
#[tokio::test(flavor = "multi_thread")]
async fn no_two_hold_the_lock_at_once() {
    let world = World::crowded(8).await;
    let names: Vec<String> = (0..8).map(|n| format!("user-{n:02}")).collect();
    let callers = join_all(names.iter().map(|name| world.sdm(name))).await;
    let holders = std::sync::atomic::AtomicUsize::new(0);
    let fences = std::sync::Mutex::new(Vec::new());
    join_all(callers.iter().map(|caller| async {
        for _ in 0..40 {
            let answer = caller.action("ID5", "Lock").await;
            if answer.status == 204 {
                assert_eq!(
                    holders.fetch_add(1, std::sync::atomic::Ordering::SeqCst),
                    0,
                    "two holders"
                );
                fences.lock().unwrap().push(answer.fence());
                tokio::time::sleep(Duration::from_millis(1)).await;
                holders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                assert_eq!(caller.action("ID5", "Unlock").await.status, 204);
            } else {
                assert!(matches!(answer.status, 423 | 503), "{answer}");
            }
        }
    }))
    .await;
    let fences = fences.into_inner().unwrap();
    assert!(fences.len() > 8, "{}", fences.len());
    assert!(
        fences.is_sorted_by(|a, b| a < b),
        "every tenure has a larger fence: {fences:?}"
    );
    assert_eq!(fence(&world).await, *fences.last().unwrap());
}
