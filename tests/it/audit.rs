//! One audit line for every refused change of a lock, every sign-in and every reading of history (`docs/history.md`).

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};

use holdfast_tests::{PASSWORD, World, api_key, code_at, operators, session_id};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// The audit lines of this test's thread, on which its server runs, too.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<BTreeMap<String, String>>>>);

struct Line(BTreeMap<String, String>);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(BTreeMap::new());
        event.record(&mut line);
        if line.0.get("audit").is_some_and(|value| value == "true") {
            self.0.lock().unwrap().push(line.0);
        }
    }
}

/// Where a process has one subscriber, `tracing` asks the thread that comes to a log statement first whether anyone wants its lines, and
/// keeps the answer for all threads. With two, it asks both.
fn second_subscriber() {
    static SECOND: OnceLock<Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| Dispatch::new(tracing_subscriber::registry().with(LevelFilter::INFO)));
}

impl Lines {
    fn start() -> (Self, DefaultGuard) {
        second_subscriber();
        let lines = Self::default();
        let subscriber = tracing_subscriber::registry().with(lines.clone());
        (lines, tracing::subscriber::set_default(subscriber))
    }

    /// What was written since: `dialect action outcome actor@company target`.
    fn take(&self) -> Vec<String> {
        let lines = std::mem::take(&mut *self.0.lock().unwrap());
        lines
            .iter()
            .map(|line| {
                let field = |name: &str| line.get(name).map_or("-", String::as_str);
                assert_eq!(field("source"), "127.0.0.1", "{line:?}");
                let shown = format!("{line:?}");
                for never in [PASSWORD, "Token=", "Bearer", "seconds", "a wrong guess", "-demo"] {
                    assert!(!shown.contains(never), "{never} is in {shown}");
                }
                format!(
                    "{} {} {} {}@{} {}",
                    field("dialect"),
                    field("action"),
                    field("outcome"),
                    field("actor"),
                    field("company"),
                    field("target")
                )
            })
            .collect()
    }
}

#[tokio::test]
async fn every_sign_in_has_one_line_with_its_own_outcome() {
    let world = World::start().await;
    let (lines, _guard) = Lines::start();

    let cookie = world.sdm("alice").await;
    assert_eq!(lines.take(), ["sdm sign-in success alice@1 -"]);
    cookie.logout().await;
    assert_eq!(lines.take(), ["sdm sign-out success alice@1 -"]);
    cookie.logout().await;
    assert_eq!(lines.take(), ["sdm sign-out unauthenticated -@- -"]);

    world.first_step("alice", "a wrong guess").await;
    assert_eq!(lines.take(), ["netwrix sign-in wrong_password alice@1 -"]);
    // It may be a password, typed into the wrong field.
    world.first_step(PASSWORD, "a wrong guess").await;
    assert_eq!(lines.take(), ["netwrix sign-in unknown_login -@- -"]);
    world.post("/signinBody", "application/json", "{").await;
    assert_eq!(lines.take(), Vec::<String>::new(), "malformed");

    let first = world.first_factor("admin").await;
    assert_eq!(lines.take(), ["netwrix sign-in password_accepted admin@1 -"]);
    let code = code_at(world.now());
    world.second_step(&first, "000000").await;
    assert_eq!(lines.take(), ["netwrix sign-in wrong_code admin@1 -"]);
    world.second_step(&first, &code).await;
    assert_eq!(lines.take(), ["netwrix sign-in success admin@1 -"]);
    world.second_step(&first, &code).await;
    assert_eq!(lines.take(), ["netwrix sign-in stale_code admin@1 -"]);
    world.second_step("no-token", &code).await;
    assert_eq!(lines.take(), ["netwrix sign-in unauthenticated -@- -"]);

    world.aktion("admin").await;
    assert_eq!(lines.take(), ["aktion sign-in success admin@1 -"]);
    world.aktion_login("admin", &api_key("ada")).await;
    assert_eq!(lines.take(), ["aktion sign-in wrong_key admin@1 -"]);
    world.aktion_login("ghost", &api_key("ada")).await;
    assert_eq!(lines.take(), ["aktion sign-in unknown_login -@- -"]);

    world.lock_user("bob").await;
    lines.take();
    world.first_step("bob", PASSWORD).await;
    assert_eq!(lines.take(), ["netwrix sign-in locked_account bob@1 -"]);

    for _ in 0..5 {
        world.first_step("ada", "a wrong guess").await;
    }
    lines.take();
    world.first_step("ada", PASSWORD).await;
    assert_eq!(lines.take(), ["netwrix sign-in closed_source ada@1 -"]);
    world.strangers_have_tried("admin", 100, 0).await;
    lines.take();
    world.from("203.0.113.9").first_step("admin", PASSWORD).await;
    let line = lines.0.lock().unwrap().pop().unwrap();
    assert_eq!(
        (line["outcome"].as_str(), line["source"].as_str()),
        ("closed_to_strangers", "203.0.113.9")
    );
}

