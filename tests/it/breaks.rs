//! A lock is broken: whose it is by then, who is held off, and what races, lost answers and late duplicates make of it.
//!
//! The break goes through the store as a function's does; everything else comes over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use holdfast::failure::Failure;
use holdfast::id::{Company, Login, RequestId};
use holdfast::lock::{
    Aftermath, Fence, HoldOff, Lease, LeaseChange, Origin, Outcome, Owner, Reason, Request, Text,
};
use holdfast::store::{
    AccessRow, ActivitySessionRow, ActorCheck, DeviceRow, Item, LockCall, LockResult, LockTarget, Lockable,
    Row, RowKey, Store, UserRow,
};
use holdfast_local::{local_client, table_names};
use holdfast_tests::{DB01, Proxy, Verdict, World, action_path, session_id};
use serde_json::json;

fn company() -> Company {
    Company::try_from("1").unwrap()
}

fn login(name: &str) -> Login {
    Login::try_from(name).unwrap()
}

fn device() -> LockTarget {
    LockTarget::device(&company(), &"ID5".try_into().unwrap())
}

async fn row(world: &World, target: &LockTarget) -> Item {
    world.row(target.key()).await.unwrap()
}

fn text(row: &Item, name: &str) -> Option<String> {
    row.get(name).map(|value| {
        let text = value.as_s().or_else(|_| value.as_n());
        text.unwrap().clone()
    })
}

/// A break of the tenure `fence`, with an hour's hold-off.
fn break_of(fence: u64, by: &str, then: Aftermath) -> Request {
    Request::Break {
        by: Owner::new(by),
        fence: Fence::new(fence),
        reason: Reason::try_from("alice has left").unwrap(),
        then,
        hold_off: HoldOff::from_seconds(3_600).unwrap(),
    }
}

/// The account of `name`, as an authentication finds it now.
async fn actor(world: &World, name: &str) -> ActorCheck {
    let row = world.row(&RowKey::user(&login(name))).await.unwrap();
    ActorCheck::new(login(name), UserRow::parse(row).unwrap().version())
}

/// One request, as a function carries it out: read, decided and written through `store`.
async fn ask<R: Lockable>(
    world: &World,
    store: &Store,
    target: &LockTarget,
    request: &Request,
    actor: Option<&ActorCheck>,
) -> Result<LockResult<()>, Failure> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let seen = R::parse(world.row(target.key()).await.unwrap()).unwrap();
    let call = LockCall {
        request,
        now: world.now(),
        origin: &Origin::unknown(RequestId::new(format!(
            "request-{}",
            COUNT.fetch_add(1, Ordering::Relaxed)
        ))),
        actor,
    };
    store.apply_lock(target, seen, call, |_| Ok(())).await
}

/// The same for a break by `name`, past any proxy, that is decided.
async fn broken<R: Lockable>(world: &World, target: &LockTarget, request: &Request) -> Outcome {
    let actor = actor(world, request.owner().as_str()).await;
    let result = ask::<R>(world, &world.store, target, request, Some(&actor)).await;
    let LockResult::Done(outcome) = result.unwrap() else {
        panic!("not decided");
    };
    outcome
}

async fn world() -> (Arc<World>, Proxy, Store) {
    let world = Arc::new(World::behind_proxy().await);
    let proxy = world.proxy.clone().unwrap();
    let store = Store::new(local_client(proxy.endpoint()), table_names());
    (world, proxy, store)
}

