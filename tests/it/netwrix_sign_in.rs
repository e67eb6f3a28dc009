//! Netwrix's two steps and the further token, row by row (`docs/api.md`, "Netwrix Privilege Secure").

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use holdfast::id::Source;
use holdfast::store::RowKey;
use holdfast_tests::{Answer, Listing, PASSWORD, Verdict, World, code_at};
use insta::assert_snapshot;
use tokio::sync::Barrier;

const JSON: &str = "application/json";
const MINUTE: u64 = 60;

/// The codes that are counted against `login` from where a world sends.
async fn code_attempts(world: &World, login: &str) -> String {
    world.attempts("127.0.0.1", login).await.code_attempts
}

/// A code that is none of the three that count now.
fn wrong_code(world: &World) -> String {
    let now = world.now();
    let step = Duration::from_secs(30);
    let right = [code_at(now.minus(step)), code_at(now), code_at(now.plus(step))];
    (0..1_000_000_u32)
        .map(|n| format!("{n:06}"))
        .find(|code| !right.contains(code))
        .unwrap()
}

/// The documented PowerShell sequence, byte for byte as that client sends it.
#[tokio::test]
async fn the_documented_sequence() {
    let world = World::start().await;
    let powershell = |request: reqwest::RequestBuilder| {
        request.header(
            "User-Agent",
            "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1",
        )
    };
    // ConvertTo-Json writes CR LF and indents.
    let body = format!("{{\r\n    \"Login\":  \"admin\",\r\n    \"Password\":  \"{PASSWORD}\"\r\n}}");
    let first = world
        .http
        .post(world.url("/signinBody"))
        .header("Content-Type", JSON)
        .body(body);
    let first = world.send(powershell(first)).await;
    assert_eq!((first.status, first.header("content-type")), (200, Some(JSON)));
    let token = first.json().as_str().unwrap().to_owned();
    assert_eq!(first.body, format!("\"{token}\""), "a bare JSON string");

    let second = world
        .http
        .post(world.url("/signin2fa"))
        .header("Content-Type", JSON);
    let second = second
        .header("Authorization", format!("Bearer {token}"))
        .body(code_at(world.now()));
    let second = world.send(powershell(second)).await;
    assert_eq!((second.status, second.header("content-type")), (200, Some(JSON)));
    let token = second.json().as_str().unwrap().to_owned();
    assert_eq!(second.body, format!("\"{token}\""));

    let call = world
        .http
        .get(world.url("/api/v1/UserToken"))
        .header("Authorization", format!("Bearer {token}"));
    assert_eq!(world.send(powershell(call)).await.status, 200);
}

