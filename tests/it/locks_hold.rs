//! Holdfast's own dialect: a lock of any kind is held, renewed and released.

use std::sync::Arc;

use holdfast_tests::{
    DB01, FOREIGN_DB01, PASSWORD, Sdm, Verdict, World, api_key, operators, problem, session_id,
};
use reqwest::Method;
use serde_json::{Value, json};

async fn world() -> World {
    World::with(operators(), false).await
}

/// A target of each kind, none of which keeps out those who lock it here.
fn targets() -> [String; 4] {
    [
        "device/ID5".to_owned(),
        "user/bob".to_owned(),
        format!("activity-session/{}", session_id(1)),
        format!("access/{DB01}:bob"),
    ]
}

#[tokio::test]
async fn one_vocabulary_for_every_kind() {
    let world = world().await;
    let oscar = world.locks("oscar").await;
    let names = ["sbc-boston", "Name of bob", "db01", "db01"];
    for (target, name) in targets().into_iter().zip(names) {
        let (kind, id) = target.split_once('/').unwrap();
        let lock = json!({"kind": kind, "id": id, "name": name, "owner": "oscar", "mine": true,
            "since": "2026-11-22T10:00:00Z", "fence": 1});
        let taken = oscar.hold(&target, json!({})).await;
        assert_eq!(
            (taken.status, taken.json()),
            (201, json!({"lock": lock, "changed": true}))
        );
        let again = oscar.hold(&target, json!({})).await;
        assert_eq!(
            (again.status, again.json()),
            (200, json!({"lock": lock, "changed": false}))
        );

        let mut told = lock.clone();
        told["title"] = json!("Maintenance");
        told["message"] = json!("Until ten");
        told["until"] = json!("2026-11-22T10:10:00Z");
        let body = json!({"seconds": 600, "title": "Maintenance", "message": "Until ten", "fence": 1});
        let renewed = oscar.hold(&target, body.clone()).await;
        assert_eq!(
            (renewed.status, renewed.json()),
            (200, json!({"lock": told, "changed": true}))
        );
        let again = oscar.hold(&target, body).await;
        assert_eq!(
            (again.status, again.json()),
            (200, json!({"lock": told, "changed": false}))
        );

        told["mine"] = json!(false);
        let read = world.locks("audrey").await.read(&target).await;
        let expected =
            json!({"kind": kind, "id": id, "name": name, "fence": 1, "lock": told, "lastBreak": null});
        assert_eq!((read.status, read.json()), (200, expected));

        let released = oscar.release(&target).await;
        assert_eq!(
            (released.status, released.json()),
            (200, json!({"changed": true, "fence": 1}))
        );
        let again = oscar.release(&target).await;
        assert_eq!(
            (again.status, again.json()),
            (200, json!({"changed": false, "fence": 1}))
        );
        let read = oscar.read(&target).await.json();
        assert_eq!((&read["lock"], &read["fence"]), (&json!(null), &json!(1)));
    }
}