/// What a break leaves on the row, and how long.
#[tokio::test]
async fn a_break_is_on_the_row_until_the_first_acquisition_after_the_hold_off() {
    let world = World::start().await;
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    let free = row(&world, &device()).await;
    alice.lock_for("ID5", "Second-60").await;
    let outcome = broken::<DeviceRow>(&world, &device(), &break_of(1, "admin", Aftermath::Free)).await;
    assert!(
        matches!(&outcome, Outcome::Broken { broken, lock: None, .. } if broken.owner.as_str() == "alice"),
        "{outcome:?}"
    );

    let mut after = row(&world, &device()).await;
    for (name, value) in [
        ("broken_owner", "alice"),
        ("broken_fence", "1"),
        ("broken_by", "admin"),
        ("broken_at", "1795341600000"),
        ("broken_reason", "alice has left"),
        ("broken_until", "1795345200000"),
        ("fence", "2"),
        ("rev", "3"),
        ("change", "3"),
    ] {
        assert_eq!(text(&after, name).as_deref(), Some(value), "{name}");
        after.remove(name);
    }
    assert!(after.remove("by").is_some() && after.remove("lock_request").is_some());
    let mut before = free.clone();
    before.remove("fence");
    for counted in ["rev", "change", "by"] {
        before.remove(counted);
    }
    assert_eq!(
        after, before,
        "nothing of the lock is left, its place in the index neither"
    );

    let is_told = async || text(&row(&world, &device()).await, "broken_owner").is_some();
    assert_eq!(bob.action("ID5", "Lock").await.fence(), 3);
    assert_eq!(bob.action("ID5", "Unlock").await.status, 204);
    assert!(is_told().await, "bob's lock came and went during the hold-off");
    world.wait(3_600);
    // Signed in again: an hour is longer than a session.
    assert_eq!(world.sdm("bob").await.action("ID5", "Lock").await.fence(), 4);
    assert!(!is_told().await, "the first acquisition after it");
}

/// Every kind is broken in one transaction that also checks the breaker's account.
#[tokio::test]
async fn a_break_of_any_kind_proves_that_its_caller_is_not_locked_out() {
    let (world, proxy, store) = world().await;
    let alice = world.sdm("alice").await;
    let token = world.bearer("admin").await;
    alice.action("ID5", "Lock").await;
    let session = session_id(1);
    let request = json!({"activitySessionIds": [session], "locked": true,
        "lockActivity": true, "lockResource": true, "lockUser": true});
    assert_eq!(world.lock_sessions(&token, request).await.status, 200);

    let user = login("bob");
    let targets = [
        (device(), "alice"),
        (LockTarget::user(&company(), &user), "admin"),
        (
            LockTarget::activity_session(&company(), session.as_str().try_into().unwrap()),
            "admin",
        ),
        (
            LockTarget::access(&company(), DB01.try_into().unwrap(), &user),
            "admin",
        ),
    ];
    let stale = actor(&world, "ada").await;
    world.lock_user("ada").await;
    let request = break_of(1, "ada", Aftermath::Free);
    for (n, (target, owner)) in targets.iter().enumerate() {
        let carried_out = async |actor: Option<&ActorCheck>| match n {
            0 => ask::<DeviceRow>(&world, &store, target, &request, actor).await,
            1 => ask::<UserRow>(&world, &store, target, &request, actor).await,
            2 => ask::<ActivitySessionRow>(&world, &store, target, &request, actor).await,
            _ => ask::<AccessRow>(&world, &store, target, &request, actor).await,
        };
        let before = row(&world, target).await;
        assert_eq!(text(&before, "lock_owner").as_deref(), Some(*owner), "{target:?}");
        let locked_out = carried_out(Some(&stale)).await.unwrap();
        assert_eq!(locked_out, LockResult::ActorLocked, "{target:?}");
        let unchecked = carried_out(None).await;
        assert!(matches!(unchecked, Err(Failure::Defect(_))), "{unchecked:?}");
        assert_eq!(row(&world, target).await, before);

        world.unlock_user("ada").await;
        let fresh = actor(&world, "ada").await;
        proxy.forget();
        let done = carried_out(Some(&fresh)).await.unwrap();
        assert!(
            matches!(done, LockResult::Done(Outcome::Broken { .. })),
            "{done:?}"
        );
        let [call] = proxy.calls().try_into().unwrap();
        assert_eq!(call.operation, "TransactWriteItems", "{target:?}");
        assert!(call.body.to_string().contains("ConditionCheck") && call.touches("user/ada"));
        let after = row(&world, target).await;
        assert_eq!(text(&after, "fence").as_deref(), Some("2"), "{target:?}");
        world.lock_user("ada").await;
    }
}

