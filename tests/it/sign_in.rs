//! Guessing passwords does not pay, however it is done.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Barrier;

use holdfast_tests::{PASSWORD, Sdm, Verdict, World};

#[tokio::test]
async fn five_wrong_passwords_in_a_row_lock_the_login_out_for_fifteen_minutes() {
    let world = World::start().await;
    for _ in 0..5 {
        assert_eq!(Sdm::login(&world, "alice", "wrong").await.status, 401);
    }
    assert_eq!(Sdm::login(&world, "alice", PASSWORD).await.status, 401);
    world.clock.advance(Duration::from_millis(15 * 60 * 1_000 - 1));
    assert_eq!(
        Sdm::login(&world, "alice", PASSWORD).await.status,
        401,
        "attempts in vain do not prolong it"
    );
    assert_eq!(
        Sdm::login(&world, "bob", PASSWORD).await.status,
        200,
        "another login is not concerned"
    );
    world.clock.advance(Duration::from_millis(1));
    // The count starts over: one more wrong password is the first of five.
    assert_eq!(Sdm::login(&world, "alice", "wrong").await.status, 401);
    assert_eq!(Sdm::login(&world, "alice", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_right_password_starts_the_count_over() {
    let world = World::start().await;
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(Sdm::login(&world, "alice", "wrong").await.status, 401);
        }
        assert_eq!(Sdm::login(&world, "alice", PASSWORD).await.status, 200);
    }
}

/// Every attempt is counted before its password is looked at: of two hundred at once, five are.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_guesses_cannot_slip_past_the_limit() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    join_all((0..200).map(|n| {
        let world = &world;
        async move {
            assert_eq!(
                Sdm::login(world, "alice", &format!("guess {n}")).await.status,
                401
            );
        }
    }))
    .await;
    assert_eq!(world.attempts("127.0.0.1", "alice").await.password_attempts, "5");
    assert!(proxy.calls().len() >= 400, "each one read and tried to reserve");
    assert_eq!(Sdm::login(&world, "alice", PASSWORD).await.status, 401);
    world.clock.advance(Duration::from_mins(15));
    assert_eq!(Sdm::login(&world, "alice", PASSWORD).await.status, 200);
}

/// After the lockout the attempts that come together are counted together, too.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_guesses_after_a_lockout_are_five_again() {
    for (is_known, operation) in [(false, "TransactWriteItems"), (true, "UpdateItem")] {
        let world = World::behind_proxy().await;
        if is_known {
            world.sdm("alice").await;
        }
        after_a_lockout_twelve_try_at_once(&world, operation).await;
    }
}

async fn after_a_lockout_twelve_try_at_once(world: &World, operation: &'static str) {
    let proxy = world.proxy.as_ref().unwrap();
    for _ in 0..5 {
        Sdm::login(world, "alice", "wrong").await;
    }
    world.clock.advance(Duration::from_mins(15));
    // All of them have read the row, and all believe that the lockout is over, before the first one writes.
    let gate = Arc::new(Barrier::new(12));
    let mut held = 0;
    proxy.judge(move |call| {
        held += usize::from(call.operation == operation);
        if call.operation == operation && held <= 12 {
            let gate = Arc::clone(&gate);
            Verdict::PassAfter(Box::pin(async move {
                gate.wait().await;
            }))
        } else {
            Verdict::Pass
        }
    });
    join_all((0..12).map(|_| Sdm::login(world, "alice", "wrong"))).await;
    assert_eq!(world.attempts("127.0.0.1", "alice").await.password_attempts, "5");
    assert_eq!(Sdm::login(world, "alice", PASSWORD).await.status, 401);
}

/// The same calls and the same password hash for any stranger, whether the login is known, unknown or locked out.
#[tokio::test]
async fn an_unknown_login_costs_what_a_known_one_costs() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    let mut costs = Vec::new();
    for login in ["alice", "nobody-at-all"] {
        proxy.forget();
        Sdm::login(&world, login, "wrong").await;
        costs.push((proxy.operations(), proxy.waves()));
    }
    for _ in 0..4 {
        Sdm::login(&world, "alice", "wrong").await;
    }
    for wait in [0, 15 * 60] {
        world.wait(wait);
        proxy.forget();
        Sdm::login(&world, "alice", "wrong").await;
        costs.push((proxy.operations(), proxy.waves()));
    }
    for cost in &costs {
        assert_eq!(
            cost,
            &(
                vec!["BatchGetItem".to_owned(), "TransactWriteItems".to_owned()],
                2
            )
        );
    }
}