#[tokio::test]
async fn the_answer_to_a_hold_is_json_like_this() {
    let world = world().await;
    let bob = world.locks("bob").await;
    insta::assert_snapshot!(bob.hold("device/a%20b%252F~", json!({"seconds": 60})).await, @r#"
    201
    content-type: application/json

    {"lock":{"kind":"device","id":"a b%2F~","name":"sbc-chicago","owner":"bob","mine":true,"since":"2026-11-22T10:00:00Z","until":"2026-11-22T10:01:00Z","fence":1},"changed":true}
    "#);
}

#[tokio::test]
async fn who_may_hold_and_release() {
    let world = world().await;
    let (ended, others) = (session_id(2), session_id(9));
    let admin = world.bearer("admin").await;
    assert_eq!(world.end_session(&admin, &ended).await.status, 202);
    let session = format!("activity-session/{}", session_id(1));
    let pair = format!("access/{DB01}:bob");
    let forbidden = "403 /problems/forbidden";
    let absent = "404 /problems/not-found";
    let invalid = "400 /problems/invalid-request";
    for (login, target, refused) in [
        ("mona", "device/ID5", forbidden),
        ("olga", "device/ID5", forbidden),
        ("nobody", "device/ID404", forbidden),
        ("bob", "device/ID404", absent),
        ("bob", "device/ID9", absent),
        ("viewer", "user/bob", forbidden),
        ("editor", "user/bob", forbidden),
        ("olga", "user/bob", forbidden),
        ("salesman", "user/bob", forbidden),
        ("oscar", "user/oscar", forbidden),
        ("oscar", "user/daemon", absent),
        ("oscar", "user/unknown", absent),
        ("oscar", "user/zoe", absent),
        ("bob", session.as_str(), forbidden),
        ("audrey", session.as_str(), forbidden),
        ("oscar", &format!("activity-session/{others}"), absent),
        ("bob", &pair, forbidden),
        ("oscar", &format!("access/{FOREIGN_DB01}:bob"), absent),
        ("oscar", &format!("access/{DB01}:zoe"), absent),
        ("oscar", &format!("access/{DB01}:daemon"), absent),
        ("oscar", &format!("access/{DB01}:unknown"), absent),
        ("oscar", &format!("access/{}:bob", session_id(7)), absent),
    ] {
        let caller = world.locks(login).await;
        let answer = caller.hold(target, json!({})).await;
        assert_eq!(problem(&answer), refused, "{login} holds {target}: {answer}");
        let answer = caller.release(target).await;
        assert_eq!(problem(&answer), refused, "{login} releases {target}: {answer}");
    }
    // What came with a session stays releasable after its end.
    let oscar = world.locks("oscar").await;
    let ended = format!("activity-session/{ended}");
    let answer = oscar.hold(&ended, json!({})).await;
    assert_eq!(problem(&answer), invalid);
    assert_eq!(
        answer.json()["errors"],
        json!({"$": ["The activity session has ended."]})
    );
    assert_eq!(
        oscar.release(&ended).await.json(),
        json!({"changed": false, "fence": 0})
    );
}

#[tokio::test]
async fn a_company_without_the_licence_locks_no_users() {
    let world = World::start().await;
    let zoe = world.locks("zoe").await;
    let answer = zoe.hold("user/nobody", json!({})).await;
    assert_eq!(problem(&answer), "403 /problems/forbidden");
    assert_eq!(answer.json()["detail"], "Your company has no licence for Users.");
    assert_eq!(zoe.hold("device/ID9", json!({})).await.status, 201);
}

#[tokio::test]
async fn an_id_that_its_kind_cannot_have_is_not_found() {
    let world = world().await;
    let oscar = world.locks("oscar").await;
    for target in [
        "Device/ID5".to_owned(),
        "session/ID5".to_owned(),
        "device/a%2Fb".to_owned(),
        format!("device/{}", "x".repeat(129)),
        "user/a%0Ab".to_owned(),
        "activity-session/7".to_owned(),
        format!("access/{DB01}"),
        format!("access/{DB01}:"),
        "access/7:bob".to_owned(),
        format!("access/{DB01}%2Fbob"),
    ] {
        let answers = [
            oscar.read(&target).await,
            oscar.hold(&target, json!({})).await,
            oscar.release(&target).await,
            oscar
                .break_lock(&target, json!({"fence": 1, "reason": "x"}))
                .await,
        ];
        for answer in answers {
            assert_eq!(problem(&answer), "404 /problems/not-found", "{target}");
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_a_rule_is_refused_with_every_fault() {
    let world = world().await;
    let bob = world.locks("bob").await;
    let send = async |media: Option<&str>, body: String| {
        let mut request = bob.request(Method::PUT, "/locks/device/ID5").body(body);
        if let Some(media) = media {
            request = request.header("Content-Type", media);
        }
        world.send(request).await
    };
    let seconds = json!({"seconds": ["The seconds must be 1 to 86400, or null."]});
    let fence = json!({"fence": ["The fence must be a whole number that a lock has shown."]});
    for (body, errors) in [
        (r#"{"seconds":0}"#, seconds.clone()),
        (r#"{"seconds":86401}"#, seconds.clone()),
        (r#"{"seconds":-1}"#, seconds.clone()),
        (r#"{"seconds":1.5}"#, seconds.clone()),
        (r#"{"seconds":"60"}"#, seconds.clone()),
        (r#"{"seconds":true}"#, seconds),
        (r#"{"fence":"1"}"#, fence.clone()),
        (r#"{"fence":-1}"#, fence),
        (
            r#"{"title":7,"message":[]}"#,
            json!({"title": ["The title must be a string."], "message": ["The message must be a string."]}),
        ),
        (
            &json!({"title": "x".repeat(257), "message": "x".repeat(4_097)}).to_string(),
            json!({"title": ["The title may have 256 characters at most."],
                "message": ["The message may have 4096 characters at most."]}),
        ),
    ] {
        let answer = send(Some("application/json"), body.to_owned()).await;
        assert_eq!(problem(&answer), "400 /problems/invalid-request", "{body}");
        assert_eq!(answer.json()["errors"], errors, "{body}");
    }
    for body in [
        r#"{"seconds":1,"seconds":1}"#,
        r#"{"title":"a","title":null}"#,
        r#"{"unknown":1,"unknown":2}"#,
        "{",
        "[]",
        "7",
        "null",
    ] {
        let answer = send(Some("application/json"), body.to_owned()).await;
        assert_eq!(problem(&answer), "400 /problems/invalid-request", "{body}");
        assert!(answer.json()["errors"]["$"].is_array(), "{answer}");
    }
    for (media, body, refused) in [
        (
            Some("application/xml"),
            "{}".to_owned(),
            "415 /problems/unsupported-media-type",
        ),
        (None, "{}".to_owned(), "415 /problems/unsupported-media-type"),
        (
            Some("application/json"),
            " ".repeat(64 * 1_024 + 1),
            "413 /problems/body-too-large",
        ),
    ] {
        assert_eq!(problem(&send(media, body).await), refused);
    }
    let read = bob.read("device/ID5").await.json();
    assert_eq!(read["fence"], 0, "nothing was taken");

    let longest = json!({"title": "é".repeat(256), "message": "x".repeat(4_096), "Seconds": 0, "mine": {}});
    let answer = send(Some("application/json; charset=utf-8"), longest.to_string()).await;
    assert_eq!(answer.status, 201, "unknown properties are ignored: {answer}");
    assert_eq!(send(None, String::new()).await.status, 200, "all are optional");
}

#[tokio::test]
async fn seconds_make_a_lease_null_ends_it_and_nothing_leaves_it() {
    let world = world().await;
    let (bob, bret) = (world.locks("bob").await, world.locks("bret").await);
    let until = async |body: Value| {
        let answer = bob.hold("device/ID5", body).await;
        answer.json()["lock"]["until"].clone()
    };
    assert_eq!(until(json!({"seconds": 86_400})).await, "2026-11-23T10:00:00Z");
    assert_eq!(until(json!({})).await, "2026-11-23T10:00:00Z");
    assert_eq!(until(json!({"seconds": 1})).await, "2026-11-22T10:00:01Z");
    assert_eq!(until(json!({"seconds": null})).await, json!(null));
    assert_eq!(until(json!({"title": null})).await, json!(null));
    assert_eq!(until(json!({"seconds": 1})).await, "2026-11-22T10:00:01Z");
    assert_eq!(
        problem(&bret.hold("device/ID5", json!({})).await),
        "409 /problems/held-by-another"
    );
    world.wait(1);
    // A lease that has run out is not a lock, whoever looks.
    let read = bob.read("device/ID5").await.json();
    assert_eq!(
        (&read["lock"], &read["fence"], &read["lastBreak"]),
        (&json!(null), &json!(1), &json!(null))
    );
    let held = json!([{"kind": "device", "id": "ID5", "fence": 1}]);
    assert_eq!(bob.check(&held).await.json(), json!({"current": [false]}));
    assert_eq!(bob.all("kind=device&owner=me").await, Vec::<Value>::new());
    assert_eq!(
        bob.release("device/ID5").await.json(),
        json!({"changed": false, "fence": 1})
    );
    let taken = bret.hold("device/ID5", json!({})).await;
    assert_eq!((taken.status, &taken.json()["lock"]["fence"]), (201, &json!(2)));
}

/// With a fence, a hold renews that tenure or fails, and a release gives back that tenure or nothing.
#[tokio::test]
async fn a_fence_names_the_tenure() {
    let world = world().await;
    let (bob, bret) = (world.locks("bob").await, world.locks("bret").await);
    let renew = async |fence: u64| {
        let answer = bob.hold("device/ID5", json!({"fence": fence})).await;
        match answer.status {
            200 => "renewed".to_owned(),
            _ => format!("{} {}", problem(&answer), answer.json()["lock"]["owner"]),
        }
    };
    let other = "409 /problems/other-tenure";
    assert_eq!(renew(1).await, format!("{other} null"), "free, and never was");
    bob.hold("device/ID5", json!({})).await;
    bob.release("device/ID5?fence=1").await;
    assert_eq!(
        renew(1).await,
        format!("{other} null"),
        "free: it is not taken again"
    );
    bob.hold("device/ID5", json!({})).await;
    assert_eq!(renew(2).await, "renewed");
    assert_eq!(
        renew(1).await,
        format!("{other} \"bob\""),
        "an earlier one of one's own"
    );
    assert_eq!(renew(3).await, format!("{other} \"bob\""), "never was");

    let release = async |query: &str| {
        let answer = bob.release(&format!("device/ID5{query}")).await;
        match answer.status {
            200 => answer.body,
            _ => format!("{} {}", problem(&answer), answer.json()["lock"]["owner"]),
        }
    };
    assert_eq!(
        release("?fence=1").await,
        r#"{"changed":false,"fence":2}"#,
        "an earlier one: it is over"
    );
    assert_eq!(release("?fence=3").await, format!("{other} \"bob\""), "never was");
    for bad in ["?fence=", "?fence=x", "?fence=-1", "?fence=1.5"] {
        assert_eq!(release(bad).await, "400 /problems/invalid-request null", "{bad}");
    }
    assert_eq!(release("?fence=2").await, r#"{"changed":true,"fence":2}"#);
    assert_eq!(
        release("?fence=2").await,
        r#"{"changed":false,"fence":2}"#,
        "free"
    );
    assert_eq!(
        release("?fence=3").await,
        format!("{other} null"),
        "free, and never was"
    );

    bret.hold("device/ID5", json!({})).await;
    assert_eq!(
        renew(2).await,
        "409 /problems/held-by-another \"bret\"",
        "someone else's"
    );
    assert_eq!(
        release("?fence=2").await,
        r#"{"changed":false,"fence":3}"#,
        "whoever holds it now"
    );
    assert_eq!(
        release("").await,
        "409 /problems/held-by-another \"bret\"",
        "without one it is an answer about the lock"
    );
    assert_eq!(
        release("?fence=3").await,
        "409 /problems/held-by-another \"bret\""
    );
    assert_eq!(
        bret.read("device/ID5").await.json()["lock"]["fence"],
        3,
        "untouched"
    );
}

#[tokio::test]
async fn a_refusal_shows_whose_lock_it_is_or_by_whom_it_was_broken() {
    let world = world().await;
    let (bob, bret, olga) = (
        world.locks("bob").await,
        world.locks("bret").await,
        world.locks("olga").await,
    );
    bob.hold("device/ID5", json!({"title": "Upgrade", "seconds": 600}))
        .await;
    insta::assert_snapshot!(bret.hold("device/ID5", json!({})).await.without_trace(), @r#"
    409
    content-type: application/problem+json

    {"type":"/problems/held-by-another","title":"Held by another","status":409,"detail":"Someone else holds the lock.","instance":"/locks/device/ID5","traceId":"[request]","lock":{"fence":1,"id":"ID5","kind":"device","mine":false,"name":"sbc-boston","owner":"bob","since":"2026-11-22T10:00:00Z","title":"Upgrade","until":"2026-11-22T10:10:00Z"}}
    "#);
    olga.break_lock("device/ID5", json!({"fence": 1, "reason": "He has left"}))
        .await;
    insta::assert_snapshot!(bob.hold("device/ID5", json!({})).await.without_trace(), @r#"
    409
    content-type: application/problem+json

    {"type":"/problems/held-off","title":"Held off","status":409,"detail":"Your lock was broken, and you cannot take it again yet.","instance":"/locks/device/ID5","traceId":"[request]","lastBreak":{"at":"2026-11-22T10:00:00Z","by":"olga","fence":1,"owner":"bob","reason":"He has left","until":"2026-11-22T10:01:00Z"},"lock":null}
    "#);
    let release = bob.release("device/ID5").await;
    assert_eq!(
        release.json(),
        json!({"changed": false, "fence": 2}),
        "as a free lock"
    );
    assert_eq!(bret.hold("device/ID5", json!({})).await.status, 201);
    let held_off = bob.hold("device/ID5", json!({"fence": 1})).await;
    assert_eq!(problem(&held_off), "409 /problems/held-off");
    assert_eq!(held_off.json()["lock"]["owner"], "bret");
    assert_eq!(
        problem(&bob.release("device/ID5").await),
        "409 /problems/held-by-another"
    );
    bret.release("device/ID5").await;
    world.wait(59);
    assert_eq!(
        problem(&bob.hold("device/ID5", json!({})).await),
        "409 /problems/held-off"
    );
    world.wait(1);
    assert_eq!(
        problem(&bob.hold("device/ID5", json!({"fence": 1})).await),
        "409 /problems/other-tenure"
    );
    assert_eq!(bob.hold("device/ID5", json!({})).await.status, 201);
}

/// A lease on an account is over for every dialect at the same moment.
#[tokio::test]
async fn the_user_is_let_in_as_soon_as_the_lease_on_the_account_has_run_out() {
    let world = world().await;
    let oscar = world.locks("oscar").await;
    let body = json!({"seconds": 60, "title": "Audit", "message": "One minute."});
    let open = json!({"managedResourceName": "db01", "activityName": "RDP"});
    assert_eq!(oscar.hold("user/bret", body).await.status, 201);
    let sdm = async || Sdm::login(&world, "bret", PASSWORD).await.status;
    let netwrix = async || world.first_step("bret", PASSWORD).await;
    let aktion = async || world.aktion_login("bret", &api_key("bret")).await.status;
    let blocked = async || {
        let token = world.aktion("admin").await;
        let path = format!("/user/get?LoginName=bret&Token={token}");
        world.send(world.http.get(world.url(&path))).await.json()["Blocked"].clone()
    };
    world.wait(59);
    let kept_out = netwrix().await;
    assert_eq!((sdm().await, kept_out.status, aktion().await), (401, 403, 401));
    assert_eq!(
        (&kept_out.json()["title"], &kept_out.json()["detail"]),
        (&json!("Audit"), &json!("One minute."))
    );
    assert_ne!(blocked().await, json!(0));
    world.wait(1);
    assert_eq!(
        (sdm().await, netwrix().await.status, aktion().await),
        (200, 200, 200)
    );
    let token = world.netwrix("bret").await;
    let opened = world.open_session(&token, open).await;
    assert_eq!((opened.status, &opened.json()["locked"]), (201, &json!(false)));
    let bret = world.locks_with(token);
    assert_eq!(bret.hold("device/ID5", json!({})).await.status, 201);
    assert!([json!(0), json!(false)].contains(&blocked().await));
}

/// The session ends between the read and the write of a hold: an ended session is not locked.
#[tokio::test]
async fn a_session_that_ends_during_a_hold_is_not_locked() {
    let world = Arc::new(World::with(operators(), true).await);
    let target = format!("activity-session/{}", session_id(1));
    let oscar = world.locks("oscar").await;
    let other = Arc::clone(&world);
    let end = async move {
        let token = other.bearer("admin").await;
        assert_eq!(other.end_session(&token, &session_id(1)).await.status, 202);
    };
    let proxy = world.proxy.as_ref().unwrap();
    proxy.judge_next("UpdateItem", Verdict::PassAfter(Box::pin(end)));
    let answer = oscar.hold(&target, json!({})).await;
    assert_eq!(problem(&answer), "400 /problems/invalid-request", "{answer}");
    assert_eq!(oscar.read(&target).await.json()["lock"], json!(null));
}

/// Two administrators cannot lock each other out: a hold proves that its caller is not locked out.
#[tokio::test]
async fn a_caller_who_is_locked_out_during_the_request_locks_no_account() {
    let world = Arc::new(World::with(operators(), true).await);
    let oscar = world.locks("oscar").await;
    let other = Arc::clone(&world);
    let lock_out = async move { other.lock_user("oscar").await };
    let proxy = world.proxy.as_ref().unwrap();
    proxy.judge_next("TransactWriteItems", Verdict::PassAfter(Box::pin(lock_out)));
    let answer = oscar.hold("user/bob", json!({})).await;
    assert_eq!(problem(&answer), "401 /problems/unauthorized");
    let read = world.locks("audrey").await.read("user/bob").await.json();
    assert_eq!((&read["lock"], &read["fence"]), (&json!(null), &json!(0)));
}
