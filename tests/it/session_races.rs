//! Sixteen admins, two thousand overlapping requests: everything that was acknowledged holds together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use holdfast::store::{Item, Table};
use holdfast_tests::{World, people, session_id};
use serde_json::{Value, json};

const ADMINS: usize = 16;
const REQUESTS_EACH: usize = 125;
/// After so many requests of its own each admin takes a snapshot of the whole table, while the others go on.
const REQUESTS_A_SNAPSHOT: usize = 20;
const SESSIONS: usize = 40;
const USERS: usize = 5;

/// A small generator of one's own: the same requests in every run, whatever the order in which they are served.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// One request, when it was sent and answered, and what it was about.
struct Event {
    admin: usize,
    sent: u64,
    answered: u64,
    locked: bool,
    status: u16,
    rows: BTreeSet<String>,
    conflicts: Vec<(String, String)>,
    /// The invocation's id, which only a refusal tells.
    refused_as: Option<String>,
}

fn user_of(session: usize) -> String {
    format!("worker-{}", session % USERS)
}

/// The keys of the rows that a request is about.
fn rows_of(sessions: &BTreeSet<usize>, scopes: [bool; 3]) -> BTreeSet<String> {
    let mut rows = BTreeSet::new();
    for session in sessions {
        if scopes[0] {
            rows.insert(format!("activity-session/{}", session_id(1_000 + session)));
        }
        if scopes[1] {
            rows.insert(format!("access/{}/{}", holdfast_tests::DB01, user_of(*session)));
        }
        if scopes[2] {
            rows.insert(format!("user/{}", user_of(*session)));
        }
    }
    rows
}

