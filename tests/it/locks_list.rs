//! Holdfast's own dialect: what is locked, page by page.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use futures_util::stream::{self, StreamExt as _};
use holdfast::dialect::ListName;
use holdfast::id::{Company, DeviceId, Kind, RequestId};
use holdfast::lock::{Lock, Origin, Owner, Request, Timestamp};
use holdfast::store::{
    DeviceRow, LockCall, LockResult, LockShards, LockTarget, NewDevice, Row, RowKey, Table,
};
use holdfast_tests::{Call, DB01, Locks, START, WEB01, World, operators, problem, session_id};
use serde_json::{Value, json};

async fn world() -> World {
    World::with(operators(), false).await
}

/// `{kind}/{id} {owner}` of each.
fn names(locks: &[Value]) -> Vec<String> {
    locks
        .iter()
        .map(|lock| {
            let text = |name: &str| lock[name].as_str().unwrap().to_owned();
            format!("{}/{} {}", text("kind"), text("id"), text("owner"))
        })
        .collect()
}

#[tokio::test]
async fn a_list_is_in_the_order_of_kind_owner_and_time() {
    let world = world().await;
    let (oscar, admin, bob) = (
        world.locks("oscar").await,
        world.locks("admin").await,
        world.locks("bob").await,
    );
    let session = |n| format!("activity-session/{}", session_id(n));
    let access = |resource| format!("access/{resource}:bob");
    let steps: [(&Locks<'_>, String); 9] = [
        (&oscar, "device/ID6".to_owned()),
        (&bob, "device/ID5".to_owned()),
        (&oscar, "user/mona".to_owned()),
        (&oscar, session(2)),
        (&admin, session(1)),
        (&oscar, access(WEB01)),
        (&oscar, access(DB01)),
        (&oscar, "device/a%20b%252F~".to_owned()),
        (&admin, "user/nobody".to_owned()),
    ];
    for (caller, target) in &steps {
        assert_eq!(caller.hold(target, json!({})).await.status, 201, "{target}");
        world.wait(1);
    }
    let audrey = world.locks("audrey").await;
    let expected = vec![
        format!("{} oscar", access(WEB01)),
        format!("{} oscar", access(DB01)),
        format!("{} admin", session(1)),
        format!("{} oscar", session(2)),
        "device/ID5 bob".to_owned(),
        "device/ID6 oscar".to_owned(),
        "device/a b%2F~ oscar".to_owned(),
        "user/nobody admin".to_owned(),
        "user/mona oscar".to_owned(),
    ];
    for limit in ["", "limit=1", "limit=2", "limit=1000"] {
        assert_eq!(names(&audrey.all(limit).await), expected, "{limit}");
    }
    // A page holds one kind.
    let page = audrey.list("").await.json();
    assert_eq!(names(page["locks"].as_array().unwrap()), expected[..2]);

    let of = async |filters: &str| names(&audrey.all(filters).await);
    assert_eq!(of("kind=device").await, expected[4..7]);
    assert_eq!(of("kind=user&limit=1").await, expected[7..]);
    assert_eq!(of("owner=admin").await, [&*expected[2], &*expected[7]]);
    assert_eq!(of("owner=oscar&kind=device").await, expected[5..7]);
    assert_eq!(of("owner=osca").await, Vec::<String>::new());
    assert_eq!(of("owner=unknown").await, Vec::<String>::new());
    assert_eq!(of("owner=me").await, Vec::<String>::new());
    assert_eq!(
        names(&oscar.all("owner=me&limit=1").await),
        names(&oscar.all("owner=oscar").await)
    );
    // The second and the first device are nine and eight seconds old.
    assert_eq!(of("kind=device&olderThan=9").await, ["device/ID6 oscar"]);
    assert_eq!(of("kind=device&olderThan=8").await, expected[4..6]);
    assert_eq!(of("olderThan=10").await, Vec::<String>::new());
    assert_eq!(of("olderThan=4294967295").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_list_is_json_like_this() {
    let world = world().await;
    let bob = world.locks("bob").await;
    let lease = json!({"seconds": 60, "title": "Upgrade", "message": "Ask Bob"});
    bob.hold("device/ID5", lease).await;
    insta::assert_snapshot!(bob.list("?kind=device").await, @r#"
    200
    content-type: application/json

    {"locks":[{"kind":"device","id":"ID5","name":"sbc-boston","owner":"bob","mine":true,"since":"2026-11-22T10:00:00Z","until":"2026-11-22T10:01:00Z","fence":1,"title":"Upgrade","message":"Ask Bob"}]}
    "#);
    world.wait(60);
    insta::assert_snapshot!(bob.list("?kind=device").await, @r#"
    200
    content-type: application/json

    {"locks":[]}
    "#);
}

#[tokio::test]
async fn who_may_list_what() {
    let world = world().await;
    let oscar = world.locks("oscar").await;
    for target in ["device/ID5", "user/mona"] {
        assert_eq!(oscar.hold(target, json!({})).await.status, 201);
    }
    for login in ["bob", "nobody", "olga"] {
        let caller = world.locks(login).await;
        assert_eq!(
            caller.all("kind=device").await.len(),
            1,
            "{login}: any lock on a device"
        );
        assert_eq!(caller.all("kind=device&owner=oscar").await.len(), 1);
        assert_eq!(caller.all("owner=me").await.len(), 0, "{login}: their own");
        assert_eq!(caller.all(&format!("owner={login}&kind=user")).await.len(), 0);
        for query in [
            "",
            "?kind=user",
            "?kind=access",
            "?kind=activity-session",
            "?owner=oscar",
            "?kind=user&owner=oscar",
        ] {
            assert_eq!(
                problem(&caller.list(query).await),
                "403 /problems/forbidden",
                "{login} {query}"
            );
        }
    }
    for login in ["admin", "audrey", "alice"] {
        assert_eq!(world.locks(login).await.all("").await.len(), 2, "{login}");
    }
}

#[tokio::test]
async fn a_query_that_breaks_a_rule_is_refused_with_every_fault() {
    let world = world().await;
    let admin = world.locks("admin").await;
    for (query, properties) in [
        ("kind=Device", vec!["kind"]),
        ("kind=", vec!["kind"]),
        ("owner=", vec!["owner"]),
        ("owner=a%0Ab", vec!["owner"]),
        ("olderThan=-1", vec!["olderThan"]),
        ("olderThan=1.5", vec!["olderThan"]),
        ("olderThan=4294967296", vec!["olderThan"]),
        ("limit=0", vec!["limit"]),
        ("limit=1001", vec!["limit"]),
        ("limit=x", vec!["limit"]),
        ("cursor=", vec!["cursor"]),
        ("cursor=x", vec!["cursor"]),
        (
            "kind=x&owner=&olderThan=x&limit=x&cursor=x",
            vec!["cursor", "kind", "limit", "olderThan", "owner"],
        ),
    ] {
        let answer = admin.list(&format!("?{query}")).await;
        assert_eq!(problem(&answer), "400 /problems/invalid-request", "{query}");
        let errors = answer.json()["errors"].as_object().unwrap().clone();
        let told: Vec<&str> = errors.keys().map(String::as_str).collect();
        assert_eq!(told, properties, "{query}");
    }
    assert_eq!(admin.list("?unknown=1&limit=1000&olderThan=0").await.status, 200);
}

/// A cursor leads on in the list that gave it, for whoever may read that list, and nowhere else.
#[tokio::test]
async fn a_cursor_is_tied_to_its_filters() {
    let world = world().await;
    let (admin, bob, bret) = (
        world.locks("admin").await,
        world.locks("bob").await,
        world.locks("bret").await,
    );
    for device in ["ID5", "ID6", "a%20b%252F~"] {
        assert_eq!(bob.hold(&format!("device/{device}"), json!({})).await.status, 201);
    }
    let cursor = async |caller: &Locks<'_>, filters: &str| {
        let page = caller.list(&format!("?limit=1&{filters}")).await.json();
        page["nextCursor"].as_str().unwrap().to_owned()
    };
    let of = "kind=device&owner=bob&olderThan=0";
    let given = cursor(&admin, of).await;
    let go_on = async |caller: &Locks<'_>, filters: &str, cursor: &str| {
        caller.list(&format!("?{filters}&cursor={cursor}")).await
    };
    assert_eq!(go_on(&admin, of, &given).await.status, 200);
    assert_eq!(
        go_on(&admin, &format!("{of}&limit=7"), &given).await.status,
        200,
        "the limit is not a filter"
    );
    for other in [
        "",
        "kind=device",
        "kind=device&owner=bob",
        "kind=device&owner=bob&olderThan=1",
        "kind=user&owner=bob&olderThan=0",
        "kind=device&owner=bret&olderThan=0",
    ] {
        let refused = go_on(&admin, other, &given).await;
        assert_eq!(problem(&refused), "400 /problems/invalid-request", "{other}");
    }
    for changed in [
        &given[..given.len() - 2],
        &format!("{given}AA"),
        &given.to_lowercase(),
    ] {
        assert_eq!(
            problem(&go_on(&admin, of, changed).await),
            "400 /problems/invalid-request"
        );
    }
    // What is "me" to one is someone else to another.
    let mine = cursor(&bob, "owner=me&kind=device").await;
    assert_eq!(go_on(&bob, "owner=me&kind=device", &mine).await.status, 200);
    assert_eq!(
        problem(&go_on(&bret, "owner=me&kind=device", &mine).await),
        "400 /problems/invalid-request"
    );
}

/// A cursor can be made up: its tie is no secret. It opens nothing that the caller may not list.
#[tokio::test]
async fn a_cursor_that_was_made_up_shows_only_what_its_bearer_may_list() {
    let world = world().await;
    let bob = world.locks("bob").await;
    let company = Company::try_from("1").unwrap();
    let shards = LockShards::new(&company, Kind::User);
    // Someone whose locks are in the same shard, before Bob's.
    let neighbour = (0..1_000)
        .map(|n| format!("a{n}"))
        .find(|name| shards.of(&Owner::new(name.as_str())) == shards.of(&Owner::new("bob")))
        .unwrap();
    let mut rows = Vec::new();
    for (login, owner) in [("mona", neighbour.as_str()), ("lia", "bob"), ("nobody", "bob")] {
        let key = RowKey::user(&login.try_into().unwrap());
        let mut row = world.row(&key).await.unwrap();
        place(&mut row, Kind::User, &key, owner, START);
        rows.push(row);
    }
    put(&world, rows).await;
    let list = "kind=user&owner=me";
    assert_eq!(names(&bob.all(list).await), ["user/lia bob", "user/nobody bob"]);
    let page = bob.list(&format!("?{list}&limit=1")).await.json();
    let name = ListName(&[Some("1"), Some("user"), Some("me"), None]);
    let place = name.place(page["nextCursor"].as_str().unwrap());
    let place = place.expect("so it can be made up");
    assert!(place.starts_with("user\u{2}bob\u{1}"), "{place:?}");
    for after in [
        "a",
        "bob",
        "bob ",
        "c",
        "bob\u{1}",
        "bob\u{1}x",
        "bob\u{1}\u{10ffff}",
        "bob\u{2}",
    ] {
        let cursor = name.cursor(&format!("user\u{2}{after}"));
        let answer = bob.list(&format!("?{list}&cursor={cursor}")).await;
        assert_eq!(
            problem(&answer),
            "400 /problems/invalid-request",
            "{after:?}: {answer}"
        );
    }
}

/// "What does alice hold" is one query; what everybody holds is one for each shard, all at once.
#[tokio::test]
async fn an_owner_with_a_kind_is_exactly_one_query() {
    let world = World::with(operators(), true).await;
    let proxy = world.proxy.as_ref().unwrap();
    let bob = world.locks("bob").await;
    for device in ["ID5", "ID6"] {
        bob.hold(&format!("device/{device}"), json!({})).await;
    }
    let asked = async |query: &str, caller: &Locks<'_>| {
        proxy.forget();
        let page = caller.list(query).await;
        assert_eq!(page.status, 200, "{page}");
        let count = |name: &str| proxy.operations().iter().filter(|op| *op == name).count();
        let known = count("Query") + count("BatchGetItem");
        assert_eq!(known, proxy.operations().len(), "never a scan");
        (proxy.waves(), count("Query"), count("BatchGetItem"))
    };
    assert_eq!(asked("?kind=device&owner=me", &bob).await, (3, 1, 2));
    assert_eq!(asked("?kind=device&owner=me&limit=1", &bob).await, (3, 1, 2));
    assert_eq!(
        asked("?kind=device&owner=nobody", &bob).await,
        (2, 1, 1),
        "no rows, no read"
    );
    assert_eq!(asked("?kind=device", &bob).await, (3, 16, 2));
    assert_eq!(
        asked("?owner=me", &bob).await,
        (2, 1, 1),
        "a page holds one kind, the first: access"
    );
    let page = bob.list("?kind=device&owner=me&limit=1").await.json();
    let next = page["nextCursor"].as_str().unwrap();
    let query = format!("?kind=device&owner=me&limit=1&cursor={next}");
    assert_eq!(asked(&query, &bob).await, (3, 1, 2));
}

/// How many locks there are in all, and how many owners they have.
const MANY: usize = 10_000;
const OWNERS: usize = 400;

/// A device with a lock, as it is in the table.
fn locked(company: &Company, number: usize) -> holdfast::store::Item {
    let id = DeviceId::try_from(format!("many-{number:05}").as_str()).unwrap();
    let device = NewDevice {
        company,
        id: &id,
        name: &format!("device {number}"),
        ip: "192.0.2.1",
        description: "",
    };
    let mut row = device.to_item(START);
    let key = RowKey::device(company, &id);
    let since = Timestamp::from_unix_ms(START.unix_ms() + i64::try_from(number / OWNERS).unwrap());
    let owner = format!("owner-{:03}", number % OWNERS);
    row.insert("fence".to_owned(), AttributeValue::N("1".to_owned()));
    place(&mut row, Kind::Device, &key, &owner, since);
    row
}

/// Gives a row a lock of `owner`, with its place in the index.
fn place(row: &mut holdfast::store::Item, kind: Kind, key: &RowKey, owner: &str, since: Timestamp) {
    let lock = Lock {
        owner: Owner::new(owner),
        since,
        until: None,
        title: None,
        message: None,
    };
    let company = Company::try_from("1").unwrap();
    for (name, value) in [
        ("lock_owner", AttributeValue::S(owner.to_owned())),
        ("lock_since", AttributeValue::N(since.unix_ms().to_string())),
        (
            "lock_shard",
            AttributeValue::S(LockShards::new(&company, kind).of(&lock.owner)),
        ),
        ("lock_order", AttributeValue::S(LockShards::order(&lock, key))),
    ] {
        row.insert(name.to_owned(), value);
    }
}

/// Writes rows past the product, 25 at once.
async fn put(world: &World, rows: Vec<holdfast::store::Item>) {
    let table = world.store.table_name(Table::Resources);
    let writes = rows.chunks(25).map(async |rows| {
        let requests: Vec<WriteRequest> = rows
            .iter()
            .map(|row| {
                let put = PutRequest::builder().set_item(Some(row.clone())).build().unwrap();
                WriteRequest::builder().put_request(put).build()
            })
            .collect();
        let written = world
            .store
            .client()
            .batch_write_item()
            .request_items(table, requests)
            .send()
            .await?;
        assert!(written.unprocessed_items.is_none_or(|left| left.is_empty()));
        Ok::<(), aws_sdk_dynamodb::Error>(())
    });
    // More at once only wait for each other in the store.
    for written in stream::iter(writes).buffer_unordered(4).collect::<Vec<_>>().await {
        written.unwrap();
    }
}

/// The owner of a device releases it, past HTTP: none of these owners is a user.
async fn release(world: &World, number: usize) {
    let company = Company::try_from("1").unwrap();
    let id = DeviceId::try_from(format!("many-{number:05}").as_str()).unwrap();
    let target = LockTarget::device(&company, &id);
    let row = DeviceRow::parse(world.row(target.key()).await.unwrap()).unwrap();
    let request = Request::Release {
        owner: Owner::new(format!("owner-{:03}", number % OWNERS)),
        tenure: None,
    };
    let call = LockCall {
        request: &request,
        now: world.now(),
        origin: &Origin::unknown(RequestId::new("a release")),
        actor: None,
    };
    let done = world
        .store
        .apply_lock(&target, row, call, |_| Ok::<(), ()>(()))
        .await;
    assert!(matches!(done, Ok(LockResult::Done(_))), "{done:?}");
}

/// What the calls of a page cost, in DynamoDB's read units: each is sent once more, and asks.
async fn units(world: &World, calls: &[Call]) -> f64 {
    let mut units = 0.0;
    for call in calls {
        let mut body = call.body.clone();
        body["ReturnConsumedCapacity"] = json!("TOTAL");
        let answer = world
            .http
            .post(world.endpoint())
            .header("X-Amz-Target", format!("DynamoDB_20120810.{}", call.operation))
            .header("Content-Type", "application/x-amz-json-1.0")
            .header(
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=x/20261122/x/dynamodb/aws4_request, SignedHeaders=host, Signature=x",
            )
            .header("X-Amz-Date", "20261122T100000Z")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let answer: Value = answer.json().await.unwrap();
        let consumed = &answer["ConsumedCapacity"];
        let all = consumed
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![consumed.clone()]);
        units += all
            .iter()
            .map(|one| {
                one["CapacityUnits"]
                    .as_f64()
                    .unwrap_or_else(|| panic!("{answer}"))
            })
            .sum::<f64>();
    }
    units
}

#[tokio::test]
async fn ten_thousand_locks_cost_a_page_no_more_and_are_listed_completely_and_once() {
    let world = World::with(operators(), true).await;
    let company = Company::try_from("1").unwrap();
    // One store for both, because entering so many rows is most of what this takes.
    pages_cost_the_same_among_few_and_many(&world, &company).await;
    world.proxy.as_ref().unwrap().be_quick();
    all_are_listed_while_locks_come_and_go(&world).await;
}

async fn pages_cost_the_same_among_few_and_many(world: &World, company: &Company) {
    let proxy = world.proxy.as_ref().unwrap();
    let audrey = world.locks("audrey").await;
    let cost = async |query: &str| {
        proxy.forget();
        let page = audrey.list(query).await.json();
        let listed = page["locks"].as_array().unwrap().len();
        let calls = proxy.calls();
        (listed, proxy.waves(), calls.len(), units(world, &calls).await)
    };
    let queries = [
        "?kind=device",
        "?kind=device&limit=7",
        "?kind=device&owner=owner-007&limit=7",
    ];
    let mut before = Vec::new();
    put(world, (0..4_000).map(|n| locked(company, n)).collect()).await;
    for query in queries {
        before.push(cost(query).await);
    }
    put(world, (4_000..MANY).map(|n| locked(company, n)).collect()).await;
    for (query, before) in queries.into_iter().zip(before) {
        assert_eq!(cost(query).await, before, "{query}");
    }
    let (listed, waves, calls, units) = cost("?kind=device").await;
    // The caller, sixteen shards, a hundred rows.
    assert_eq!((listed, waves, calls), (100, 3, 18));
    assert!(units < 500.0, "{units}");
}

/// Every lock that is there all the time is listed once, whatever comes and goes between the pages.
async fn all_are_listed_while_locks_come_and_go(world: &World) {
    let (audrey, bob) = (world.locks("audrey").await, world.locks("bob").await);

    let (mut listed, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    let mut gone = BTreeSet::new();
    loop {
        let page = audrey.list(&format!("?kind=device&limit=487{cursor}")).await;
        assert_eq!(page.status, 200, "{page}");
        let page = page.json();
        let locks = page["locks"].as_array().unwrap();
        assert!(locks.len() <= 487);
        listed.extend(locks.iter().cloned());
        pages += 1;
        // Some go that have been listed and some that have not; the usual people's come and go as well.
        for number in [pages * 97, MANY - pages * 89] {
            release(world, number).await;
            gone.insert(number);
        }
        let device = ["ID5", "ID6"][pages % 2];
        let path = format!("device/{device}");
        if bob.hold(&path, json!({})).await.status == 200 {
            bob.release(&path).await;
        }
        world.wait(1);
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(pages > 20, "{pages}");

    let mut times: BTreeMap<(String, u64), usize> = BTreeMap::new();
    for lock in &listed {
        let tenure = (
            lock["id"].as_str().unwrap().to_owned(),
            lock["fence"].as_u64().unwrap(),
        );
        *times.entry(tenure).or_default() += 1;
    }
    assert!(
        times.values().all(|times| *times == 1),
        "a tenure is listed twice"
    );
    for number in (0..MANY).filter(|number| !gone.contains(number)) {
        let tenure = (format!("many-{number:05}"), 1);
        assert!(times.contains_key(&tenure), "{number} is not listed");
    }
    let order: Vec<(&str, &str)> = listed
        .iter()
        .map(|lock| (lock["owner"].as_str().unwrap(), lock["since"].as_str().unwrap()))
        .collect();
    // The times have no and three digits behind the point: as texts they are not in order, so owners are compared.
    assert!(order.windows(2).all(|pair| pair[0].0 <= pair[1].0), "by owner");
}
