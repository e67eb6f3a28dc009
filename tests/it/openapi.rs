//! The `OpenAPI` document says what the code does: routes, statuses, bodies, headers, examples. The harness holds every answer of every
//! test to it (`tests/src/conformance.rs`); here is what is left to compare.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_local::FUNCTIONS;
use holdfast_tests::{Document, Received, conforms, coverage, example};
use serde_json::{Value, json};

const API: &str = include_str!("../../docs/api.md");

#[test]
fn the_routes_of_the_document_are_those_of_the_code() {
    let served: BTreeSet<String> = FUNCTIONS
        .iter()
        .flat_map(|function| function.routes)
        .map(holdfast::runtime::Route::key)
        .collect();
    let operations = Document::served().operations();
    let documented: BTreeSet<String> = operations.iter().map(holdfast_tests::Operation::key).collect();
    assert_eq!(documented, served);
    let mut names: Vec<&Value> = operations.iter().map(|one| &one.value["operationId"]).collect();
    names.sort_by_key(|name| name.as_str());
    names.dedup();
    assert_eq!(names.len(), operations.len(), "each has a name of its own");
}

/// The rows of "Every status" in `docs/api.md`.
fn table() -> BTreeMap<String, Vec<String>> {
    let (_, chapter) = API.split_once("## Every status\n").unwrap();
    let rows = chapter.split("\n## ").next().unwrap().lines();
    rows.filter(|row| row.starts_with("| `"))
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let key = cells[1].trim_matches('`').replace("{v}", "{versionId}");
            let mut statuses: Vec<String> = cells[2].split(' ').map(str::to_owned).collect();
            statuses.sort();
            (key, statuses)
        })
        .collect()
}

#[test]
fn the_statuses_of_the_document_are_those_of_the_contract() {
    let mut documented = coverage::documented();
    documented.remove(coverage::ANY_OTHER);
    assert_eq!(table(), documented);
}

/// What any request may be answered, whatever its chapter says.
const ANYWHERE: [&str; 4] = ["400", "414", "500", "503"];

/// The table of statuses is not a second truth: each status of it is in the chapter of its call.
#[test]
fn the_chapters_of_the_contract_name_each_status() {
    for (key, statuses) in table() {
        let (_, path) = key.split_once(' ').unwrap();
        let heading = match path {
            "/rest/{versionId}/admin/login" | "/rest/{versionId}/admin/logout" => "### Session\n",
            path if path.starts_with("/rest/") && path.ends_with("/action") => "### Device lock\n",
            path if path.starts_with("/rest/") => "### Devices\n",
            "/login" => "### Login\n",
            "/user/lock" => "### User lock\n",
            "/user/get" => "### User\n",
            "/signinBody" | "/signin2fa" | "/api/v1/UserToken" => "### Sign-in\n",
            "/api/v1/ActivitySession/lock" => "### Activity session lock\n",
            path if path.starts_with("/api/v1/") => "### Activity sessions\n",
            "/locks" | "/locks/check" => "### See what is locked\n",
            "/locks/{kind}/{id}/break" => "### Break\n",
            "/locks/{kind}/{id}" if key.starts_with("GET") => "### See what is locked\n",
            "/locks/{kind}/{id}" => "### Hold and release\n",
            "/history" => "## History\n",
            _ => "## Documents\n",
        };
        let (_, chapter) = API
            .split_once(heading)
            .unwrap_or_else(|| panic!("no chapter {heading}"));
        let chapter = chapter.split("\n#").next().unwrap();
        for status in statuses {
            assert!(
                ANYWHERE.contains(&status.as_str()) || chapter.contains(&status),
                "{key}: {status} is not in {heading}"
            );
        }
    }
}

#[test]
fn every_example_keeps_to_its_schema() {
    let mut count = 0;
    for operation in Document::served().operations() {
        let responses = operation.value["responses"].as_object().unwrap().values();
        for holder in responses.chain([&operation.value["requestBody"]]) {
            let content = Document::served().resolved(holder)["content"].as_object();
            for (media, content) in content.into_iter().flatten() {
                for (name, shown) in content["examples"].as_object().into_iter().flatten() {
                    example(media, &content["schema"], &shown["value"])
                        .unwrap_or_else(|fault| panic!("{name}: {fault}"));
                    count += 1;
                }
            }
        }
    }
    assert!(count > 100, "{count} examples");
}