#[tokio::test]
async fn an_attempt_whose_reservation_was_answered_too_late_counts_once() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    for (who, operation) in [("a stranger", "TransactWriteItems"), ("known", "UpdateItem")] {
        proxy.judge_next(operation, Verdict::lose_answer());
        assert_eq!(Sdm::login(&world, "alice", "wrong").await.status, 401);
        assert!(!proxy.is_waiting(), "{who}: {operation} never came");
        assert_eq!(
            world.attempts("127.0.0.1", "alice").await.password_attempts,
            "1",
            "{who}"
        );
        assert_eq!(
            world.attempts("strangers", "alice").await.password_attempts,
            if who == "known" { "2" } else { "1" },
            "{who}"
        );
        proxy.judge_next(operation, Verdict::lose_answer());
        assert_eq!(Sdm::login(&world, "alice", PASSWORD).await.status, 200, "{who}");
    }
}

#[tokio::test]
async fn a_sign_in_whose_answer_was_lost_is_still_one() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    // From a known source, where the transaction is the one that opens the session.
    world.sdm("alice").await.logout().await;
    proxy.judge_next("TransactWriteItems", Verdict::lose_answer());
    let alice = world.sdm("alice").await;
    assert_eq!(alice.get("").await.status, 200);
    let sessions = world.rows(holdfast::store::Table::Identity).await;
    assert_eq!(
        sessions
            .iter()
            .filter(|row| row["pk"].as_s().unwrap().starts_with("session/"))
            .count(),
        1
    );
}

/// The account is locked after its row was read and before the session is written: no session may come of it.
#[tokio::test]
async fn a_lock_that_comes_during_the_sign_in_wins() {
    let world = std::sync::Arc::new(World::behind_proxy().await);
    let proxy = world.proxy.clone().unwrap();
    world.sdm("alice").await;
    let admin = std::sync::Arc::clone(&world);
    proxy.judge_next(
        "TransactWriteItems",
        Verdict::PassAfter(Box::pin(async move { admin.lock_user("alice").await })),
    );
    assert_eq!(Sdm::login(&world, "alice", PASSWORD).await.status, 401);
    // Locked and unlocked again in between: a new fence, and a session that carries it.
    world.unlock_user("alice").await;
    let admin = std::sync::Arc::clone(&world);
    proxy.judge_next(
        "TransactWriteItems",
        Verdict::PassAfter(Box::pin(async move {
            admin.lock_user("alice").await;
            admin.unlock_user("alice").await;
        })),
    );
    let alice = world.sdm("alice").await;
    assert_eq!(alice.get("").await.status, 200);
}

#[tokio::test]
async fn conflicts_with_other_transactions_are_waited_out_or_told_as_503() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    let cancelled = |code: &str| {
        let body = serde_json::json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled",
            "CancellationReasons": [{"Code": "None"}, {"Code": code}, {"Code": "None"}],
        });
        Verdict::Answer(400, body)
    };
    // A stranger first, whose reservation is the transaction, and then a known source, whose session is.
    for _ in 0..2 {
        proxy.judge_next("TransactWriteItems", cancelled("TransactionConflict"));
        assert_eq!(
            Sdm::login(&world, "alice", PASSWORD).await.status,
            200,
            "the same plan again"
        );
    }
    for (code, status) in [
        ("TransactionConflict", 503),
        ("ThrottlingError", 503),
        ("ValidationError", 500),
    ] {
        proxy.judge(move |call| {
            if call.operation == "TransactWriteItems" {
                cancelled(code)
            } else {
                Verdict::Pass
            }
        });
        assert_eq!(
            Sdm::login(&world, "alice", PASSWORD).await.status,
            status,
            "{code}"
        );
    }
}