/// The hold-off is one rule for every dialect; it refuses the old owner's taking and nothing else.
#[tokio::test]
async fn the_old_owner_is_held_off_in_every_dialect_and_may_unlock() {
    let world = World::start().await;
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    let (admin, ada) = (world.bearer("admin").await, world.bearer("ada").await);
    alice.action("ID5", "Lock").await;
    broken::<DeviceRow>(&world, &device(), &break_of(1, "admin", Aftermath::Free)).await;
    let refused = alice.action("ID5", "Lock").await;
    assert_eq!(refused.status, 423, "{refused}");
    insta::assert_snapshot!(refused.body, @r#"{"status":423,"message":"Your lock on the device was broken; you cannot lock it again yet.","broken":{"by":"admin","at":"2026-11-22T10:00:00Z","reason":"alice has left"}}"#);
    assert_eq!(alice.action("ID5", "Unlock").await.status, 204, "as a free lock");
    assert_eq!(bob.action("ID5", "Lock").await.fence(), 3);
    let sent = alice
        .request(reqwest::Method::POST, &action_path("ID5"))
        .header("Content-Type", "application/xml")
        .body("<deviceAction><type>Lock</type></deviceAction>");
    let refused = world.send(sent).await;
    insta::assert_snapshot!(refused.body, @"<error><status>423</status><message>The device is locked by another user.</message><lock><owner>bob</owner><since>2026-11-22T10:00:00Z</since></lock><broken><by>admin</by><at>2026-11-22T10:00:00Z</at><reason>alice has left</reason></broken></error>");
    let refused = alice.action("ID5", "Unlock").await;
    assert_eq!(refused.status, 423, "someone else's: {refused}");
    assert_eq!(refused.json()["broken"], json!(null), "unlocking is not held off");

    let mona = LockTarget::user(&company(), &login("mona"));
    let token = world.aktion("admin").await;
    assert_eq!(world.lock_user_by(&token, "mona", 1).await.status, 200);
    broken::<UserRow>(&world, &mona, &break_of(1, "ada", Aftermath::Free)).await;
    let token = world.aktion("admin").await;
    let refused = world.lock_user_by(&token, "mona", 1).await;
    assert_eq!(refused.status, 403, "{refused}");
    assert!(
        refused.to_string().contains("already changed by another user"),
        "{refused}"
    );
    let ada_token = world.aktion("ada").await;
    assert_eq!(world.lock_user_by(&ada_token, "mona", 1).await.status, 200);

    let (one, two) = (session_id(1), session_id(2));
    let asking = |ids: &[&str], locked: bool| json!({"activitySessionIds": ids, "locked": locked, "lockActivity": true});
    assert_eq!(
        world
            .lock_sessions(&admin, asking(&[&one, &two], true))
            .await
            .status,
        200
    );
    let target = LockTarget::activity_session(&company(), one.as_str().try_into().unwrap());
    broken::<ActivitySessionRow>(&world, &target, &break_of(1, "ada", Aftermath::Free)).await;
    let refused = world.lock_sessions(&admin, asking(&[&one, &two], true)).await;
    assert_eq!(refused.status, 409, "{refused}");
    let told = json!({"scope": "activity", "id": one, "brokenBy": "ada", "brokenAt": "2026-11-22T10:00:00Z",
        "reason": "alice has left"});
    assert_eq!(refused.json()["locks"], json!([told]));
    assert_eq!(
        refused.json()["detail"],
        "Some of your locks were broken, and you cannot take them again yet; nothing was changed."
    );
    assert_eq!(
        world
            .lock_sessions(&admin, asking(&[&one, &two], false))
            .await
            .status,
        200,
        "a batch with the broken lock in it is unlocked"
    );
    assert_eq!(
        world
            .lock_sessions(&ada, asking(&[&one, &two], true))
            .await
            .status,
        200
    );
    let refused = world.lock_sessions(&admin, asking(&[&one, &two], true)).await;
    let of_ada =
        |id: &str| json!({"scope": "activity", "id": id, "owner": "ada", "since": "2026-11-22T10:00:00Z"});
    let mut first = of_ada(&one);
    first
        .as_object_mut()
        .unwrap()
        .extend(told.as_object().unwrap().clone());
    assert_eq!(refused.json()["locks"], json!([first, of_ada(&two)]));
}

/// A client that renews by "lock again" goes on doing so after the break.
#[tokio::test]
async fn a_loop_of_renewals_does_not_undo_a_break() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    alice.lock_for("ID5", "Second-60").await;
    let request = Request::Break {
        by: Owner::new("admin"),
        fence: Fence::new(1),
        reason: Reason::try_from("alice has left").unwrap(),
        then: Aftermath::Free,
        hold_off: HoldOff::default(),
    };
    broken::<DeviceRow>(&world, &device(), &request).await;
    for _ in 0..20 {
        let answers = join_all((0..3).map(|_| alice.lock_for("ID5", "Second-60"))).await;
        assert!(answers.iter().all(|answer| answer.status == 423));
        world.wait(3);
    }
    assert_eq!(
        alice.lock_for("ID5", "Second-60").await.fence(),
        3,
        "60 seconds later"
    );
    // With the fence of the tenure that was broken, never: not even then.
    let renewal = Request::Acquire {
        owner: Owner::new("alice"),
        lease: LeaseChange::Infinite,
        text: Text::default(),
        tenure: Some(Fence::new(1)),
    };
    let told = ask::<DeviceRow>(&world, &world.store, &device(), &renewal, None).await;
    assert!(
        matches!(told, Ok(LockResult::Done(Outcome::OtherTenure { .. }))),
        "{told:?}"
    );
    world.wait(60);
    let told = ask::<DeviceRow>(&world, &world.store, &device(), &renewal, None).await;
    assert!(
        matches!(
            told,
            Ok(LockResult::Done(Outcome::OtherTenure { lock: None, .. }))
        ),
        "{told:?}"
    );
}

