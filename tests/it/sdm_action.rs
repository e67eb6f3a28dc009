//! The device lock's table, row by row (`docs/api.md`, "Device lock").

use holdfast_tests::{Answer, Listing, Sdm, Verdict, World, action_path};
use insta::assert_snapshot;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

const XML: &str = "application/xml";
const JSON: &str = "application/json";
const LOCK_XML: &str = "<deviceAction><type>Lock</type></deviceAction>";

async fn post(
    world: &World,
    caller: &Sdm<'_>,
    path: &str,
    media: &str,
    body: impl Into<reqwest::Body>,
) -> Answer {
    world
        .send(
            caller
                .request(Method::POST, path)
                .header(CONTENT_TYPE, media)
                .body(body),
        )
        .await
}

#[tokio::test]
async fn r204_locked_and_already_locked_by_the_same_user() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    let locked = alice.action("ID5", "Lock").await;
    assert_snapshot!(locked, @"
    204
    lock-fence: 1
    timeout: Infinite
    ");
    world.wait(60);
    // Again, also in XML and through another session: the lock is the user's, and nothing changes.
    let again = post(
        &world,
        &world.sdm("alice").await,
        &action_path("ID5"),
        XML,
        LOCK_XML,
    )
    .await;
    assert_eq!((again.status, again.fence()), (204, 1));
    let device = alice.get("/ID5").await.json();
    assert_eq!(device["lock"]["since"], "2026-11-22T10:00:00Z");
}

#[tokio::test]
async fn r204_unlocked_and_already_free() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    assert_eq!(
        alice.action("ID5", "Unlock").await.status,
        204,
        "free from the beginning"
    );
    alice.action("ID5", "Lock").await;
    assert_snapshot!(alice.action("ID5", "Unlock").await, @"
    204
    lock-fence: 1
    ");
    assert_eq!(alice.action("ID5", "Unlock").await.status, 204);
    assert!(alice.get("/ID5").await.json().get("lock").is_none());
}

#[tokio::test]
async fn r204_for_every_group_that_may_lock() {
    let world = World::start().await;
    for (login, device) in [("alice", "ID5"), ("admin", "ID6"), ("lia", "a%20b%252F~")] {
        assert_eq!(
            world.sdm(login).await.action(device, "Lock").await.status,
            204,
            "{login}"
        );
    }
}

#[tokio::test]
async fn r204_in_all_versions_and_media_types() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    for version in ["v1.0", "v1.1", "v1.2", "v1.3"] {
        let path = action_path("ID5").replace("v1.3", version);
        for (media, body) in [
            (XML, LOCK_XML),
            (
                "text/xml; charset=utf-8",
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<deviceAction>\n <type>Lock</type>\n</deviceAction>",
            ),
            (JSON, "{\"type\":\"Lock\"}"),
            ("text/json", "{ \"type\" : \"\\u004cock\", \"later\": [1, {}] }"),
        ] {
            assert_eq!(
                post(&world, &alice, &path, media, body).await.status,
                204,
                "{version} {media}"
            );
        }
    }
}

