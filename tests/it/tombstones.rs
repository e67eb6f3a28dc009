//! What is removed reads as absent, and what comes back is not its predecessor: no session, token or late write of the old
//! one counts. Who is disabled, or has had their sessions ended, is out at once.

use std::sync::Arc;

use holdfast::id::{Company, DeviceId, Login, RequestId, ResourceId};
use holdfast::lock::{Revision, Writer};
use holdfast::secret::{Password, SealingKeys, TotpSecret, hash_password};
use holdfast::store::{
    NewCredential, NewDevice, NewSecret, NewUser, OperatorResult, ResourceRow, RowKey, RowWrite, Table,
    operator,
};
use holdfast_tests::{
    Answer, Call, DB01, PASSWORD, Proxy, SECOND_FACTOR_KEY, Verdict, World, api_key, code_at, operators,
};
use serde_json::{Value, json};

/// Who writes in these tests.
fn by(world: &World) -> Writer {
    operator("test", RequestId::new("a run"), world.now())
}

fn login(name: &str) -> Login {
    Login::try_from(name).unwrap()
}

fn one() -> Company {
    Company::try_from("1").unwrap()
}

fn device() -> RowKey {
    RowKey::device(&one(), &DeviceId::try_from("ID5").unwrap())
}

fn db01() -> ResourceRow {
    ResourceRow {
        company: one(),
        id: ResourceId::try_from(DB01).unwrap(),
        name: "db01".to_owned(),
    }
}

async fn rev(world: &World, key: &RowKey) -> Revision {
    let rows = world.store.stored(std::slice::from_ref(key)).await.unwrap();
    rows[key].revision().unwrap()
}

async fn number(world: &World, key: &RowKey, name: &str) -> u64 {
    let rows = world.store.stored(std::slice::from_ref(key)).await.unwrap();
    rows[key].item()[name].as_n().unwrap().parse().unwrap()
}

async fn write(world: &World, writes: &[RowWrite]) {
    let written = world.store.write_as_operator(writes, &by(world)).await.unwrap();
    assert_eq!(written, OperatorResult::Made);
}

async fn remove(world: &World, keys: &[RowKey]) {
    let mut writes = Vec::new();
    for key in keys {
        writes.push(RowWrite::remove(key.clone(), rev(world, key).await));
    }
    write(world, &writes).await;
}

fn person(name: &str) -> [RowKey; 2] {
    [RowKey::user(&login(name)), RowKey::credential(&login(name))]
}

/// Enters someone as they were: who may do everything but has no second factor.
async fn bring_back(world: &World, name: &str, password: &str) {
    let (login, company) = (login(name), one());
    let [user_key, credential_key] = person(name);
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let user = NewUser {
        company: &company,
        login: &login,
        name: "A successor",
        roles: &texts(&["Admin"]),
        groups: &texts(&["provisioners"]),
        privileges: &texts(&["Users.View", "Users.Edit", "Users.Blocked.Edit"]),
        record_group: "staff",
        editable_groups: &texts(&["*"]),
        ip_filter: "",
        rate_policy: "100/20",
        sources: &[],
        system: false,
        mfa_required: false,
    };
    let hash = hash_password(&Password::new(password)).unwrap();
    let credential = NewCredential {
        company: &company,
        login: &login,
        password_hash: &hash,
        totp_secret: None,
        api_key_hash: None,
    };
    let gone = (rev(world, &user_key).await, rev(world, &credential_key).await);
    write(
        world,
        &[
            RowWrite::enter_user(&user, Some(gone.0), &by(world)),
            RowWrite::enter_credential(&credential, Some(gone.1)),
        ],
    )
    .await;
}

async fn bring_back_device(world: &World) {
    let id = DeviceId::try_from("ID5").unwrap();
    let device_row = NewDevice {
        company: &one(),
        id: &id,
        name: "sbc-boston",
        ip: "192.0.2.10",
        description: "a successor",
    };
    let gone = Some(rev(world, &device()).await);
    write(world, &[RowWrite::enter_device(&device_row, gone, &by(world))]).await;
}