/// A renewal gets in before every attempt of the break. It keeps the tenure, and so the break succeeds.
#[tokio::test]
async fn a_break_succeeds_where_every_attempt_meets_a_renewal() {
    let (world, proxy, store) = world().await;
    let alice = world.sdm("alice").await;
    alice.lock_for("ID5", "Second-60").await;
    let admin = actor(&world, "admin").await;
    let (attempts, other) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&world));
    let counted = Arc::clone(&attempts);
    proxy.judge(move |call| {
        if call.operation != "TransactWriteItems" {
            return Verdict::Pass;
        }
        let count = counted.fetch_add(1, Ordering::SeqCst);
        let other = Arc::clone(&other);
        Verdict::PassAfter(Box::pin(async move {
            let seconds = 61 + u64::try_from(count).unwrap();
            let renewal = Request::Acquire {
                owner: Owner::new("alice"),
                lease: LeaseChange::For(Lease::from_seconds(seconds).unwrap()),
                text: Text::default(),
                tenure: None,
            };
            let renewed = ask::<DeviceRow>(&other, &other.store, &device(), &renewal, None).await;
            assert!(
                matches!(renewed, Ok(LockResult::Done(Outcome::Renewed { .. }))),
                "{renewed:?}"
            );
        }))
    });
    let request = break_of(1, "admin", Aftermath::Take);
    let done = ask::<DeviceRow>(&world, &store, &device(), &request, Some(&admin)).await;
    assert!(
        matches!(&done, Ok(LockResult::Done(Outcome::Broken { lock: Some(lock), .. })) if lock.owner.as_str() == "admin"),
        "{done:?}"
    );
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
    let after = row(&world, &device()).await;
    assert_eq!(text(&after, "fence").as_deref(), Some("2"));
    assert_eq!(
        text(&after, "rev").as_deref(),
        Some("5"),
        "one more with every write"
    );
}

/// Eight loops of renewals at once, each as fast as it can.
#[tokio::test(flavor = "multi_thread")]
async fn a_break_succeeds_against_an_owner_who_renews_as_fast_as_he_can() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    for round in 0..5 {
        let fence = alice.lock_for("ID5", "Second-60").await.fence();
        let (over, renewals) = (AtomicBool::new(false), AtomicUsize::new(0));
        let renew = async |party: usize| {
            for count in 0.. {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let seconds = 60 + party * 1_000 + count % 1_000;
                let answer = alice.lock_for("ID5", &format!("Second-{seconds}")).await;
                assert!(matches!(answer.status, 204 | 423 | 503), "{answer}");
                if answer.status == 204 {
                    assert_eq!(answer.fence(), fence, "a renewal that undid the break");
                    renewals.fetch_add(1, Ordering::SeqCst);
                }
            }
        };
        let breaks = async {
            while renewals.load(Ordering::SeqCst) < 8 {
                tokio::task::yield_now().await;
            }
            let request = Request::Break {
                by: Owner::new("admin"),
                fence: Fence::new(fence),
                reason: Reason::try_from("alice has left").unwrap(),
                then: Aftermath::Free,
                hold_off: HoldOff::from_seconds(1).unwrap(),
            };
            let outcome = broken::<DeviceRow>(&world, &device(), &request).await;
            over.store(true, Ordering::SeqCst);
            outcome
        };
        let (outcome, _) = tokio::join!(breaks, join_all((0..8).map(renew)));
        assert!(matches!(outcome, Outcome::Broken { .. }), "{round}: {outcome:?}");
        assert_eq!(text(&row(&world, &device()).await, "lock_owner"), None);
        world.wait(1);
    }
}

