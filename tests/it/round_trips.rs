//! What a request costs, counted at the store's endpoint: sequential round trips, authentication included.

use holdfast_tests::{Proxy, World, code_at};

async fn counted<T>(proxy: &Proxy, request: impl Future<Output = T>) -> (usize, Vec<String>) {
    proxy.forget();
    request.await;
    (proxy.waves(), proxy.operations())
}

#[tokio::test]
async fn a_device_lock_or_unlock_takes_two_and_a_refusal_one() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    let (alice, bob, mona) = (
        world.sdm("alice").await,
        world.sdm("bob").await,
        world.sdm("mona").await,
    );
    let two = (2, vec!["BatchGetItem".to_owned(), "UpdateItem".to_owned()]);
    let one = (1, vec!["BatchGetItem".to_owned()]);
    assert_eq!(counted(proxy, alice.action("ID5", "Lock")).await, two, "acquired");
    assert_eq!(
        counted(proxy, alice.action("ID5", "Lock")).await,
        two,
        "already held"
    );
    assert_eq!(
        counted(proxy, alice.lock_for("ID5", "Second-60")).await,
        two,
        "renewed"
    );
    assert_eq!(
        counted(proxy, bob.action("ID5", "Lock")).await,
        one,
        "held by another"
    );
    assert_eq!(
        counted(proxy, bob.action("ID5", "Unlock")).await,
        one,
        "someone else's"
    );
    assert_eq!(
        counted(proxy, mona.action("ID5", "Lock")).await,
        one,
        "not allowed"
    );
    assert_eq!(
        counted(proxy, alice.action("ID404", "Lock")).await,
        one,
        "no such device"
    );
    assert_eq!(
        counted(proxy, alice.action("ID5", "Unlock")).await,
        two,
        "released"
    );
    assert_eq!(
        counted(proxy, alice.action("ID5", "Unlock")).await,
        two,
        "was free"
    );
}

/// Once a minute the session slides, beside the lock's write and not after it.
#[tokio::test]
async fn the_session_slides_without_a_round_trip_of_its_own() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    let alice = world.sdm("alice").await;
    world.wait(60);
    let (waves, operations) = counted(proxy, alice.action("ID5", "Lock")).await;
    assert_eq!((waves, operations.len()), (2, 3), "{operations:?}");
    let (waves, operations) = counted(proxy, alice.action("ID5", "Unlock")).await;
    assert_eq!(
        (waves, operations.len()),
        (2, 2),
        "at most once a minute: {operations:?}"
    );
}

#[tokio::test]
async fn reads_and_sign_ins() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    for (who, reserve) in [
        ("a stranger", "TransactWriteItems"),
        ("known by now", "UpdateItem"),
    ] {
        let (waves, operations) = counted(proxy, world.sdm("alice")).await;
        let expected = format!("BatchGetItem {reserve} TransactWriteItems");
        assert_eq!((waves, operations.join(" ")), (3, expected), "{who}");
    }
    for (who, reserve) in [
        ("a stranger for codes", "TransactWriteItems"),
        ("known by now", "UpdateItem"),
    ] {
        let token = world.first_factor("alice").await;
        let code = code_at(world.now());
        let (waves, operations) = counted(proxy, world.second_step(&token, &code)).await;
        let expected = format!("BatchGetItem {reserve} TransactWriteItems");
        assert_eq!((waves, operations.join(" ")), (3, expected), "{who}");
        world.wait(30);
    }
    let token = world.first_factor("bob").await;
    let (waves, operations) = counted(proxy, world.second_step(&token, "NA")).await;
    assert_eq!(
        (waves, operations.join(" ").as_str()),
        (2, "BatchGetItem TransactWriteItems"),
        "nothing to count"
    );
    let alice = world.sdm("alice").await;
    assert_eq!(counted(proxy, alice.get("/ID5")).await.0, 1);
    let (waves, operations) = counted(proxy, alice.get("")).await;
    assert_eq!(waves, 3, "the caller, the index, the rows: {operations:?}");
    assert_eq!(counted(proxy, alice.logout()).await.0, 2);
}