#[tokio::test]
async fn r400_for_every_body_that_is_not_an_action() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    let mut answers = Listing::default();
    for (name, media, body) in [
        ("no_body", XML, ""),
        ("malformed_xml", XML, "<deviceAction><type>Lock</deviceAction>"),
        ("malformed_json", JSON, "{\"type\":\"Lock\""),
        (
            "wrong_type",
            XML,
            "<deviceAction><type>lock</type></deviceAction>",
        ),
        ("missing_type", JSON, "{}"),
        ("type_is_no_text", JSON, "{\"type\":1}"),
        (
            "repeated_element",
            XML,
            "<deviceAction><type>Lock</type><type>Unlock</type></deviceAction>",
        ),
        ("repeated_member", JSON, "{\"type\":\"Lock\",\"type\":\"Unlock\"}"),
        ("other_root", XML, "<action><type>Lock</type></action>"),
        (
            "entity",
            XML,
            "<!DOCTYPE d [<!ENTITY e \"Lock\">]><deviceAction><type>&e;</type></deviceAction>",
        ),
        ("wrapped_json", JSON, "{\"deviceAction\":{\"type\":\"Lock\"}}"),
    ] {
        let answer = post(&world, &alice, &action_path("ID5"), media, body).await;
        assert_eq!(answer.status, 400, "{name}");
        answers.add(name, answer);
    }
    assert_snapshot!(answers, @r#"
    no_body: 400, content-type: application/xml
      <error><status>400</status><message>The user input is invalid: there is no body.</message></error>
    malformed_xml: 400, content-type: application/xml
      <error><status>400</status><message>The user input is invalid: the XML is not well-formed.</message></error>
    malformed_json: 400, content-type: application/json
      {"status":400,"message":"The user input is invalid: the body is not a JSON object."}
    wrong_type: 400, content-type: application/xml
      <error><status>400</status><message>The user input is invalid: type must be Lock or Unlock.</message></error>
    missing_type: 400, content-type: application/json
      {"status":400,"message":"The user input is invalid: type must be Lock or Unlock."}
    type_is_no_text: 400, content-type: application/json
      {"status":400,"message":"The user input is invalid: type must be Lock or Unlock."}
    repeated_element: 400, content-type: application/xml
      <error><status>400</status><message>The user input is invalid: an element or member appears more than once.</message></error>
    repeated_member: 400, content-type: application/json
      {"status":400,"message":"The user input is invalid: an element or member appears more than once."}
    other_root: 400, content-type: application/xml
      <error><status>400</status><message>The user input is invalid: the XML has another root element.</message></error>
    entity: 400, content-type: application/xml
      <error><status>400</status><message>The user input is invalid: the XML has a document type, which is not accepted.</message></error>
    wrapped_json: 400, content-type: application/json
      {"status":400,"message":"The user input is invalid: type must be Lock or Unlock."}
    "#);
    let not_utf8 = post(&world, &alice, &action_path("ID5"), JSON, vec![0xff_u8, 0xfe]).await;
    assert_eq!(not_utf8.status, 400);
    assert!(
        alice.get("/ID5").await.json().get("lock").is_none(),
        "a refused request changed the device"
    );
}

#[tokio::test]
async fn r400_invalid_device_id() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    let too_long = "x".repeat(129);
    for id in ["a%2Fb", "a%3Fb", "a%23b", "%C3%A9", "a%0Ab", &too_long] {
        assert_eq!(alice.action(id, "Lock").await.status, 400, "{id}");
    }
    assert_snapshot!(alice.action("a%2Fb", "Lock").await, @r#"
    400
    content-type: application/json

    {"status":400,"message":"The user input is invalid: a device id is 1 to 128 printable ASCII characters other than '/', '?' and '#'."}
    "#);
}

#[tokio::test]
async fn r400_invalid_timeout_which_an_unlock_ignores() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    for timeout in ["Second-0", "Second-86401", "600", "Extend-1", ""] {
        assert_eq!(alice.lock_for("ID5", timeout).await.status, 400, "{timeout:?}");
    }
    assert_snapshot!(alice.lock_for("ID5", "Second-0").await, @r#"
    400
    content-type: application/json

    {"status":400,"message":"The user input is invalid: Timeout must be Infinite or Second-1 to Second-86400."}
    "#);
    alice.action("ID5", "Lock").await;
    let unlock = alice
        .request(Method::POST, &action_path("ID5"))
        .header(CONTENT_TYPE, JSON)
        .header("Timeout", "nonsense")
        .body("{\"type\":\"Unlock\"}");
    assert_eq!(world.send(unlock).await.status, 204);
}

