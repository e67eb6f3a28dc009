//! The owner rule as the table itself enforces it: the conditions, applied to rows that the deciding code would
//! never have let them near.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::store::{RowKey, Table, expressions};
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
    all.insert(":seen".to_owned(), rev);
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
    assert!(
        after.remove("lock_request").is_some(),
        "the latest acquisition stays known"
    );
    let mut before = before;
    before.remove("fence");
    before.remove("rev");
    assert_eq!(after, before);
}

/// All locks of a company, or one owner's, without a scan.
#[tokio::test]
async fn the_index_of_locks_holds_what_is_locked_and_nothing_else() {
    let world = World::start().await;
    let locks = async |owner: &str| {
        let mut found = Vec::new();
        for shard in 0..16 {
            let page = world
                .store
                .client()
                .query()
                .table_name(world.store.table_name(Table::Resources))
                .index_name("locks")
                .key_condition_expression("lock_shard = :shard AND lock_owner = :owner")
                .expression_attribute_values(":shard", s(&format!("1/device/{shard}")))
                .expression_attribute_values(":owner", s(owner))
                .send()
                .await
                .unwrap();
            found.extend(page.items().iter().map(|item| item["pk"].as_s().unwrap().clone()));
        }
        found.sort();
        found
    };
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    alice.action("ID5", "Lock").await;
    alice.action("ID6", "Lock").await;
    assert_eq!(locks("alice").await, ["device/1/ID5", "device/1/ID6"]);
    alice.action("ID6", "Unlock").await;
    bob.action("ID6", "Lock").await;
    assert_eq!(locks("alice").await, ["device/1/ID5"]);
    assert_eq!(locks("bob").await, ["device/1/ID6"]);
}