fn row_of_conflict(conflict: &Value) -> String {
    let id = conflict["id"].as_str().unwrap();
    match conflict["scope"].as_str().unwrap() {
        "activity" => format!("activity-session/{id}"),
        "resource" => format!("access/{id}"),
        _ => format!("user/{id}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_overlapping_requests_hold_together() {
    let admins: Vec<String> = (0..ADMINS).map(|n| format!("admin-{n:02}")).collect();
    let workers: Vec<String> = (0..USERS).map(|n| format!("worker-{n}")).collect();
    let mut directory = people(&[admins.clone(), workers].concat());
    directory["activity_sessions"].as_array_mut().unwrap().extend((0..SESSIONS).map(|n| {
        json!({"company": "1", "id": session_id(1_000 + n), "user": user_of(n), "resource": "db01", "activity": "RDP"})
    }));
    let world = World::with(directory, false).await;
    let tokens = join_all(admins.iter().map(|admin| world.netwrix(admin))).await;
    let moment = AtomicU64::new(0);
    let tick = || moment.fetch_add(1, Ordering::SeqCst);

    let run = join_all((0..ADMINS).map(|admin| {
        let (world, token, tick) = (&world, &tokens[admin], &tick);
        async move {
            let mut dice = Dice(admin as u64 + 1);
            let mut events = Vec::with_capacity(REQUESTS_EACH);
            let mut snapshots = Vec::new();
            // What was acknowledged and not given back: most unlocks are for something that is held.
            let mut held: Vec<(BTreeSet<usize>, [bool; 3])> = Vec::new();
            for number in 1..=REQUESTS_EACH {
                let locked = held.is_empty() || dice.roll(2) == 0;
                let kept = if locked || dice.roll(8) == 0 {
                    None
                } else {
                    held.pop()
                };
                let (sessions, scopes) = kept.unwrap_or_else(|| {
                    let count = 1 + dice.roll(3);
                    let sessions: BTreeSet<usize> = (0..count)
                        .map(|_| usize::try_from(dice.roll(SESSIONS as u64)).unwrap())
                        .collect();
                    let mut scopes = [dice.roll(2) == 0, dice.roll(4) == 0, dice.roll(4) == 0];
                    scopes[0] |= scopes == [false; 3];
                    (sessions, scopes)
                });
                let ids: Vec<String> = sessions.iter().map(|n| session_id(1_000 + n)).collect();
                let sent = tick();
                let answer = world
                    .lock_sessions(
                        token,
                        json!({"activitySessionIds": ids, "locked": locked,
                        "lockActivity": scopes[0], "lockResource": scopes[1], "lockUser": scopes[2]}),
                    )
                    .await;
                let answered = tick();
                if locked && answer.status == 200 {
                    held.push((sessions.clone(), scopes));
                }
                let refused_as =
                    (answer.status == 409).then(|| answer.json()["traceId"].as_str().unwrap().to_owned());
                assert!(matches!(answer.status, 200 | 409 | 503), "{answer}");
                let conflicts = if answer.status == 409 {
                    let locks = answer.json()["locks"].as_array().unwrap().clone();
                    assert!(!locks.is_empty());
                    locks
                        .iter()
                        .map(|lock| (row_of_conflict(lock), lock["owner"].as_str().unwrap().to_owned()))
                        .collect()
                } else {
                    Vec::new()
                };
                let rows = rows_of(&sessions, scopes);
                events.push(Event {
                    admin,
                    sent,
                    answered,
                    locked,
                    status: answer.status,
                    rows,
                    conflicts,
                    refused_as,
                });
                if number.is_multiple_of(REQUESTS_A_SNAPSHOT) {
                    // One page of a scan is one moment.
                    snapshots.push(world.rows(Table::Resources).await);
                }
            }
            (events, snapshots)
        }
    }))
    .await;
    let (events, snapshots): (Vec<_>, Vec<_>) = run.into_iter().unzip();
    let events: Vec<Event> = events.into_iter().flatten().collect();
    let snapshots: Vec<Vec<Item>> = snapshots.into_iter().flatten().collect();

    let done = events.iter().filter(|event| event.status == 200).count();
    let refused = events.iter().filter(|event| event.status == 409).count();
    assert!(
        done > 200 && refused > 200,
        "{done} done, {refused} refused: too one-sided to prove anything"
    );

    conflicts_are_about_the_request_and_others(&events, &admins);
    no_two_held_a_lock_at_once(&events);
    every_final_owner_was_told(&world, &events, &admins).await;
    nothing_of_a_refused_request_was_ever_written(&events, &snapshots);
    every_change_was_whole(&snapshots);
    what_nobody_touched_since_is_as_it_was_told(&world, &events, &admins).await;
}

fn conflicts_are_about_the_request_and_others(events: &[Event], admins: &[String]) {
    for event in events {
        for (row, owner) in &event.conflicts {
            assert!(event.rows.contains(row), "{row} is none of the request's");
            assert_ne!(owner, &admins[event.admin], "one's own lock is no conflict");
        }
    }
}

/// From the answer to a lock until the next request of the same admin that may release it is *sent*, the admin holds
/// it for sure. Two such spans of different admins on one row never overlap.
fn no_two_held_a_lock_at_once(events: &[Event]) {
    let mut spans: BTreeMap<&str, Vec<(u64, u64, usize)>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.status == 200 && event.locked) {
        for row in &event.rows {
            let released = events
                .iter()
                .filter(|other| other.admin == event.admin && !other.locked && other.status != 409)
                .filter(|other| other.sent > event.answered && other.rows.contains(row))
                .map(|other| other.sent)
                .min()
                .unwrap_or(u64::MAX);
            spans
                .entry(row)
                .or_default()
                .push((event.answered, released, event.admin));
        }
    }
    for (row, mut spans) in spans {
        spans.sort_unstable();
        for (n, (from, until, admin)) in spans.iter().enumerate() {
            for (other_from, _, other) in &spans[n + 1..] {
                assert!(
                    admin == other || other_from >= until,
                    "{row}: acknowledged to {admin} from {from} to {until}, and to {other} at {other_from}"
                );
            }
        }
    }
}

fn text(row: &Item, attribute: &str) -> Option<String> {
    row.get(attribute).and_then(|value| value.as_s().ok()).cloned()
}

async fn every_final_owner_was_told(world: &World, events: &[Event], admins: &[String]) {
    let mut locked = 0;
    for row in world.rows(Table::Resources).await {
        let pk = text(&row, "pk").unwrap();
        if let Some(owner) = text(&row, "lock_owner") {
            locked += 1;
            let told = events.iter().any(|event| {
                event.locked
                    && event.status == 200
                    && admins[event.admin] == owner
                    && event.rows.contains(&pk)
            });
            assert!(told, "{owner} owns {pk} and was never told so");
        }
    }
    assert!(locked > 0);
}

/// Every write leaves its invocation's id on the row.
fn nothing_of_a_refused_request_was_ever_written(events: &[Event], snapshots: &[Vec<Item>]) {
    let refused: BTreeSet<&str> = events
        .iter()
        .filter_map(|event| event.refused_as.as_deref())
        .collect();
    assert!(snapshots.len() > 50, "{} snapshots", snapshots.len());
    for row in snapshots.iter().flatten() {
        let by = row.get("by").and_then(|by| by.as_m().ok());
        let writers = [by.and_then(|by| text(by, "request")), text(row, "lock_request")];
        for writer in writers.into_iter().flatten() {
            assert!(
                !refused.contains(writer.as_str()),
                "a refused request wrote {:?}",
                text(row, "pk")
            );
        }
    }
}

/// In no moment is a row half locked, and what one invocation acquired has one owner and one beginning.
fn every_change_was_whole(snapshots: &[Vec<Item>]) {
    for snapshot in snapshots {
        let mut acquired = BTreeMap::new();
        for row in snapshot {
            let lock =
                ["lock_owner", "lock_since", "lock_shard", "lock_order"].map(|name| row.contains_key(name));
            assert!(
                lock == [true; 4] || lock == [false; 4],
                "{:?} is half locked: {lock:?}",
                text(row, "pk")
            );
            // The latest acquisition's request stays on the row; it is the owner's while the row is locked.
            if let Some(request) = text(row, "lock_request").filter(|_| lock[0]) {
                let tenure = (text(row, "lock_owner"), row["lock_since"].clone());
                assert_eq!(acquired.entry(request).or_insert_with(|| tenure.clone()), &tenure);
            }
        }
    }
}

/// A request that was told 200, and whose rows no other request can have changed since, has all of them.
async fn what_nobody_touched_since_is_as_it_was_told(world: &World, events: &[Event], admins: &[String]) {
    let owners: BTreeMap<String, Option<String>> = world
        .rows(Table::Resources)
        .await
        .iter()
        .map(|row| (text(row, "pk").unwrap(), text(row, "lock_owner")))
        .collect();
    let mut looked_at = 0;
    for event in events.iter().filter(|event| event.status == 200) {
        for row in &event.rows {
            let touched_since = events.iter().any(|other| {
                !std::ptr::eq(event, other)
                    && other.answered > event.sent
                    && other.status != 409
                    && other.rows.contains(row)
            });
            if !touched_since {
                looked_at += 1;
                let owner = owners.get(row).cloned().flatten();
                assert_eq!(owner, event.locked.then(|| admins[event.admin].clone()), "{row}");
            }
        }
    }
    assert!(looked_at > 20, "{looked_at}");
}
