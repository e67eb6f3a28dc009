//! The owner rule as the table itself enforces it: the conditions, applied to rows that the deciding code would
//! never have let them near.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::id::Kind;
use holdfast::lock::Owner;
use holdfast::store::{LockShards, RowKey, Table, expressions};
use holdfast_tests::World;

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Whether the table lets a write with this condition pass on alice's lock on ID5, whose `rev` is right.
async fn passes(world: &World, condition: &str, values: &[(&str, AttributeValue)]) -> bool {
    let key = RowKey::device(&"1".try_into().unwrap(), &"ID5".try_into().unwrap());
    let rev = world.row(&key).await.unwrap()["rev"].clone();
    let mut all: HashMap<String, AttributeValue> = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    if condition.contains(":seen") {
        all.insert(":seen".to_owned(), rev);
    }
    all.insert(":x".to_owned(), s("x"));
    let sent = world
        .store
        .client()
        .update_item()
        .table_name(world.store.table_name(Table::Resources))
        .key("pk", s(key.pk()))
        .update_expression("SET probe = :x")
        .condition_expression(condition)
        .set_expression_attribute_values(Some(all))
        .send()
        .await;
    match sent {
        Ok(_) => true,
        Err(error) => {
            assert!(
                error
                    .as_service_error()
                    .unwrap()
                    .is_conditional_check_failed_exception(),
                "{error:?}"
            );
            false
        }
    }
}

#[tokio::test]
async fn nobody_takes_renews_or_releases_someone_elses_lock() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    alice.lock_for("ID5", "Second-60").await;
    let end = world.now().unix_ms() + 60_000;
    for condition in [expressions::RENEW, expressions::RELEASE] {
        assert!(passes(&world, condition, &[(":me", s("alice"))]).await);
        assert!(!passes(&world, condition, &[(":me", s("bob"))]).await);
    }
    assert!(!passes(&world, expressions::ACQUIRE, &[(":now", n(end - 1))]).await);
    assert!(
        passes(&world, expressions::ACQUIRE, &[(":now", n(end))]).await,
        "run out, to the millisecond"
    );
    alice.action("ID5", "Lock").await;
    alice.lock_for("ID5", "Infinite").await;
    assert!(
        !passes(&world, expressions::ACQUIRE, &[(":now", n(i64::MAX))]).await,
        "no lease, no end"
    );
    alice.action("ID5", "Unlock").await;
    assert!(passes(&world, expressions::ACQUIRE, &[(":now", n(0))]).await);
    for condition in [expressions::RENEW, expressions::RELEASE] {
        assert!(
            !passes(&world, condition, &[(":me", s("alice"))]).await,
            "there is nothing to release"
        );
    }
}

/// A release leaves nothing of the lock behind but the fence, and keeps the row.
#[tokio::test]
async fn a_release_removes_every_lock_attribute_and_nothing_else() {
    let world = World::start().await;
    let key = RowKey::device(&"1".try_into().unwrap(), &"ID5".try_into().unwrap());
    let before = world.row(&key).await.unwrap();
    let alice = world.sdm("alice").await;
    alice.lock_for("ID5", "Second-60").await;
    let locked = world.row(&key).await.unwrap();
    for attribute in [
        "lock_owner",
        "lock_since",
        "lock_until",
        "lock_shard",
        "lock_order",
        "lock_request",
    ] {
        assert!(locked.contains_key(attribute), "{attribute}");
    }
    alice.lock_for("ID5", "Infinite").await;
    assert!(
        !world.row(&key).await.unwrap().contains_key("lock_until"),
        "set and removed with every write"
    );
    alice.action("ID5", "Unlock").await;
    let mut after = world.row(&key).await.unwrap();
    assert_eq!(after.remove("fence"), Some(n(1)));
    assert_eq!(
        after.remove("rev"),
        Some(n(4)),
        "one more with each of the three writes"
    );
    assert!(after.remove("by").is_some());
    assert_eq!(after.remove("change"), Some(n(4)), "none of them was a touch");
    assert!(
        after.remove("lock_request").is_some(),
        "the latest acquisition stays known"
    );
    let mut before = before;
    for counted in ["fence", "rev", "by", "change"] {
        before.remove(counted);
    }
    assert_eq!(after, before);
}

