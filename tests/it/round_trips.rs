//! What a request costs, counted at the store's endpoint: sequential round trips, authentication included.

use holdfast_tests::{Answer, Locks, Proxy, World, code_at, people_with_an_operator, targets};
use serde_json::json;

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

#[tokio::test]
async fn what_needs_no_table_asks_none() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    for path in ["/docs", "/docs/copy.js", "/openapi.json", "/nowhere"] {
        let request = world.send(world.http.get(world.url(path)));
        assert_eq!(counted(proxy, request).await, (0, Vec::new()), "{path}");
    }
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

/// A request's round trips, where it succeeds.
async fn waves(proxy: &Proxy, request: impl Future<Output = Answer>, what: &str) -> usize {
    proxy.forget();
    let answer = request.await;
    assert!((200..300).contains(&answer.status), "{what}: {answer}");
    proxy.waves()
}

/// A machine's token does not name its company: its use comes first, and then what a person's request reads at once.
#[tokio::test]
async fn a_lock_of_any_kind_is_read_in_one_and_held_in_two_and_by_a_machine_in_one_more() {
    let world = World::with(people_with_an_operator(), true).await;
    let proxy = world.proxy.as_ref().unwrap();
    let (person, machine) = (world.bearer("ada").await, world.aktion("ada").await);
    for (who, token, more) in [("a person", person, 0), ("a machine", machine, 1)] {
        let locks = Locks::with(&world, token);
        for (kind, target) in targets() {
            let what = |call: &str| format!("{who}, {target}: {call}");
            let count = waves(proxy, locks.hold(&target, json!({})), &what("acquired")).await;
            assert_eq!(count, 2 + more, "{}", what("acquired"));
            let count = waves(proxy, locks.hold(&target, json!({})), &what("held already")).await;
            assert_eq!(count, 2 + more, "{}", what("held already"));
            let count = waves(proxy, locks.read(&target), &what("read")).await;
            assert_eq!(count, 1 + more, "{}", what("read"));
            let (_, id) = target.split_once('/').unwrap();
            let held = json!([{"kind": kind, "id": id, "fence": 1}]);
            let count = waves(proxy, locks.check(&held), &what("checked")).await;
            assert_eq!(count, 1 + more, "{}", what("checked"));
            for query in [format!("?kind={kind}"), format!("?kind={kind}&owner=me")] {
                let count = waves(proxy, locks.list(&query), &what(&query)).await;
                assert_eq!(
                    count,
                    3 + more,
                    "the caller, the index, the rows: {}",
                    what(&query)
                );
            }
            let count = waves(proxy, locks.release(&target), &what("released")).await;
            assert_eq!(count, 2 + more, "{}", what("released"));
            let count = waves(proxy, locks.release(&target), &what("was free")).await;
            assert_eq!(count, 2 + more, "{}", what("was free"));
        }
    }
}

#[tokio::test]
async fn a_break_of_any_kind_takes_two_and_a_refusal_one() {
    let world = World::with(people_with_an_operator(), true).await;
    let proxy = world.proxy.as_ref().unwrap();
    let ada = world.bearer("ada").await;
    let ada = Locks::with(&world, ada);
    let operator = Locks::with(&world, world.netwrix("admin").await);
    for (_, target) in targets() {
        let answer = ada.hold(&target, json!({})).await;
        assert_eq!(answer.status, 201, "{target}: {answer}");
        let body = json!({"fence": 1, "reason": "on leave"});
        proxy.forget();
        let refused = ada.break_lock(&target, body.clone()).await;
        assert_eq!((refused.status, proxy.waves()), (403, 1), "{target}: {refused}");
        for what in ["broken", "broken already"] {
            let count = waves(proxy, operator.break_lock(&target, body.clone()), what).await;
            assert_eq!(count, 2, "{target}: {what}");
        }
        proxy.forget();
        let held_off = ada.hold(&target, json!({})).await;
        assert_eq!((held_off.status, proxy.waves()), (409, 1), "{target}: {held_off}");
    }
}

/// What a page reads does not grow with the kinds or the locks: sixteen shards, or the one of an owner.
#[tokio::test]
async fn a_list_of_locks_asks_each_shard_once_and_that_of_an_owner_asks_one() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    let ada = world.bearer("ada").await;
    let ada = Locks::with(&world, ada);
    ada.hold("device/ID5", json!({})).await;
    for (query, queries) in [("?kind=device", 16), ("?kind=device&owner=ada", 1), ("", 16)] {
        proxy.forget();
        assert_eq!(ada.list(query).await.status, 200, "{query}");
        let asked = proxy.operations().iter().filter(|name| *name == "Query").count();
        assert_eq!(asked, queries, "{query}");
    }
}

#[tokio::test]
async fn history_takes_the_caller_and_one_query_and_a_day_its_shards_at_once() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    let (admin, bob) = (world.netwrix("admin").await, world.netwrix("bob").await);
    for (token, query, waves, queries) in [
        (&admin, "kind=device&id=ID5", 2, 1),
        (&admin, "actor=alice", 2, 1),
        (&admin, "from=2026-11-22T00:00:00Z", 2, 8),
        // A month is walked a day a page.
        (&admin, "from=2026-10-23T00:00:00Z", 2, 8),
        (&bob, "actor=bob", 1, 0),
    ] {
        let request = world.http.get(world.url(&format!("/history?{query}")));
        let read = world.send(request.bearer_auth(token));
        let (found, operations) = counted(proxy, read).await;
        let expected = ["BatchGetItem"].into_iter().chain(vec!["Query"; queries]);
        assert_eq!(operations, expected.collect::<Vec<_>>(), "{query}");
        assert_eq!(found, waves, "{query}");
    }
}