/// An answer to `GET /rest/v1.3/…/devices/ID5`, in JSON or XML.
fn device(media: &str, status: u16, body: &str, more: &[(&str, &str)]) -> Result<(), String> {
    let mut headers: Vec<(String, String)> = [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-request-id", "7"),
        ("content-type", media),
    ]
    .iter()
    .chain(more)
    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    .collect();
    if media.is_empty() {
        headers.retain(|(name, _)| name != "content-type" && name != "x-request-id");
    }
    conforms(&Received {
        method: "GET",
        path: "/rest/v1.3/inventory/deviceMgmt/devices/ID5",
        status,
        headers: &headers,
        body,
    })
}

#[test]
fn what_is_not_in_the_document_does_not_pass() {
    let whole = json!({"id": "ID5", "name": "sbc", "ip": "", "description": "", "nfId": "", "nfName": "",
        "softwareInfo": "", "connectivityStatus": "Unknown"});
    let json = |change: &dyn Fn(&mut Value), status, more: &[(&str, &str)]| {
        let mut body = whole.clone();
        change(&mut body);
        device("application/json", status, &body.to_string(), more)
    };
    let same = |_: &mut Value| {};
    assert_eq!(json(&same, 200, &[]), Ok(()));
    for (what, refused) in [
        ("a status", json(&same, 418, &[])),
        ("a property", json(&|body| body["rack"] = json!("7"), 200, &[])),
        ("a type", json(&|body| body["ip"] = json!(7), 200, &[])),
        (
            "a missing property",
            json(&|body| drop(body.as_object_mut().unwrap().remove("ip")), 200, &[]),
        ),
        (
            "a property of the lock",
            json(&|body| body["lock"] = json!({"owner": "alice"}), 200, &[]),
        ),
        ("a header", json(&same, 200, &[("x-rack", "7")])),
        ("a missing header", device("", 204, "", &[])),
        ("a media type", device("text/csv", 200, "", &[])),
    ] {
        assert!(refused.is_err(), "{what} passes");
    }

    let xml = |body: &str| device("application/xml", 200, body, &[]);
    let parts = "<ip></ip><description></description><nfId></nfId><nfName></nfName><softwareInfo></softwareInfo>\
                 <connectivityStatus>Unknown</connectivityStatus>";
    let lock = "<lock><owner>alice</owner><since>2026-11-22T10:00:00Z</since><fence>7</fence><mine>true</mine></lock>";
    let named = |more: &str| {
        xml(&format!(
            "<device><id>ID5</id><name>a &amp; b</name>{parts}{more}</device>"
        ))
    };
    assert_eq!(named(""), Ok(()));
    assert_eq!(named(lock), Ok(()));
    for (what, refused) in [
        ("an element", named("<rack>7</rack>")),
        ("an element twice", named("<id>ID5</id>")),
        (
            "another root",
            xml(&format!("<box><id>ID5</id><name>sbc</name>{parts}</box>")),
        ),
        (
            "a missing element",
            xml(&format!("<device><id>ID5</id>{parts}</device>")),
        ),
        ("a fence that is not a number", named(&lock.replace('7', "seven"))),
        ("text between", named("text")),
        ("two roots", xml("<device></device><device></device>")),
    ] {
        assert!(refused.is_err(), "{what} passes");
    }

    let elsewhere = |status| {
        conforms(&Received {
            method: "GET",
            path: "/rest/v1.3/racks",
            status,
            headers: &[],
            body: "",
        })
    };
    assert!(elsewhere(200).is_err(), "a route passes");
}

#[test]
fn a_status_that_no_test_sees_is_a_gap() {
    let mut seen: BTreeSet<String> = coverage::documented()
        .into_iter()
        .flat_map(|(route, statuses)| {
            statuses
                .into_iter()
                .map(move |status| format!("{route} {status}"))
        })
        .collect();
    assert_eq!(coverage::table(&seen).1, 0);
    seen.remove("POST /login 401");
    let (table, gaps) = coverage::table(&seen);
    assert_eq!(gaps, 1);
    assert!(table.contains("[401]"), "{table}");
}
