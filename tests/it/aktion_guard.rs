//! What admits a request with an Aktion token: the token, the address, the rate, in this order.

use futures_util::future::join_all;
use holdfast::id::Login;
use holdfast::store::{RowKey, Table};
use holdfast_tests::{Answer, Verdict, World};
use insta::assert_snapshot;

async fn get(world: &World, token: &str) -> Answer {
    world
        .send(
            world
                .http
                .get(world.url(&format!("/user/get?LoginName=bob&Token={token}"))),
        )
        .await
}

fn code(answer: &Answer) -> i64 {
    answer.json()["Code"].as_i64().unwrap_or(0)
}

#[tokio::test]
async fn a_token_serves_a_batch_for_twenty_seconds_and_is_then_expired_for_a_day() {
    let world = World::start().await;
    let token = world.aktion("admin").await;
    for _ in 0..10 {
        world.clock.advance(std::time::Duration::from_millis(1_999));
        assert_eq!(get(&world, &token).await.status, 200);
    }
    world.clock.advance(std::time::Duration::from_millis(10));
    let expired = get(&world, &token).await;
    assert_snapshot!(expired.to_string().replace(&token, "[token]"), @r#"
    401
    content-type: application/json

    {"Message":"Token [token] already expired","Code":1001,"ModelStateErr":null}
    "#);
    for wait in [60 * 60, 22 * 60 * 60] {
        world.wait(wait);
        assert_eq!(code(&get(&world, &token).await), 1001);
    }
    let purge = world
        .rows(Table::Identity)
        .await
        .into_iter()
        .find_map(|row| row.get("purge_at_seconds").cloned());
    let purge: i64 = purge.unwrap().as_n().unwrap().parse().unwrap();
    assert_eq!(purge, holdfast_tests::START.unix_ms() / 1_000 + 20 + 24 * 60 * 60);
}

#[tokio::test]
async fn r1000_absent_no_uuid_or_unknown() {
    let world = World::start().await;
    assert_snapshot!(get(&world, "00000000-0000-4000-8000-000000000000").await, @r#"
    401
    content-type: application/json

    {"Message":"Token 00000000-0000-4000-8000-000000000000 not found","Code":1000,"ModelStateErr":null}
    "#);
    assert_snapshot!(get(&world, "%3Cscript%3E").await, @r#"
    401
    content-type: application/json

    {"Message":"Token <script> not found","Code":1000,"ModelStateErr":null}
    "#);
    let absent = world
        .send(world.http.get(world.url("/user/get?LoginName=bob")))
        .await;
    assert_snapshot!(absent, @r#"
    401
    content-type: application/json

    {"Message":"Token  not found","Code":1000,"ModelStateErr":null}
    "#);
    let bearer = world.netwrix("bob").await;
    assert_eq!(code(&get(&world, &bearer).await), 1000, "another dialect's token");
    let token = world.aktion("admin").await;
    for spelling in [
        token.to_uppercase(),
        token.replace('-', ""),
        format!("%7B{token}%7D"),
    ] {
        assert_eq!(get(&world, &spelling).await.status, 200, "{spelling}");
    }
}

#[tokio::test]
async fn r1006_from_an_address_outside_the_filter_whatever_the_client_says_of_itself() {
    let world = World::start().await;
    let token = world.aktion("far").await;
    let request = world
        .http
        .get(world.url(&format!("/user/get?LoginName=bob&Token={token}")))
        .header("X-Forwarded-For", "192.0.2.1")
        .header("Forwarded", "for=192.0.2.1")
        .header("X-Real-IP", "192.0.2.1");
    assert_snapshot!(world.send(request).await, @r#"
    401
    content-type: application/json

    {"Message":"Ip filter violated for ip client address [127.0.0.1]","Code":1006,"ModelStateErr":null}
    "#);
    let near = world.aktion("near").await;
    assert_eq!(get(&world, &near).await.status, 200);
}

async fn set_filter(world: &World, login: &str, filter: &str) {
    let s = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let key = RowKey::user(&Login::try_from(login).unwrap());
    world
        .store
        .client()
        .update_item()
        .table_name(world.store.table_name(Table::Resources))
        .key("pk", s(key.pk()))
        .update_expression("SET ip_filter = :filter")
        .expression_attribute_values(":filter", s(filter))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn r1007_a_filter_that_cannot_be_read_is_refused_never_ignored() {
    let world = World::start().await;
    set_filter(&world, "near", "127.0.0.1, here").await;
    let token = world.aktion("near").await;
    assert_snapshot!(get(&world, &token).await, @r#"
    401
    content-type: application/json

    {"Message":"Ip filter [127.0.0.1, here] parsing failed","Code":1007,"ModelStateErr":null}
    "#);
}

#[tokio::test]
async fn r1008_counts_what_is_served_and_what_the_filter_refuses() {
    let world = World::start().await;
    let token = world.aktion("eager").await;
    for _ in 0..3 {
        assert_eq!(get(&world, &token).await.status, 200);
    }
    for _ in 0..3 {
        assert_eq!(code(&get(&world, &token).await), 1008);
    }
    assert_snapshot!(get(&world, &token).await, @r#"
    401
    content-type: application/json

    {"Message":"Request rate policy violated for [eager]","Code":1008,"ModelStateErr":null}
    "#);
    let served = |rows: Vec<holdfast::store::Item>| {
        rows.into_iter()
            .find_map(|row| row.get("served").map(|served| served.as_n().unwrap().clone()))
    };
    assert_eq!(
        served(world.rows(Table::Identity).await).as_deref(),
        Some("3"),
        "over the limit is not counted"
    );
    let again = world.aktion("eager").await;
    assert_eq!(get(&world, &again).await.status, 200, "per token");
    // The address is looked at before the rate, and what it refuses is counted.
    set_filter(&world, "eager", "192.0.2.1").await;
    let token = world.aktion("eager").await;
    for _ in 0..5 {
        assert_eq!(code(&get(&world, &token).await), 1006);
    }
    let counts: Vec<_> = world
        .rows(Table::Identity)
        .await
        .into_iter()
        .filter(|row| {
            row.get("ip_filter")
                .is_some_and(|filter| filter.as_s().unwrap() == "192.0.2.1")
        })
        .map(|row| row["served"].as_n().unwrap().clone())
        .collect();
    assert_eq!(counts, ["3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_requests_as_many_are_served_as_the_policy_allows() {
    let world = World::start().await;
    let token = world.aktion("eager").await;
    let answers = join_all((0..30).map(|_| get(&world, &token))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 3);
    assert!(
        answers
            .iter()
            .filter(|answer| answer.status != 200)
            .all(|answer| code(answer) == 1008)
    );
}

#[tokio::test]
async fn a_use_whose_answer_was_lost_is_admitted_and_counted_once() {
    let world = World::behind_proxy().await;
    let token = world.aktion("eager").await;
    world
        .proxy
        .as_ref()
        .unwrap()
        .judge_next_on("UpdateItem", "session/", Verdict::lose_answer());
    for status in [200, 200, 200, 401] {
        assert_eq!(get(&world, &token).await.status, status);
    }
}