#[tokio::test]
async fn step_one_refuses_what_is_no_sign_in() {
    let world = World::start().await;
    let long = format!("{{\"login\":\"{}\",\"password\":\"x\"}}", "x".repeat(101));
    let mut answers = Listing::default();
    for (name, body) in [
        ("no_body", ""),
        ("malformed", "{\"Login\":"),
        ("no_object", "\"alice\""),
        ("nothing_given", "{}"),
        ("null_password", "{\"Login\":\"alice\",\"Password\":null}"),
        (
            "repeated",
            "{\"Login\":\"alice\",\"login\":\"bob\",\"Password\":\"x\"}",
        ),
        ("long_login", &long),
    ] {
        let answer = world.post("/signinBody", JSON, body.to_owned()).await;
        assert_eq!(answer.status, 400, "{name}");
        answers.add(name, answer.without_trace());
    }
    assert_snapshot!(answers, @r#"
    no_body: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/signinBody","traceId":"[request]","errors":{"$":["There is no body."]}}
    malformed: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/signinBody","traceId":"[request]","errors":{"$":["The body is not a JSON object."]}}
    no_object: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/signinBody","traceId":"[request]","errors":{"$":["The body is not a JSON object."]}}
    nothing_given: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/signinBody","traceId":"[request]","errors":{"login":["The login field is required and must be a string."],"password":["The password field is required and must be a string."]}}
    null_password: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/signinBody","traceId":"[request]","errors":{"password":["The password field is required and must be a string."]}}
    repeated: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/signinBody","traceId":"[request]","errors":{"$":["An element or member appears more than once."]}}
    long_login: 400, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/signinBody","traceId":"[request]","errors":{"login":["A login is 1 to 100 characters, none of them a control character."]}}
    "#);
    assert_snapshot!(world.post("/signinBody", "application/xml", "<x/>").await.without_trace(), @r#"
    415
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.16","title":"Unsupported Media Type","status":415,"detail":"The body must be application/json, and the Content-Type of the request is \"application/xml\".","instance":"/signinBody","traceId":"[request]"}
    "#);
    assert_snapshot!(world.post("/signinBody", JSON, " ".repeat(65_537)).await.without_trace(), @r#"
    413
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.14","title":"Payload Too Large","status":413,"detail":"The body is larger than 65536 bytes.","instance":"/signinBody","traceId":"[request]"}
    "#);
    let any_case = format!("{{\"LOGIN\":\"bob\",\"password\":\"{PASSWORD}\",\"later\":1}}");
    assert_eq!(world.post("/signinBody", JSON, any_case).await.status, 200);
}

#[tokio::test]
async fn step_one_tells_an_outsider_nothing() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    world.lock_user("bob").await;
    let mut told = Vec::new();
    for login in ["alice", "nobody-at-all", "bob"] {
        proxy.forget();
        let answer = world.first_step(login, "wrong").await;
        told.push((answer.without_trace(), proxy.operations(), proxy.waves()));
    }
    assert_snapshot!(told[0].0, @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.2","title":"Unauthorized","status":401,"detail":"The login or password is wrong.","instance":"/signinBody","traceId":"[request]"}
    "#);
    assert!(told.iter().all(|one| one == &told[0]), "{told:#?}");
}

#[tokio::test]
async fn a_locked_account_with_the_right_password_is_told_so() {
    let world = World::start().await;
    world.lock_user("alice").await;
    assert_snapshot!(world.first_step("alice", PASSWORD).await.without_trace(), @r#"
    403
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.4","title":"Account locked","status":403,"detail":"This account is locked.","instance":"/signinBody","traceId":"[request]"}
    "#);
    world
        .lock_user_with("bob", "Suspended", "Call extension 4711.")
        .await;
    assert_snapshot!(world.first_step("bob", PASSWORD).await.without_trace(), @r#"
    403
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.4","title":"Suspended","status":403,"detail":"Call extension 4711.","instance":"/signinBody","traceId":"[request]"}
    "#);
}

#[tokio::test]
async fn step_one_503_and_500() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    let mut answers = Listing::default();
    for (code, status) in [("ThrottlingException", 503), ("ValidationException", 500)] {
        proxy.judge(move |call| match call.operation.as_str() {
            "TransactWriteItems" => Verdict::error(400, code),
            _ => Verdict::Pass,
        });
        let answer = world.first_step("alice", PASSWORD).await;
        assert_eq!(answer.status, status);
        answers.add(code, answer.without_trace());
    }
    assert_snapshot!(answers, @r#"
    ThrottlingException: 503, content-type: application/problem+json, retry-after: 1
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.6.4","title":"Service Unavailable","status":503,"detail":"The service is temporarily unavailable; try again.","instance":"/signinBody","traceId":"[request]"}
    ValidationException: 500, content-type: application/problem+json
      {"type":"https://tools.ietf.org/html/rfc9110#section-15.6.1","title":"Internal Server Error","status":500,"detail":"An internal error occurred.","instance":"/signinBody","traceId":"[request]"}
    "#);
}

#[tokio::test]
async fn passwords_are_closed_after_five_in_every_dialect_together() {
    let world = World::start().await;
    for n in 0..5 {
        let status = if n % 2 == 0 {
            world.first_step("alice", "wrong").await.status
        } else {
            holdfast_tests::Sdm::login(&world, "alice", "wrong").await.status
        };
        assert_eq!(status, 401);
    }
    assert_eq!(world.first_step("alice", PASSWORD).await.status, 401);
    world.wait(15 * MINUTE);
    assert_eq!(world.first_step("alice", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn step_two_takes_a_number_a_string_and_plain_text() {
    let world = World::start().await;
    // A code with a leading zero is one that a JSON number could not carry.
    while !code_at(world.now()).starts_with('0') {
        world.wait(30);
    }
    let code = code_at(world.now());
    for (media, body) in [
        (JSON, code.clone()),
        (JSON, format!("\"{code}\"")),
        ("text/plain", code.clone()),
        ("text/plain; charset=utf-8", format!("{code}\r\n")),
    ] {
        for login in ["alice", "admin", "secretive"] {
            for key in [
                RowKey::credential(&login.try_into().unwrap()),
                RowKey::attempts(Source::new("127.0.0.1".parse().ok()), &login.try_into().unwrap()),
            ] {
                forget_step(&world, &key).await;
            }
            let token = world.first_factor(login).await;
            let request = world
                .http
                .post(world.url("/signin2fa"))
                .header("Content-Type", media);
            let answer = world.send(request.bearer_auth(token).body(body.clone())).await;
            assert_eq!(answer.status, 200, "{media} {body}");
        }
    }
}

/// As if the user had not signed in before.
async fn forget_step(world: &World, key: &RowKey) {
    world
        .store
        .client()
        .update_item()
        .table_name(world.store.table_name(key.table()))
        .key(
            "pk",
            aws_sdk_dynamodb::types::AttributeValue::S(key.pk().to_owned()),
        )
        .update_expression("REMOVE totp_step")
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn step_two_refuses_what_is_no_code_before_it_counts() {
    let world = World::start().await;
    let token = world.first_factor("alice").await;
    for body in ["", "12345", "1234567", "abcdef", "{}", "null", "\"12345\"", "na"] {
        assert_eq!(world.second_step(&token, body).await.status, 400, "{body:?}");
    }
    assert_snapshot!(world.second_step(&token, "12345").await.without_trace(), @r#"
    400
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"One or more validation errors occurred.","status":400,"detail":"See errors for what is wrong with each property.","instance":"/signin2fa","traceId":"[request]","errors":{"$":["The body must be a code of six digits, or NA."]}}
    "#);
    assert_eq!(code_attempts(&world, "alice").await, "0");
    let xml = world
        .http
        .post(world.url("/signin2fa"))
        .bearer_auth(&token)
        .header("Content-Type", "text/xml");
    assert_eq!(world.send(xml.body("<x/>")).await.status, 415);
    let large = world
        .http
        .post(world.url("/signin2fa"))
        .bearer_auth(&token)
        .header("Content-Type", JSON);
    assert_eq!(world.send(large.body("1".repeat(65_537))).await.status, 413);
}

#[tokio::test]
async fn step_two_needs_a_first_factor_token() {
    let world = World::start().await;
    let code = code_at(world.now());
    let no_token = world
        .http
        .post(world.url("/signin2fa"))
        .header("Content-Type", JSON)
        .body(code.clone());
    assert_snapshot!(world.send(no_token).await.without_trace(), @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.2","title":"Unauthorized","status":401,"detail":"A bearer token that is valid is required.","instance":"/signin2fa","traceId":"[request]"}
    "#);
    let first = world.first_factor("alice").await;
    let full = world.netwrix("admin").await;
    for (what, token) in [("nonsense", "nonsense"), ("a full token", &full)] {
        assert_eq!(world.second_step(token, &code).await.status, 401, "{what}");
        assert_eq!(
            world.second_step(token, "12345").await.status,
            401,
            "{what}, and no code either"
        );
    }
    let cookie = world.sdm("alice").await.token;
    assert_eq!(
        world.second_step(&cookie, &code).await.status,
        401,
        "another dialect's session"
    );
    world.wait(5 * MINUTE);
    assert_eq!(
        world.second_step(&first, &code_at(world.now())).await.status,
        401,
        "after five minutes"
    );
}

#[tokio::test]
async fn a_first_factor_token_opens_nothing_else() {
    let world = World::start().await;
    let first = world.first_factor("admin").await;
    assert_eq!(world.user_token(&first).await.status, 401);
}

#[tokio::test]
async fn na_is_for_users_whose_second_factor_is_not_required_and_who_have_none() {
    let world = World::start().await;
    for (login, status) in [
        ("bob", 200),
        ("required", 401),
        ("secretive", 401),
        ("alice", 401),
    ] {
        let token = world.first_factor(login).await;
        for body in ["NA", "\"NA\""] {
            assert_eq!(
                world.second_step(&token, body).await.status,
                status,
                "{login} {body}"
            );
        }
        let counted = if status == 200 { "0" } else { "2" };
        assert_eq!(
            code_attempts(&world, login).await,
            counted,
            "{login}: a wrong code like any other"
        );
    }
    let token = world.first_factor("bob").await;
    assert_eq!(
        world.second_step(&token, &code_at(world.now())).await.status,
        401,
        "bob has no code"
    );
}

#[tokio::test]
async fn a_code_counts_one_step_before_and_after_and_once() {
    let world = World::start().await;
    let token = world.first_factor("alice").await;
    let now = world.now();
    let step = Duration::from_secs(30);
    for far in [now.minus(step * 2), now.plus(step * 2)] {
        assert_eq!(
            world.second_step(&token, &code_at(far)).await.status,
            401,
            "two steps off"
        );
    }
    assert_eq!(code_attempts(&world, "alice").await, "2");
    assert_eq!(
        world.second_step(&token, &code_at(now.minus(step))).await.status,
        200,
        "one before"
    );
    assert_eq!(
        code_attempts(&world, "alice").await,
        "0",
        "an accepted code excuses the wrong ones"
    );
    let replay = world.second_step(&token, &code_at(now.minus(step))).await;
    assert_snapshot!(replay.without_trace(), @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.2","title":"Unauthorized","status":401,"detail":"The code is wrong.","instance":"/signin2fa","traceId":"[request]"}
    "#);
    assert_eq!(
        code_attempts(&world, "alice").await,
        "0",
        "a replay is not counted"
    );
    assert_eq!(
        world.second_step(&token, &code_at(now.plus(step))).await.status,
        200,
        "one after"
    );
    assert_eq!(
        world.second_step(&token, &code_at(now)).await.status,
        401,
        "and now its own step is in the past"
    );
    let wrong = world.second_step(&token, &wrong_code(&world)).await;
    assert_eq!(
        wrong.without_trace(),
        replay.without_trace(),
        "wrong and old look the same"
    );
}

#[tokio::test]
async fn five_wrong_codes_close_the_second_step_and_a_right_password_does_not_open_it() {
    let world = World::start().await;
    let token = world.first_factor("alice").await;
    for _ in 0..5 {
        assert_eq!(world.second_step(&token, &wrong_code(&world)).await.status, 401);
    }
    let token = world.first_factor("alice").await;
    assert_eq!(world.second_step(&token, &code_at(world.now())).await.status, 401);
    world.wait(15 * MINUTE - 1);
    let token = world.first_factor("alice").await;
    assert_eq!(world.second_step(&token, &code_at(world.now())).await.status, 401);
    world.wait(1);
    assert_eq!(world.second_step(&token, &code_at(world.now())).await.status, 200);
    assert_eq!(
        world.first_step("alice", PASSWORD).await.status,
        200,
        "the password was never closed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_wrong_codes_five_are_looked_at() {
    let world = World::start().await;
    let token = world.first_factor("alice").await;
    let wrong = wrong_code(&world);
    join_all((0..40).map(|_| world.second_step(&token, &wrong))).await;
    assert_eq!(code_attempts(&world, "alice").await, "5");
    assert_eq!(world.second_step(&token, &code_at(world.now())).await.status, 401);
}

fn statuses(answers: &[Answer]) -> (usize, usize) {
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    (count(200), count(401))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_submitted_by_twenty_parallel_requests_is_accepted_once() {
    let world = World::start().await;
    let token = world.first_factor("alice").await;
    let code = code_at(world.now());
    let answers = join_all((0..20).map(|_| world.second_step(&token, &code))).await;
    assert_eq!(statuses(&answers), (1, 19));
    world.wait(30);
    let answer = world.second_step(&token, &code_at(world.now())).await;
    assert_eq!(
        answer.status, 200,
        "nineteen replays have not closed the second step"
    );
}

/// All have read the credential, and four have reserved their attempt, before the first code is accepted.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_accepted_once_even_where_all_get_to_the_last_write() {
    let world = World::behind_proxy().await;
    let token = world.first_factor("alice").await;
    let gate = Arc::new(Barrier::new(4));
    world.proxy.as_ref().unwrap().judge(move |call| {
        let gate = Arc::clone(&gate);
        if call.operation == "TransactWriteItems" {
            Verdict::PassAfter(Box::pin(async move {
                gate.wait().await;
            }))
        } else {
            Verdict::Pass
        }
    });
    let code = code_at(world.now());
    let answers = join_all((0..4).map(|_| world.second_step(&token, &code))).await;
    assert_eq!(statuses(&answers), (1, 3));
    assert_eq!(code_attempts(&world, "alice").await, "0");
}

#[tokio::test]
async fn a_code_whose_acceptance_was_answered_too_late_is_accepted() {
    let world = World::behind_proxy().await;
    let proxy = world.proxy.as_ref().unwrap();
    for (what, operation) in [
        ("a stranger's reservation", "TransactWriteItems"),
        ("one from a known source", "UpdateItem"),
        ("the session", "TransactWriteItems"),
    ] {
        let token = world.first_factor("alice").await;
        proxy.judge_next(operation, Verdict::lose_answer());
        assert_eq!(
            world.second_step(&token, &code_at(world.now())).await.status,
            200,
            "{what}"
        );
        assert!(!proxy.is_waiting(), "{what}: {operation} never came");
        world.wait(30);
    }
}

#[tokio::test]
async fn a_bearer_token_lives_fifteen_minutes_and_no_longer() {
    let world = World::start().await;
    let token = world.netwrix("bob").await;
    world.wait(15 * MINUTE - 1);
    assert_eq!(
        world.user_token(&token).await.status,
        200,
        "use does not prolong it"
    );
    world.wait(1);
    assert_snapshot!(world.user_token(&token).await.without_trace(), @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.2","title":"Unauthorized","status":401,"detail":"A bearer token that is valid is required.","instance":"/api/v1/UserToken","traceId":"[request]"}
    "#);
}

#[tokio::test]
async fn further_tokens_reach_twelve_hours_from_the_sign_in() {
    let world = World::start().await;
    let mut token = world.netwrix("bob").await;
    for _ in 0..51 {
        world.wait(14 * MINUTE);
        let next = world.user_token(&token).await;
        assert_eq!(next.status, 200, "{}", world.now());
        let next = next.json().as_str().unwrap().to_owned();
        assert_eq!(
            world.user_token(&token).await.status,
            200,
            "the old one stays valid"
        );
        token = next;
    }
    // 11 hours and 54 minutes have passed.
    world.wait(6 * MINUTE - 1);
    assert_eq!(world.user_token(&token).await.status, 200);
    let last = world.user_token(&token).await.json().as_str().unwrap().to_owned();
    world.wait(1);
    assert_eq!(world.user_token(&token).await.status, 401);
    assert_eq!(
        world.user_token(&last).await.status,
        401,
        "issued a second before, and dead with the sign-in"
    );
}

#[tokio::test]
async fn a_lock_on_the_account_ends_bearer_tokens_for_good() {
    let world = World::start().await;
    let token = world.netwrix("bob").await;
    let further = world.user_token(&token).await.json().as_str().unwrap().to_owned();
    let first = world.first_factor("bob").await;
    world.lock_user("bob").await;
    for token in [&token, &further] {
        assert_eq!(world.user_token(token).await.status, 401);
    }
    assert_eq!(world.second_step(&first, "NA").await.status, 401);
    world.unlock_user("bob").await;
    for token in [&token, &further] {
        assert_eq!(world.user_token(token).await.status, 401, "also after the unlock");
    }
    assert_eq!(world.second_step(&first, "NA").await.status, 401);
    assert_eq!(world.user_token(&world.netwrix("bob").await).await.status, 200);
}

/// The account is locked between the second step's read and its write.
#[tokio::test]
async fn a_lock_that_comes_during_the_second_step_wins() {
    let world = Arc::new(World::behind_proxy().await);
    let token = world.first_factor("bob").await;
    let admin = Arc::clone(&world);
    world.proxy.as_ref().unwrap().judge_next(
        "TransactWriteItems",
        Verdict::PassAfter(Box::pin(async move { admin.lock_user("bob").await })),
    );
    assert_eq!(world.second_step(&token, "NA").await.status, 401);
}

#[tokio::test]
async fn the_authorization_header_is_read_as_its_standard_says() {
    let world = World::start().await;
    let token = world.netwrix("bob").await;
    let call = |value: String| {
        world
            .http
            .get(world.url("/api/v1/UserToken"))
            .header("Authorization", value)
    };
    assert_eq!(world.send(call(format!("bearer {token}"))).await.status, 200);
    for value in [
        token.clone(),
        format!("Basic {token}"),
        "Bearer".to_owned(),
        format!("Bearer {token}x"),
    ] {
        let answer = world.send(call(value)).await;
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (401, Some("Bearer"))
        );
    }
}

#[tokio::test]
async fn a_further_token_whose_answer_was_lost_is_one() {
    let world = World::behind_proxy().await;
    let token = world.netwrix("bob").await;
    world
        .proxy
        .as_ref()
        .unwrap()
        .judge_next("PutItem", Verdict::lose_answer());
    let further = world.user_token(&token).await.json().as_str().unwrap().to_owned();
    assert_eq!(world.user_token(&further).await.status, 200);
}