#[tokio::test]
async fn every_refused_change_of_a_lock_has_one_line_and_a_successful_one_has_none() {
    let world = World::with(operators(), false).await;
    let (lines, _guard) = Lines::start();
    let none = Vec::<String>::new();
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    lines.take();

    alice.action("ID5", "Lock").await;
    alice.action("ID5", "Lock").await;
    assert_eq!(lines.take(), none);
    bob.action("ID5", "Lock").await;
    bob.action("ID5", "Unlock").await;
    bob.action("no-such", "Lock").await;
    bob.action("ID5", "Explode").await;
    assert_eq!(
        lines.take(),
        [
            "sdm lock held_by_other bob@1 device/ID5",
            "sdm unlock held_by_other bob@1 device/ID5",
            "sdm lock not_found bob@1 device/no-such",
        ]
    );

    let holder = world.locks_with(world.bearer("bob").await);
    lines.take();
    let fence = holder.read("device/ID5").await.json()["fence"].clone();
    holder.hold("device/ID5", json!({"seconds": 600})).await;
    holder.release("device/ID5").await;
    holder
        .break_lock("device/ID5", json!({"fence": fence, "reason": "mine now"}))
        .await;
    world
        .locks_with("no-token".to_owned())
        .release("device/ID5")
        .await;
    assert_eq!(
        lines.take(),
        [
            "holdfast lock held_by_other bob@1 device/ID5",
            "holdfast unlock held_by_other bob@1 device/ID5",
            "holdfast break forbidden bob@1 device/ID5",
            "holdfast unlock unauthenticated -@- device/ID5",
        ]
    );

    let session = session_id(1);
    let request = json!({"activitySessionIds": [session], "locked": true, "lockActivity": true,
        "lockResource": false, "lockUser": false});
    world.lock_sessions("no-token", request.clone()).await;
    let bearer = world.bearer("bob").await;
    world.lock_sessions(&bearer, request).await;
    assert_eq!(
        lines.take(),
        [
            format!("netwrix lock unauthenticated -@- activity-session/{session}"),
            format!("netwrix lock forbidden bob@1 activity-session/{session}"),
        ]
    );

    let token = world.aktion("robot").await;
    lines.take();
    world.lock_user_by(&token, "bob", 1).await;
    world.lock_user_by(&token, "bob", 1).await;
    assert_eq!(lines.take(), none, "403 / 0: it remains unchanged");
    world.lock_user_by(&token, "no-such-user", 0).await;
    assert_eq!(lines.take().len(), 1);
}

#[tokio::test]
async fn every_reading_of_history_has_one_line() {
    let world = World::start().await;
    let (lines, _guard) = Lines::start();
    let admin = world.netwrix("admin").await;
    let bob = world.bearer("bob").await;
    lines.take();
    let read = async |token: &str, query: &str| {
        let request = world.http.get(world.url(&format!("/history?{query}")));
        world.send(request.bearer_auth(token)).await.status
    };
    assert_eq!(read(&admin, "kind=device&id=ID5").await, 200);
    assert_eq!(read(&admin, "actor=alice").await, 200);
    assert_eq!(read(&bob, "kind=device&id=ID5").await, 403);
    assert_eq!(read("no-token", "kind=device&id=ID5").await, 401);
    assert_eq!(read(&admin, "kind=device").await, 400);
    assert_eq!(
        lines.take(),
        [
            "holdfast read-history success admin@1 device/ID5",
            "holdfast read-history success admin@1 actor/alice",
            "holdfast read-history forbidden bob@1 device/ID5",
            "holdfast read-history unauthenticated -@- -",
        ]
    );
}