#[tokio::test]
async fn r401_without_a_session_that_holds() {
    let world = World::start().await;
    let no_cookie = world
        .http
        .post(world.url(&action_path("ID5")))
        .header(CONTENT_TYPE, XML)
        .body(LOCK_XML);
    assert_snapshot!(world.send(no_cookie).await, @"
    401
    content-type: application/xml

    <error><status>401</status><message>The request is not authorized.</message></error>
    ");

    let alice = world.sdm("alice").await;
    let mut unknown = alice.clone();
    unknown
        .token
        .replace_range(0..1, if unknown.token.starts_with('A') { "B" } else { "A" });
    assert_eq!(unknown.action("ID5", "Lock").await.status, 401, "unknown");
    let mut nonsense = alice.clone();
    nonsense.token = "nonsense".to_owned();
    assert_eq!(nonsense.action("ID5", "Lock").await.status, 401, "nonsense");

    alice.logout().await;
    assert_eq!(alice.action("ID5", "Lock").await.status, 401, "signed out");
    let alice = world.sdm("alice").await;
    world.wait(30 * 60);
    assert_eq!(
        alice.action("ID5", "Lock").await.status,
        401,
        "idle for 30 minutes"
    );
}

/// The seed's own sample, with the session that it presumes and without the body that it leaves out: a device
/// action without a body is a 400, and only for a caller who is signed in.
#[tokio::test]
async fn the_documented_sample_needs_a_session_and_a_body() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    let sample = |request: reqwest::RequestBuilder| request.header(ACCEPT, XML).header(CONTENT_TYPE, XML);
    let path = action_path("ID5");
    let signed_in = sample(alice.request(Method::POST, &path));
    assert_eq!(world.send(signed_in).await.status, 400);
    let stranger = sample(world.http.post(world.url(&path)));
    assert_eq!(world.send(stranger).await.status, 401);
    let with_body = sample(alice.request(Method::POST, &path)).body(LOCK_XML);
    assert_eq!(world.send(with_body).await.status, 204);
}

