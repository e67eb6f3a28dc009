//! The device reads (`docs/api.md`, "Devices").

use holdfast_tests::World;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

const DEVICES: &str = "/rest/v1.3/inventory/deviceMgmt/devices";

#[tokio::test]
async fn r200_a_device_in_either_format_with_its_lock() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    assert_snapshot!(alice.get("/ID5").await, @r#"
    200
    content-type: application/json

    {"id":"ID5","name":"sbc-boston","ip":"192.0.2.10","description":"A & B <x>","nfId":"","nfName":"","softwareInfo":"","connectivityStatus":"Unknown"}
    "#);
    alice.lock_for("ID5", "Second-60").await;
    assert_snapshot!(alice.get("/ID5").await, @r#"
    200
    content-type: application/json

    {"id":"ID5","name":"sbc-boston","ip":"192.0.2.10","description":"A & B <x>","nfId":"","nfName":"","softwareInfo":"","connectivityStatus":"Unknown","lock":{"owner":"alice","since":"2026-11-22T10:00:00Z","until":"2026-11-22T10:01:00Z","fence":1,"mine":true}}
    "#);
    let bob = world.sdm("bob").await;
    let xml = bob.request(Method::GET, &format!("{DEVICES}/ID5"));
    assert_snapshot!(world.send(xml).await, @"
    200
    content-type: application/xml

    <device><id>ID5</id><name>sbc-boston</name><ip>192.0.2.10</ip><description>A &amp; B &lt;x&gt;</description><nfId></nfId><nfName></nfName><softwareInfo></softwareInfo><connectivityStatus>Unknown</connectivityStatus><lock><owner>alice</owner><since>2026-11-22T10:00:00Z</since><until>2026-11-22T10:01:00Z</until><fence>1</fence><mine>false</mine></lock></device>
    ");
    assert_eq!(
        world.sdm("mona").await.get("/a%20b%252F~").await.json()["name"],
        "sbc-chicago"
    );
}

#[tokio::test]
async fn r200_the_list_by_name_of_the_callers_company() {
    let world = World::start().await;
    let mona = world.sdm("mona").await;
    world.sdm("alice").await.action("ID5", "Lock").await;
    assert_snapshot!(mona.get("").await, @r#"
    200
    content-type: application/json

    {"devices":[{"id":"ID6","name":"sbc-austin","ip":"192.0.2.11","description":"","nfId":"","nfName":"","softwareInfo":"","connectivityStatus":"Unknown"},{"id":"ID5","name":"sbc-boston","ip":"192.0.2.10","description":"A & B <x>","nfId":"","nfName":"","softwareInfo":"","connectivityStatus":"Unknown","lock":{"owner":"alice","since":"2026-11-22T10:00:00Z","fence":1,"mine":false}},{"id":"a b%2F~","name":"sbc-chicago","ip":"192.0.2.12","description":"","nfId":"","nfName":"","softwareInfo":"","connectivityStatus":"Unknown"}]}
    "#);
    let xml = mona.request(Method::GET, &format!("{DEVICES}?limit=1"));
    assert_snapshot!(world.send(xml).await, @"
    200
    content-type: application/xml

    <deviceList><devices><device><id>ID6</id><name>sbc-austin</name><ip>192.0.2.11</ip><description></description><nfId></nfId><nfName></nfName><softwareInfo></softwareInfo><connectivityStatus>Unknown</connectivityStatus></device></devices><nextToken>c2JjLWF1c3RpbgFJRDY</nextToken></deviceList>
    ");
    assert_eq!(
        world.sdm("zoe").await.get("").await.json()["devices"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repeat() {
    let devices: Vec<Value> = (0..250)
        // Names that repeat, so that the id has to keep the order total.
        .map(|n| json!({"company": "1", "id": format!("D{n:03}"), "name": format!("name-{:02}", n % 40)}))
        .collect();
    let directory = json!({
        "companies": [{"id": "1"}],
        "users": [{"company": "1", "login": "alice", "password": holdfast_tests::PASSWORD}],
        "devices": devices,
    });
    let world = World::with(directory, false).await;
    let alice = world.sdm("alice").await;
    for limit in [1, 7, 100, 249, 250, 1_000] {
        let (mut seen, mut token) = (Vec::new(), None::<String>);
        loop {
            let after = token
                .map(|token| format!("&nextToken={token}"))
                .unwrap_or_default();
            let page = alice.get(&format!("?limit={limit}{after}")).await.json();
            let entries = page["devices"].as_array().unwrap().clone();
            assert!(entries.len() <= limit);
            seen.extend(
                entries
                    .iter()
                    .map(|d| (d["name"].to_string(), d["id"].to_string())),
            );
            token = page
                .get("nextToken")
                .map(|token| token.as_str().unwrap().to_owned());
            if token.is_none() || (limit == 1 && seen.len() == 50) {
                break;
            }
            assert_eq!(entries.len(), limit, "a page before the last one is full");
        }
        assert!(seen.is_sorted(), "limit {limit}");
        assert_eq!(seen.len(), if limit == 1 { 50 } else { 250 });
    }
    assert_eq!(
        alice.get("").await.json()["devices"].as_array().unwrap().len(),
        100,
        "the default page"
    );
}

#[tokio::test]
async fn r400_for_a_page_that_cannot_be() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    for query in [
        "?limit=0",
        "?limit=1001",
        "?limit=x",
        "?limit=-1",
        "?limit=",
        "?nextToken=%25",
        "?nextToken=",
    ] {
        assert_eq!(alice.get(query).await.status, 400, "{query}");
    }
    assert_snapshot!(alice.get("?limit=0").await, @r#"
    400
    content-type: application/json

    {"status":400,"message":"The user input is invalid: limit must be 1 to 1000."}
    "#);
}

#[tokio::test]
async fn r401_r404_as_everywhere() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    for path in [DEVICES.to_owned(), format!("{DEVICES}/ID5")] {
        assert_eq!(world.send(world.http.get(world.url(&path))).await.status, 401);
        let other_version = path.replace("v1.3", "v1.9");
        assert_eq!(
            world.send(world.http.get(world.url(&other_version))).await.status,
            404
        );
    }
    for id in ["ID404", "ID9", "a%2Fb", "%C3%A9"] {
        let answer = alice.get(&format!("/{id}")).await;
        assert_eq!(answer.status, 404, "{id}");
    }
    assert_snapshot!(alice.get("/ID404").await, @r#"
    404
    content-type: application/json

    {"status":404,"message":"The object (resource URI, device, and so on) of your input request cannot be found."}
    "#);
}

#[tokio::test]
async fn times_have_as_many_digits_of_a_second_as_they_need() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    for (wait, since, until) in [
        (0, "2026-11-22T10:00:00Z", "2026-11-22T10:10:00Z"),
        (120, "2026-11-22T10:00:00.12Z", "2026-11-22T10:10:00.12Z"),
        (5, "2026-11-22T10:00:00.125Z", "2026-11-22T10:10:00.125Z"),
    ] {
        world.clock.advance(std::time::Duration::from_millis(wait));
        assert_eq!(alice.lock_for("ID5", "Second-600").await.status, 204);
        let lock = alice.get("/ID5").await.json()["lock"].clone();
        assert_eq!(
            (lock["since"].as_str(), lock["until"].as_str()),
            (Some(since), Some(until))
        );
        assert_eq!(alice.action("ID5", "Unlock").await.status, 204);
    }
}