/// A break ends the tenure that it names, and clears a lease only when it has run out.
#[tokio::test]
async fn nobody_breaks_another_tenure_than_the_one_that_is_named() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    alice.lock_for("ID5", "Second-60").await;
    let end = world.now().unix_ms() + 60_000;
    let broken = |fence: i64, owner: &str| [(":fence", n(fence)), (":was", s(owner))];
    for condition in [expressions::BREAK, expressions::BREAK_AT_ANY_REVISION] {
        assert!(passes(&world, condition, &broken(1, "alice")).await);
        assert!(!passes(&world, condition, &broken(1, "bob")).await);
        for fence in [0, 2] {
            assert!(!passes(&world, condition, &broken(fence, "alice")).await);
        }
    }
    let cleared = |fence: i64, now: i64| [(":fence", n(fence)), (":now", n(now))];
    assert!(!passes(&world, expressions::CLEAR, &cleared(1, end - 1)).await);
    assert!(passes(&world, expressions::CLEAR, &cleared(1, end)).await);
    assert!(!passes(&world, expressions::CLEAR, &cleared(0, end)).await);
    alice.lock_for("ID5", "Infinite").await;
    assert!(
        !passes(&world, expressions::CLEAR, &cleared(1, i64::MAX)).await,
        "no lease, no end"
    );
    alice.action("ID5", "Unlock").await;
    assert!(
        !passes(&world, expressions::BREAK, &broken(1, "alice")).await,
        "free"
    );
    assert!(
        !passes(&world, expressions::CLEAR, &cleared(1, i64::MAX)).await,
        "free"
    );
}

/// What somebody holds, in the order of its acquisition, in one query and without a scan.
#[tokio::test]
async fn the_index_of_locks_holds_what_is_locked_and_nothing_else() {
    let world = World::start().await;
    let shards = LockShards::new(&"1".try_into().unwrap(), Kind::Device);
    let locks = async |owner: &str| {
        let owner = Owner::new(owner);
        let page = world
            .store
            .client()
            .query()
            .table_name(world.store.table_name(Table::Resources))
            .index_name("locks")
            .key_condition_expression("lock_shard = :shard AND begins_with(lock_order, :owner)")
            .expression_attribute_values(":shard", s(&shards.of(&owner)))
            .expression_attribute_values(":owner", s(&LockShards::order_of(&owner)))
            .send()
            .await
            .unwrap();
        let place =
            |item: &HashMap<String, AttributeValue>| item["lock_order"].as_s().unwrap().replace('\u{1}', " ");
        page.items().iter().map(place).collect::<Vec<String>>()
    };
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    alice.action("ID6", "Lock").await;
    world.wait(1);
    alice.action("ID5", "Lock").await;
    let both = [
        "alice 1795341600000 device/1/ID6",
        "alice 1795341601000 device/1/ID5",
    ];
    assert_eq!(locks("alice").await, both);
    world.wait(1);
    alice.lock_for("ID6", "Second-60").await;
    assert_eq!(locks("alice").await, both, "a renewal leaves the index as it is");
    alice.action("ID6", "Unlock").await;
    bob.action("ID6", "Lock").await;
    assert_eq!(locks("alice").await, both[1..]);
    assert_eq!(locks("bob").await, ["bob 1795341602000 device/1/ID6"]);
    bob.lock_for("ID6", "Second-60").await;
    world.wait(60);
    alice.action("ID6", "Lock").await;
    assert_eq!(locks("bob").await, [""; 0], "taken over");
    assert_eq!(
        locks("alice").await,
        [both[1], "alice 1795341662000 device/1/ID6"]
    );
}

/// Neither a renewal nor a touch names an attribute of the index `locks`: each would be a write to the index as well.
#[tokio::test]
async fn renewals_and_touches_do_not_write_the_index() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.clone().unwrap();
    let alice = world.sdm("alice").await;
    alice.action("ID5", "Lock").await;
    proxy.forget();
    alice.lock_for("ID5", "Second-60").await;
    alice.action("ID5", "Lock").await;
    let updates: Vec<String> = proxy
        .calls()
        .iter()
        .filter_map(|call| call.body["UpdateExpression"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(updates.len(), 2, "{updates:?}");
    for update in updates {
        assert!(
            !update.contains("lock_shard") && !update.contains("lock_order"),
            "{update}"
        );
    }
}
