//! `GET /docs`, `GET /openapi.json`, and what no route takes.

use std::process::Command;

use holdfast_tests::{Answer, Credentials, Document, World};
use insta::assert_snapshot;
use reqwest::Method;

const DEMO: &str = include_str!("../../local/demo-directory.json");

async fn get(world: &World, path: &str) -> Answer {
    world.send(world.http.get(world.url(path))).await
}

#[tokio::test]
async fn an_unknown_address_is_answered_in_the_dialect_of_its_beginning() {
    let world = World::start().await;
    assert_snapshot!(get(&world, "/api/v1/Credential").await, @r#"
    404
    content-type: application/problem+json

    {"type":"https://tools.ietf.org/html/rfc9110#section-15.5.5","title":"Not Found","status":404,"detail":"There is nothing at this address."}
    "#);
    assert_snapshot!(get(&world, "/rest/v1.3/inventory/racks").await, @r"
    404
    content-type: application/xml

    <error><status>404</status><message>There is nothing at this address.</message></error>
    ");
    assert_snapshot!(get(&world, "/user/list").await, @r#"
    404
    content-type: application/json

    {"Message":"There is nothing at this address.","Code":404,"ModelStateErr":null}
    "#);
    assert_snapshot!(get(&world, "/lock").await, @r#"
    404
    content-type: application/problem+json

    {"type":"about:blank","title":"Not Found","status":404,"detail":"There is nothing at this address."}
    "#);
    // Paths are case-sensitive, and who writes them otherwise is still told so in words of their own.
    assert_eq!(
        get(&world, "/REST/v1.3/admin/login").await.header("content-type"),
        Some("application/xml")
    );
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let world = World::start().await;
    let send = |method, path: &str| world.send(world.http.request(method, world.url(path)));
    assert_snapshot!(send(Method::PATCH, "/locks/device/ID5").await, @r#"
    405
    allow: DELETE, GET, PUT
    content-type: application/problem+json

    {"type":"about:blank","title":"Method Not Allowed","status":405,"detail":"This address does not have this method; Allow names those that it has."}
    "#);
    for (method, path, allow) in [
        (
            Method::GET,
            "/rest/v1.3/inventory/deviceMgmt/devices/ID5/action",
            "POST",
        ),
        (Method::PUT, "/user/lock", "POST"),
        (Method::DELETE, "/api/v1/ActivitySession", "GET, POST"),
        (Method::OPTIONS, "/history", "GET"),
        (Method::POST, "/docs", "GET"),
    ] {
        let answer = send(method, path).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some(allow)),
            "{path}: {answer}"
        );
    }
}

#[tokio::test]
async fn the_page_needs_nothing_but_itself_and_its_one_script() {
    let world = World::start().await;
    let page = get(&world, "/docs").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.body.matches("<script").count(), 1);
    assert!(
        page.body
            .contains(r#"<script src="/docs/copy.js" defer></script>"#)
    );
    for never in [
        "style=\"",
        " onclick",
        "javascript:",
        "src=\"http",
        "href=\"http",
        "@import",
        "url(",
    ] {
        assert!(!page.body.contains(never), "{never}");
    }
    for operation in Document::served().operations() {
        let name = operation.value["operationId"].as_str().unwrap();
        assert!(page.body.contains(&format!("<section id=\"{name}\">")), "{name}");
    }
    for link in page.body.split("href=\"#").skip(1) {
        let id = link.split('"').next().unwrap();
        assert!(page.body.contains(&format!("id=\"{id}\"")), "#{id} leads nowhere");
    }
    let script = get(&world, "/docs/copy.js").await;
    assert_eq!(
        script.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    assert_eq!(get(&world, "/openapi.json").await.body, docs::OPENAPI);
}

/// The text of an element's content.
fn unescaped(html: &str) -> String {
    html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

/// Every command of the page, pasted into a shell in the order of the page. What it answers is a status of the document and never
/// that the command is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_work_as_they_are() {
    let world = World::live(serde_json::from_str(DEMO).unwrap()).await;
    let page = get(&world, "/docs").await.body;
    let mut people = Credentials::new(&world.url(""));
    let mut ran = 0;
    for section in page.split("<section id=\"").skip(1) {
        let name = section.split('"').next().unwrap();
        let Some(command) = section.split("<pre tabindex=\"0\"><code>").nth(1) else {
            panic!("{name} has no command");
        };
        let command = unescaped(command.split("</code>").next().unwrap());
        assert!(command.starts_with("curl "), "{name}: {command}");
        let person = if name == "breakLock" { "olga" } else { "admin" };
        let session = people.value("sdm-session:alice").await;
        let first = people.value("netwrix-first-factor:alice").await;
        let code = people.value("totp:alice").await;
        let (token, key) = (
            people.value(&format!("netwrix-token:{person}")).await,
            people.value("aktion-token:admin").await,
        );
        let url = world.url("");
        let run = tokio::task::spawn_blocking(move || {
            Command::new("bash")
                .args(["-c", &format!("{command} -s --noproxy '*'")])
                .env("API", url)
                .env("SESSION", session)
                .env("FIRST", first)
                .env("CODE", code)
                .env("TOKEN", token)
                .env("KEY_TOKEN", key)
                .output()
                .unwrap()
        });
        let said = String::from_utf8(run.await.unwrap().stdout).unwrap();
        let status = said.split(' ').nth(1).unwrap_or_default().to_owned();
        let operations = Document::served().operations();
        let operation = operations
            .iter()
            .find(|one| one.value["operationId"] == name)
            .unwrap();
        assert!(
            operation.value["responses"].get(&status).is_some(),
            "{name}: {said}"
        );
        assert!(
            !["400", "401", "404", "413", "414", "415"].contains(&status.as_str()),
            "{name}: {said}"
        );
        if name == "sdmLogout" {
            people.forget_sessions();
        }
        ran += 1;
    }
    assert_eq!(ran, Document::served().operations().len());
}