async fn world() -> (Arc<World>, Proxy) {
    let world = Arc::new(World::with(operators(), true).await);
    let proxy = world.proxy.clone().unwrap();
    (world, proxy)
}

/// The writes to lockable rows that the request sends while none gets through.
async fn late(proxy: &Proxy, request: impl Future<Output = Answer>) -> Vec<Call> {
    let writes = proxy.withhold(request).await;
    assert!(!writes.is_empty());
    writes
}

/// Each of them arrives now, and changes nothing.
async fn change_nothing(world: &World, proxy: &Proxy, writes: &[Call], key: &RowKey) {
    let stored = async || world.store.stored(std::slice::from_ref(key)).await.unwrap();
    let before = stored().await;
    for call in writes {
        let (status, answer) = proxy.repeat(call).await;
        assert_eq!(status, 400, "{answer}");
    }
    assert_eq!(stored().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_device_is_absent_everywhere_and_goes_on_with_a_larger_fence() {
    let (world, proxy) = world().await;
    let alice = world.sdm("alice").await;
    let oscar = world.locks("oscar").await;
    assert_eq!(oscar.hold("device/ID5", json!({})).await.status, 201);
    let (fence, rev_before) = (
        number(&world, &device(), "fence").await,
        number(&world, &device(), "rev").await,
    );
    let renewal = late(&proxy, oscar.hold("device/ID5", json!({"seconds": 60}))).await;

    remove(&world, &[device()]).await;
    change_nothing(&world, &proxy, &renewal, &device()).await;
    assert_eq!(oscar.read("device/ID5").await.status, 404);
    assert_eq!(oscar.hold("device/ID5", json!({})).await.status, 404);
    assert_eq!(oscar.release("device/ID5").await.status, 404);
    let body = json!({"fence": fence, "reason": "?"});
    assert_eq!(oscar.break_lock("device/ID5", body).await.status, 404);
    let held = json!([{"kind": "device", "id": "ID5", "fence": fence}]);
    assert_eq!(oscar.check(&held).await.json()["current"], json!([false]));
    assert_eq!(oscar.all("?kind=device").await, Vec::<Value>::new());
    assert_eq!(alice.action("ID5", "Lock").await.status, 404);
    assert_eq!(alice.get("/ID5").await.status, 404);
    assert!(!alice.get("").await.body.contains("ID5"));

    bring_back_device(&world).await;
    change_nothing(&world, &proxy, &renewal, &device()).await;
    assert_eq!(number(&world, &device(), "fence").await, fence + 1);
    assert!(number(&world, &device(), "rev").await > rev_before);
    assert_eq!(oscar.check(&held).await.json()["current"], json!([false]));
    let read = oscar.read("device/ID5").await.json();
    assert_eq!((&read["lock"], &read["fence"]), (&Value::Null, &json!(fence + 1)));
    // The predecessor's tenure is neither renewed nor mistaken for the next one.
    let renewed = oscar.hold("device/ID5", json!({"fence": fence})).await;
    assert_eq!(renewed.status, 409, "{renewed}");
    let taken = oscar.hold("device/ID5", json!({})).await.json();
    assert_eq!(taken["lock"]["fence"], json!(fence + 2));
    assert!(alice.get("").await.body.contains("ID5"));
}

/// A lock that was read before the removal meets the tombstone in its write: `ALL_OLD` is not a row.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_meets_a_removal_in_its_write_finds_nothing() {
    let (world, proxy) = world().await;
    let oscar = world.locks("oscar").await;
    let alice = world.sdm("alice").await;
    for request in 0..2 {
        let other = Arc::clone(&world);
        let removal = Box::pin(async move { remove(&other, &[device()]).await });
        proxy.judge_next("UpdateItem", Verdict::PassAfter(removal));
        let answer = if request == 0 {
            oscar.hold("device/ID5", json!({})).await
        } else {
            alice.action("ID5", "Lock").await
        };
        assert_eq!(answer.status, 404, "{answer}");
        proxy.forget();
        bring_back_device(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_removed_user_no_session_token_or_late_write_counts_when_the_login_comes_back() {
    let (world, proxy) = world().await;
    let sdm = world.sdm("oscar").await;
    let bearer = world.locks("oscar").await;
    let admin = world.locks("admin").await;
    let robot = world.aktion("robot").await;
    let first = world.first_factor("oscar").await;
    let [key, _] = person("oscar");
    // A lock on the account of oscar and one that oscar himself wants, both under way.
    let on_oscar = late(&proxy, admin.hold("user/oscar", json!({}))).await;
    let by_oscar = late(&proxy, bearer.hold("user/bob", json!({}))).await;

    for name in ["oscar", "robot"] {
        remove(&world, &person(name)).await;
    }
    let bob = RowKey::user(&login("bob"));
    change_nothing(&world, &proxy, &on_oscar, &key).await;
    change_nothing(&world, &proxy, &by_oscar, &bob).await;
    assert_eq!(bearer.list("?owner=me").await.status, 401);
    assert_eq!(sdm.get("/ID5").await.status, 401);
    assert_eq!(admin.read("user/oscar").await.status, 404);
    assert_eq!(admin.read(&format!("access/{DB01}:oscar")).await.status, 404);
    assert_eq!(world.first_step("oscar", PASSWORD).await.status, 401);
    assert_eq!(world.aktion_login("robot", &api_key("robot")).await.status, 401);
    assert_eq!(
        world.locks_with(robot.clone()).list("?owner=me").await.status,
        401
    );

    let fence = number(&world, &key, "fence").await;
    bring_back(&world, "oscar", "another").await;
    bring_back(&world, "robot", "another").await;
    assert_eq!(number(&world, &key, "fence").await, fence + 1);
    change_nothing(&world, &proxy, &on_oscar, &key).await;
    change_nothing(&world, &proxy, &by_oscar, &bob).await;
    assert_eq!(bearer.list("?owner=me").await.status, 401);
    assert_eq!(sdm.get("/ID5").await.status, 401);
    assert_eq!(world.second_step(&first, "NA").await.status, 401);
    assert_eq!(world.locks_with(robot).list("?owner=me").await.status, 401);
    assert_eq!(
        world.first_step("oscar", PASSWORD).await.status,
        401,
        "the old password"
    );
    assert_eq!(
        world.aktion_login("robot", &api_key("robot")).await.status,
        401,
        "the old key"
    );
    assert_eq!(world.first_step("oscar", "another").await.status, 200);
    assert_eq!(
        admin.hold("user/oscar", json!({})).await.json()["lock"]["fence"],
        json!(fence + 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_resource_takes_its_locks_along_and_its_name_leads_nowhere() {
    let (world, proxy) = world().await;
    let oscar = world.locks("oscar").await;
    let bearer = world.bearer("oscar").await;
    let target = format!("access/{DB01}:bob");
    let pair = RowKey::access(db01().id, &login("bob"));
    assert_eq!(
        oscar.hold(&target, json!({})).await.json()["lock"]["fence"],
        json!(1)
    );
    let renewal = late(&proxy, oscar.hold(&target, json!({"seconds": 60}))).await;
    let held = json!([{"kind": "access", "id": format!("{DB01}:bob"), "fence": 1}]);

    let by_name = || {
        world.open_session(
            &bearer,
            json!({"managedResourceName": "db01", "activityName": "RDP"}),
        )
    };
    assert_eq!(by_name().await.status, 201);
    let keys = db01().keys();
    remove(&world, &keys).await;
    let is_gone = |resource, _: &Login| resource == db01().id;
    let ended = world
        .store
        .end_locks_on_pairs(&one(), &by(&world), is_gone)
        .await
        .unwrap();
    assert_eq!(ended, 1);
    change_nothing(&world, &proxy, &renewal, &pair).await;
    assert_eq!(oscar.read(&target).await.status, 404);
    assert_eq!(oscar.check(&held).await.json()["current"], json!([false]));
    assert_eq!(oscar.all("?kind=access").await, Vec::<Value>::new());
    assert_ne!(by_name().await.status, 201);

    let gone = [
        Some(rev(&world, &keys[0]).await),
        Some(rev(&world, &keys[1]).await),
    ];
    write(&world, &RowWrite::enter_resource(&db01(), gone)).await;
    assert_eq!(by_name().await.status, 201);
    change_nothing(&world, &proxy, &renewal, &pair).await;
    assert_eq!(oscar.check(&held).await.json()["current"], json!([false]));
    assert_eq!(oscar.read(&target).await.json()["lock"], Value::Null);
    assert_eq!(
        oscar.hold(&target, json!({})).await.json()["lock"]["fence"],
        json!(2)
    );
}

/// Two operators, or one whose answer was lost: what was seen is written, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_moved_is_not_removed_and_comes_back_once() {
    let (world, _) = world().await;
    let seen = rev(&world, &device()).await;
    world.sdm("alice").await.action("ID5", "Lock").await;
    let removal = [RowWrite::remove(device(), seen)];
    let moved = || OperatorResult::Moved(vec![device()]);
    assert_eq!(
        world
            .store
            .write_as_operator(&removal, &by(&world))
            .await
            .unwrap(),
        moved()
    );
    remove(&world, &[device()]).await;
    let gone = rev(&world, &device()).await;
    let again = [RowWrite::remove(device(), gone)];
    assert_eq!(
        world.store.write_as_operator(&again, &by(&world)).await.unwrap(),
        moved()
    );
    bring_back_device(&world).await;
    let fence = number(&world, &device(), "fence").await;
    let id = DeviceId::try_from("ID5").unwrap();
    let device_row = NewDevice {
        company: &one(),
        id: &id,
        name: "sbc-boston",
        ip: "",
        description: "",
    };
    for gone in [Some(gone), None] {
        let return_again = [RowWrite::enter_device(&device_row, gone, &by(&world))];
        assert_eq!(
            world
                .store
                .write_as_operator(&return_again, &by(&world))
                .await
                .unwrap(),
            moved()
        );
    }
    assert_eq!(number(&world, &device(), "fence").await, fence);
}

/// Every way to sign in, and everything that is signed in, of someone who is signed out, disabled or has other secrets.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_or_revoked_is_out_at_once_in_every_dialect() {
    for deed in ["revoke", "disable", "password", "totp", "api key"] {
        let (world, _) = world().await;
        let admin = login("admin");
        let sdm = world.sdm("admin").await;
        let bearer = world.netwrix("admin").await;
        let token = world.aktion("admin").await;
        let machine = world.aktion("admin").await;
        world.wait(1);
        let first = world.first_factor("admin").await;
        let [user, credential] = person("admin");
        let (seen, secrets) = (rev(&world, &user).await, rev(&world, &credential).await);
        let hash = hash_password(&Password::new("another")).unwrap();
        let keys = SealingKeys::parse(SECOND_FACTOR_KEY).unwrap();
        let totp = keys.seal(&TotpSecret::issue().unwrap(), &admin).unwrap();
        let changed = |secret| RowWrite::change_secrets(&admin, &[secret], secrets, seen).to_vec();
        let writes = match deed {
            "revoke" => vec![RowWrite::revoke_sessions(&admin, seen)],
            "disable" => vec![RowWrite::disable(&admin, seen)],
            "password" => changed(NewSecret::Password(&hash)),
            "totp" => changed(NewSecret::Totp(Some(&totp))),
            _ => changed(NewSecret::ApiKey(None)),
        };
        write(&world, &writes).await;

        assert_eq!(sdm.get("/ID5").await.status, 401, "{deed}");
        assert_eq!(sdm.action("ID5", "Lock").await.status, 401, "{deed}");
        assert_eq!(world.get_session(&bearer, "").await.status, 401, "{deed}");
        assert_eq!(world.user_token(&bearer).await.status, 401, "{deed}");
        assert_eq!(
            world.locks_with(bearer).list("?owner=me").await.status,
            401,
            "{deed}"
        );
        assert_eq!(
            world.second_step(&first, &code_at(world.now())).await.status,
            401,
            "{deed}"
        );
        assert_eq!(world.lock_user_by(&token, "bob", 1).await.status, 401, "{deed}");
        let machine = world.locks_with(machine);
        assert_eq!(machine.read("device/ID5").await.status, 401, "{deed}");
        assert_eq!(machine.hold("device/ID5", json!({})).await.status, 401, "{deed}");

        let password = world.first_step("admin", PASSWORD).await.status;
        let key = world.aktion_login("admin", &api_key("admin")).await.status;
        let expected = match deed {
            "disable" => (401, 401),
            "password" => (401, 200),
            "api key" => (200, 401),
            _ => (200, 200),
        };
        assert_eq!((password, key), expected, "{deed}");
        if deed == "disable" {
            let seen = rev(&world, &user).await;
            write(&world, &[RowWrite::enable(&admin, seen)]).await;
            assert_eq!(sdm.get("/ID5").await.status, 401, "what was open stays dead");
            assert_eq!(world.first_step("admin", PASSWORD).await.status, 200);
        }
    }
}

/// The answer tells a disabled account from a wrong password by nothing, and neither do the calls to the store.
#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_is_told_like_a_wrong_password() {
    let (world, proxy) = world().await;
    let seen = rev(&world, &RowKey::user(&login("bob"))).await;
    write(&world, &[RowWrite::disable(&login("bob"), seen)]).await;
    let mut told = Vec::new();
    for (name, password) in [("bob", PASSWORD), ("bob", "wrong"), ("nobody-at-all", PASSWORD)] {
        proxy.forget();
        let stranger = world.from(format!("203.0.113.{}", told.len() + 1).as_str());
        let sdm = stranger.sdm_login(name, password).await;
        let netwrix = stranger.first_step(name, password).await;
        told.push((
            (sdm.status, sdm.body),
            (netwrix.status, netwrix.without_trace()),
            proxy.operations(),
        ));
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
    assert_eq!(told[0].0.0, 401);
    proxy.forget();
    let seen = rev(&world, &RowKey::user(&login("robot"))).await;
    write(&world, &[RowWrite::disable(&login("robot"), seen)]).await;
    proxy.forget();
    let right = world.aktion_login("robot", &api_key("robot")).await;
    let calls = proxy.operations();
    proxy.forget();
    let wrong = world.aktion_login("robot", &api_key("bob")).await;
    assert_eq!((right.status, right.body), (wrong.status, wrong.body));
    assert_eq!(calls, proxy.operations());
}

/// The transaction that opens a session is where a sign-in and an operator meet.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_meets_the_operator_opens_nothing() {
    for deed in ["disable", "remove", "password"] {
        let (world, proxy) = world().await;
        let other = Arc::clone(&world);
        let event = Box::pin(async move {
            let bob = login("bob");
            let [user, credential] = person("bob");
            let (seen, secrets) = (rev(&other, &user).await, rev(&other, &credential).await);
            let hash = hash_password(&Password::new("another")).unwrap();
            match deed {
                "disable" => write(&other, &[RowWrite::disable(&bob, seen)]).await,
                "remove" => remove(&other, &[user, credential]).await,
                _ => {
                    let changed =
                        RowWrite::change_secrets(&bob, &[NewSecret::Password(&hash)], secrets, seen);
                    write(&other, &changed).await;
                }
            }
        });
        proxy.judge_next_on("TransactWriteItems", "session/", Verdict::PassAfter(event));
        let answer = world.from("198.51.100.7").sdm_login("bob", PASSWORD).await;
        assert_eq!(answer.status, 401, "{deed}: {answer}");
        proxy.forget();
        let sessions = world.rows(Table::Identity).await.into_iter();
        let opened = sessions.filter(|row| row["pk"].as_s().unwrap().starts_with("session/"));
        assert_eq!(opened.count(), 0, "{deed}");
    }
}

/// Between the two steps of a sign-in: the first step's token is dead, and so is what would come of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_step_that_meets_a_revocation_opens_nothing() {
    let (world, proxy) = world().await;
    let first = world.first_factor("oscar").await;
    let other = Arc::clone(&world);
    let event = Box::pin(async move {
        let seen = rev(&other, &RowKey::user(&login("oscar"))).await;
        write(&other, &[RowWrite::revoke_sessions(&login("oscar"), seen)]).await;
    });
    proxy.judge_next_on("TransactWriteItems", "session/", Verdict::PassAfter(event));
    let answer = world.second_step(&first, &code_at(world.now())).await;
    assert_eq!(answer.status, 401, "{answer}");
}

/// The account of an administrator who locks somebody is disabled at that moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_on_an_account_by_someone_who_is_disabled_meanwhile_is_not_made() {
    let (world, proxy) = world().await;
    let oscar = world.locks("oscar").await;
    let other = Arc::clone(&world);
    let event = Box::pin(async move {
        let seen = rev(&other, &RowKey::user(&login("oscar"))).await;
        write(&other, &[RowWrite::disable(&login("oscar"), seen)]).await;
    });
    proxy.judge_next_on("TransactWriteItems", "user/", Verdict::PassAfter(event));
    assert_eq!(oscar.hold("user/bob", json!({})).await.status, 401);
    let row = world.row(&RowKey::user(&login("bob"))).await.unwrap();
    assert!(!row.contains_key("lock_owner"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_says_what_an_operator_did() {
    let world = World::with_history(operators()).await;
    let alice = world.sdm("alice").await;
    assert_eq!(alice.action("ID5", "Lock").await.status, 204);
    let write = async |write: RowWrite| {
        let written = world
            .store
            .write_as_operator(&[write], &by(&world))
            .await
            .unwrap();
        assert_eq!(written, OperatorResult::Made);
    };
    write(RowWrite::remove(device(), rev(&world, &device()).await)).await;
    let id = DeviceId::try_from("ID5").unwrap();
    let device_row = NewDevice {
        company: &one(),
        id: &id,
        name: "sbc-boston",
        ip: "",
        description: "",
    };
    write(RowWrite::enter_device(
        &device_row,
        Some(rev(&world, &device()).await),
        &by(&world),
    ))
    .await;
    let set = [(
        "ip".to_owned(),
        aws_sdk_dynamodb::types::AttributeValue::S("192.0.2.1".to_owned()),
    )];
    write(RowWrite::change(
        device(),
        rev(&world, &device()).await,
        set.into(),
        &[],
    ))
    .await;
    let auditor = world.bearer_of("alice", None).await;
    let mut records = Vec::new();
    for _ in 0..200 {
        let path = world.url("/history?kind=device&id=ID5");
        let answer = world.send(world.http.get(path).bearer_auth(&auditor)).await;
        records = answer.json()["records"].as_array().cloned().unwrap_or_default();
        if records.len() >= 5 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let told: Vec<String> = records
        .iter()
        .rev()
        .map(|record| {
            let text = |name: &str| record[name].to_string().replace('"', "");
            [
                text("change"),
                text("action"),
                text("actor"),
                text("dialect"),
                text("fenceAfter"),
            ]
            .join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "1 created operator/local operator 0",
            "2 acquired alice sdm 1",
            "3 removed operator/test operator 1",
            "4 created operator/test operator 2",
            "5 changed operator/test operator 2",
        ]
    );
}