#[tokio::test]
async fn r403_for_groups_that_only_read() {
    let world = World::start().await;
    let mona = world.sdm("mona").await;
    assert_snapshot!(mona.action("ID5", "Lock").await, @r#"
    403
    content-type: application/json

    {"status":403,"message":"The user's group may not lock or unlock devices."}
    "#);
    assert_eq!(mona.action("ID5", "Unlock").await.status, 403);
    assert_eq!(
        world.sdm("nobody").await.action("ID5", "Lock").await.status,
        403,
        "in no group"
    );
}

#[tokio::test]
async fn r404_for_a_version_or_device_that_is_not_there() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    for version in ["v1.4", "v1", "1.3", "V1.3"] {
        let path = action_path("ID5").replace("v1.3", version);
        // The version is looked at before anything else, a session included.
        let stranger = world.http.post(world.url(&path));
        assert_eq!(world.send(stranger).await.status, 404, "{version}");
    }
    let path = action_path("ID5").replace("v1.3", "v2.0");
    assert_snapshot!(post(&world, &alice, &path, XML, LOCK_XML).await, @"
    404
    content-type: application/xml

    <error><status>404</status><message>The REST API version of your input request cannot be found.</message></error>
    ");
    assert_snapshot!(alice.action("ID404", "Lock").await, @r#"
    404
    content-type: application/json

    {"status":404,"message":"The object (resource URI, device, and so on) of your input request cannot be found."}
    "#);
    // Another company's device is none.
    let foreign = alice.action("ID9", "Lock").await;
    assert_eq!(foreign.body, alice.action("ID404", "Lock").await.body);
    assert_eq!(world.sdm("zoe").await.action("ID9", "Lock").await.status, 204);
}

#[tokio::test]
async fn r413_over_64_kib_before_the_session_is_looked_at() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    let padded = |size: usize| format!("{{\"type\":\"Lock\"{}}}", " ".repeat(size - 15));
    let path = action_path("ID5");
    assert_eq!(
        post(&world, &alice, &path, JSON, padded(64 * 1024)).await.status,
        204
    );
    assert_snapshot!(post(&world, &alice, &path, JSON, padded(64 * 1024 + 1)).await, @r#"
    413
    content-type: application/json

    {"status":413,"message":"The request body is larger than 65536 bytes."}
    "#);
    let stranger = world
        .http
        .post(world.url(&path))
        .header(CONTENT_TYPE, JSON)
        .body(padded(70_000));
    assert_eq!(world.send(stranger).await.status, 413);
}

#[tokio::test]
async fn r415_for_a_body_that_is_neither_xml_nor_json() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    let path = action_path("ID5");
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
    ] {
        assert_eq!(
            post(&world, &alice, &path, media, LOCK_XML).await.status,
            415,
            "{media}"
        );
    }
    let untyped = alice.request(Method::POST, &path).body(LOCK_XML);
    assert_snapshot!(world.send(untyped).await, @"
    415
    content-type: application/xml

    <error><status>415</status><message>The body must be application/xml or application/json, and the request has no Content-Type.</message></error>
    ");
}

#[tokio::test]
async fn r423_for_lock_and_unlock_alike_naming_the_holder() {
    let world = World::start().await;
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    alice.action("ID5", "Lock").await;
    assert_snapshot!(bob.action("ID5", "Lock").await, @r#"
    423
    content-type: application/json

    {"status":423,"message":"The device is locked by another user.","lock":{"owner":"alice","since":"2026-11-22T10:00:00Z"}}
    "#);
    assert_eq!(
        bob.action("ID5", "Unlock").await.body,
        bob.action("ID5", "Lock").await.body
    );
    let xml = bob
        .request(Method::POST, &action_path("ID5"))
        .header(CONTENT_TYPE, XML)
        .body(LOCK_XML);
    assert_snapshot!(world.send(xml).await, @"
    423
    content-type: application/xml

    <error><status>423</status><message>The device is locked by another user.</message><lock><owner>alice</owner><since>2026-11-22T10:00:00Z</since></lock></error>
    ");
    let json_for_xml = bob
        .request(Method::POST, &action_path("ID5"))
        .header(CONTENT_TYPE, XML)
        .header(ACCEPT, JSON)
        .body(LOCK_XML);
    assert_eq!(world.send(json_for_xml).await.header("content-type"), Some(JSON));
    alice.lock_for("ID5", "Second-90").await;
    assert_snapshot!(bob.action("ID5", "Lock").await, @r#"
    423
    content-type: application/json

    {"status":423,"message":"The device is locked by another user.","lock":{"owner":"alice","since":"2026-11-22T10:00:00Z","until":"2026-11-22T10:01:30Z"}}
    "#);
    assert_eq!(
        alice.action("ID5", "Unlock").await.status,
        204,
        "the owner's unlock was not touched"
    );
}

#[tokio::test]
async fn r500_shows_nothing_of_what_went_wrong() {
    let world = World::behind_proxy().await;
    let alice = world.sdm("alice").await;
    let proxy = world.proxy.as_ref().unwrap();
    proxy.judge(|call| match call.operation.as_str() {
        "UpdateItem" => Verdict::error(400, "ValidationException"),
        _ => Verdict::Pass,
    });
    assert_snapshot!(alice.action("ID5", "Lock").await, @r#"
    500
    content-type: application/json

    {"status":500,"message":"An internal error occurred."}
    "#);
}

#[tokio::test]
async fn r503_where_the_store_is_throttled_or_gone() {
    let world = World::behind_proxy().await;
    let alice = world.sdm("alice").await;
    let proxy = world.proxy.as_ref().unwrap();
    for (operation, status, code) in [
        ("BatchGetItem", 400, "ProvisionedThroughputExceededException"),
        ("UpdateItem", 400, "ThrottlingException"),
        ("UpdateItem", 500, "InternalServerError"),
        ("UpdateItem", 503, "ServiceUnavailable"),
    ] {
        proxy.forget();
        proxy.judge(move |call| {
            if call.operation == operation {
                Verdict::error(status, code)
            } else {
                Verdict::Pass
            }
        });
        let answer = alice.action("ID5", "Lock").await;
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (503, Some("1")),
            "{code}"
        );
        let tries = proxy
            .operations()
            .iter()
            .filter(|name| *name == operation)
            .count();
        assert_eq!(tries, 3, "{code}: the SDK tries three times");
    }
    assert_snapshot!(alice.action("ID5", "Lock").await, @r#"
    503
    content-type: application/json
    retry-after: 1

    {"status":503,"message":"The service is temporarily unavailable; try again."}
    "#);
}

#[tokio::test]
async fn a_lease_runs_out_to_the_millisecond_and_is_taken_over_at_once() {
    let world = World::start().await;
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    let leased = alice.lock_for("ID5", "Second-600").await;
    assert_eq!(
        (leased.header("timeout"), leased.fence()),
        (Some("Second-600"), 1)
    );
    world.clock.advance(std::time::Duration::from_millis(599_999));
    assert_eq!(bob.action("ID5", "Lock").await.status, 423);
    assert_eq!(
        alice.get("/ID5").await.json()["lock"]["until"],
        "2026-11-22T10:10:00Z"
    );
    world.clock.advance(std::time::Duration::from_millis(1));
    assert!(
        alice.get("/ID5").await.json().get("lock").is_none(),
        "it reads as free"
    );
    assert_eq!(
        alice.action("ID5", "Unlock").await.status,
        204,
        "there is nothing left to unlock"
    );
    let taken = bob.action("ID5", "Lock").await;
    assert_eq!(
        (taken.status, taken.fence(), taken.header("timeout")),
        (204, 2, Some("Infinite"))
    );
    assert_eq!(
        alice.action("ID5", "Unlock").await.status,
        423,
        "the late holder is just another user"
    );
}

#[tokio::test]
async fn the_owner_renews_by_locking_again() {
    let world = World::start().await;
    let alice = world.sdm("alice").await;
    let granted = |answer: Answer| (answer.header("timeout").map(str::to_owned), answer.fence());
    let expected = |timeout: &str| (Some(timeout.to_owned()), 1);
    assert_eq!(
        granted(alice.lock_for("ID5", "Second-600").await),
        expected("Second-600")
    );
    world.wait(100);
    // No header leaves the lease as it is: what is left of it.
    assert_eq!(granted(alice.action("ID5", "Lock").await), expected("Second-500"));
    // A value replaces it, also by a shorter one.
    assert_eq!(
        granted(alice.lock_for("ID5", "Second-60").await),
        expected("Second-60")
    );
    // Infinite ends the lease and keeps the lock.
    assert_eq!(
        granted(alice.lock_for("ID5", "Infinite").await),
        expected("Infinite")
    );
    world.wait(1_000);
    assert_eq!(granted(alice.action("ID5", "Lock").await), expected("Infinite"));
    // A lock without end becomes a lease; of a list the first understood value counts.
    assert_eq!(
        granted(alice.lock_for("ID5", "Extend-9, Second-5, Infinite").await),
        expected("Second-5")
    );
    world.wait(5);
    assert!(alice.get("/ID5").await.json().get("lock").is_none());
}

#[tokio::test]
async fn the_fence_never_goes_back() {
    let world = World::start().await;
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    for round in 1..=3 {
        for (caller, fence) in [(&alice, 2 * round - 1), (&bob, 2 * round)] {
            assert_eq!(caller.action("ID5", "Lock").await.fence(), fence);
            assert_eq!(
                caller.action("ID5", "Lock").await.fence(),
                fence,
                "one's own lock keeps its fence"
            );
            assert_eq!(caller.action("ID5", "Unlock").await.fence(), fence);
        }
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_a_404() {
    let world = World::start().await;
    for path in ["/rest/v1.3/inventory/deviceMgmt/devices/ID5/action/", "/nothing"] {
        let answer = world.send(world.http.post(world.url(path))).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let wrong_method = world.http.get(world.url(&action_path("ID5")));
    assert_eq!(world.send(wrong_method).await.header("allow"), Some("POST"));
    let page = world
        .http
        .get(world.url("/"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        page.contains("/rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}/action"),
        "{page}"
    );
}