/// What a party of the race was told, with the fences that it is about.
#[derive(Debug, Default)]
struct Told {
    /// Each tenure by its fence: whose it is.
    begun: BTreeMap<u64, String>,
    /// Each break by the fence that it made: the tenure that it ended, and whose that was.
    broken: BTreeMap<u64, (u64, String)>,
    refused: usize,
    unavailable: usize,
}

/// 64 parties break, take, renew and release one lock.
#[tokio::test(flavor = "multi_thread")]
async fn of_64_parties_none_breaks_a_tenure_twice_or_a_successors_lock() {
    let world = World::crowded(64).await;
    let told = std::sync::Mutex::new(Told::default());
    let party = async |number: usize| {
        let name = format!("user-{number:02}");
        let owner = Owner::new(name.as_str());
        let actor = actor(&world, &name).await;
        for round in 0..8 {
            let seen = DeviceRow::parse(row(&world, &device()).await).unwrap().lock.state;
            let request = match (number + round) % 4 {
                0 | 1 => break_of(
                    seen.fence().get(),
                    &name,
                    if number % 8 < 4 {
                        Aftermath::Free
                    } else {
                        Aftermath::Take
                    },
                ),
                2 => Request::Release {
                    owner: owner.clone(),
                    tenure: None,
                },
                _ => Request::Acquire {
                    owner: owner.clone(),
                    lease: LeaseChange::For(Lease::from_seconds(60 + u64::try_from(round).unwrap()).unwrap()),
                    text: Text::default(),
                    tenure: None,
                },
            };
            let result = ask::<DeviceRow>(&world, &world.store, &device(), &request, Some(&actor)).await;
            let mut told = told.lock().unwrap();
            match result {
                Ok(LockResult::Done(outcome)) => {
                    if let Outcome::Acquired { fence, .. }
                    | Outcome::Broken {
                        fence, lock: Some(_), ..
                    } = &outcome
                    {
                        let before = told.begun.insert(fence.get(), name.clone());
                        assert_eq!(before, None, "two tenures with the fence {fence}");
                    }
                    if let (Outcome::Broken { broken, fence, .. }, Request::Break { fence: ended, .. }) =
                        (&outcome, &request)
                    {
                        let broken = (ended.get(), broken.owner.as_str().to_owned());
                        told.broken.insert(fence.get(), broken);
                    }
                    told.refused += usize::from(outcome.is_refusal());
                }
                Err(Failure::Unavailable(_)) => told.unavailable += 1,
                result => panic!("{result:?}"),
            }
        }
    };
    join_all((0..64).map(party)).await;

    let told = told.into_inner().unwrap();
    let last = DeviceRow::parse(row(&world, &device()).await)
        .unwrap()
        .lock
        .state
        .fence()
        .get();
    let grown: std::collections::BTreeSet<u64> =
        told.begun.keys().chain(told.broken.keys()).copied().collect();
    assert!(
        grown.iter().copied().eq(1..=last),
        "a fence for each change of hands: {told:?}"
    );
    let mut ended = std::collections::BTreeSet::new();
    for (fence, (tenure, owner)) in &told.broken {
        assert_eq!(
            told.begun.get(tenure),
            Some(owner),
            "the tenure that was named, and its owner"
        );
        assert_eq!(tenure + 1, *fence);
        assert!(ended.insert(tenure), "{tenure} is broken twice");
    }
    // The clock stands, so a hold-off lasts until the next break takes its place.
    for (fence, owner) in &told.begun {
        let latest = told.broken.range(..fence).next_back();
        assert!(
            latest.is_none_or(|(_, (_, old))| old != owner),
            "{owner} takes the lock with {fence} during the hold-off: {told:?}"
        );
    }
    assert!(
        told.broken.len() > 2 && told.begun.len() > 2 && told.refused > 2,
        "{told:?}"
    );
}

/// The break was made and its answer lost: one break, told as such, and a late duplicate leaves the successor's lock.
#[tokio::test]
async fn a_lost_answer_and_a_late_duplicate_break_nothing_twice() {
    let (world, proxy, store) = world().await;
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    alice.action("ID5", "Lock").await;
    let admin = actor(&world, "admin").await;
    proxy.forget();
    proxy.judge_next("TransactWriteItems", Verdict::lose_answer());
    let request = break_of(1, "admin", Aftermath::Free);
    let done = ask::<DeviceRow>(&world, &store, &device(), &request, Some(&admin)).await;
    assert!(
        matches!(done, Ok(LockResult::Done(Outcome::Broken { .. }))),
        "{done:?}"
    );
    let calls = proxy.calls();
    assert_eq!(calls.len(), 2, "one transaction, sent twice");

    assert_eq!(bob.action("ID5", "Lock").await.fence(), 3);
    let before = row(&world, &device()).await;
    for call in &calls {
        // Its client token has had its effect.
        assert_eq!(proxy.repeat(call).await.0, 200);
    }
    let retry = ask::<DeviceRow>(&world, &store, &device(), &request, Some(&admin)).await;
    assert!(
        matches!(&retry, Ok(LockResult::Done(Outcome::TenureOver { lock: Some(lock), .. })) if lock.owner.as_str() == "bob"),
        "{retry:?}"
    );
    let another = broken::<DeviceRow>(&world, &device(), &break_of(1, "ada", Aftermath::Free)).await;
    assert!(
        matches!(another, Outcome::OtherTenure { lock: Some(_), .. }),
        "{another:?}"
    );
    let mut after = row(&world, &device()).await;
    after.remove("rev");
    let mut unchanged = before;
    unchanged.remove("rev");
    assert_eq!(after, unchanged, "touched and no more");
}

/// A break was answered 503 while its write was under way; it arrives when someone else has the lock.
#[tokio::test]
async fn a_late_break_leaves_a_successors_lock() {
    let (world, proxy, store) = world().await;
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    alice.action("ID5", "Lock").await;
    let admin = actor(&world, "admin").await;
    proxy.forget();
    proxy.judge(|call| match call.operation.as_str() {
        "TransactWriteItems" => Verdict::error(500, "InternalServerError"),
        _ => Verdict::Pass,
    });
    let request = break_of(1, "admin", Aftermath::Take);
    let lost = ask::<DeviceRow>(&world, &store, &device(), &request, Some(&admin)).await;
    assert!(matches!(lost, Err(Failure::Unavailable(_))), "{lost:?}");
    let calls = proxy.calls();
    proxy.forget();
    alice.action("ID5", "Unlock").await;
    assert_eq!(bob.action("ID5", "Lock").await.fence(), 2);
    let before = row(&world, &device()).await;
    for call in &calls {
        assert_eq!(proxy.repeat(call).await.0, 400);
    }
    assert_eq!(row(&world, &device()).await, before);
}

/// A lease that ran out is no lock: nothing is broken, nobody is held off, and the row is as if it had been released.
#[tokio::test]
async fn a_lease_that_ran_out_under_the_fence_named_is_cleared() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    alice.lock_for("ID5", "Second-60").await;
    world.wait(60);
    let outcome = broken::<DeviceRow>(&world, &device(), &break_of(1, "admin", Aftermath::Take)).await;
    let expected = Outcome::TenureOver {
        fence: Fence::new(1),
        lock: None,
    };
    assert_eq!(outcome, expected);
    let after = row(&world, &device()).await;
    for name in [
        "lock_owner",
        "lock_until",
        "lock_shard",
        "lock_order",
        "broken_owner",
    ] {
        assert!(!after.contains_key(name), "{name}");
    }
    assert_eq!(alice.action("ID5", "Lock").await.fence(), 2);
}
