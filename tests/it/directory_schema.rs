//! The JSON Schema of directory files, by which editors complete and check them, and the reader of the command agree.

use std::collections::BTreeSet;
use std::path::Path;

use boon::{Compiler, Schemas};
use holdfast_directory::{Directory, members};
use holdfast_tests::people;
use serde_json::{Value, json};

const SCHEMA: &str = "docs/directory.schema.json";
const UUID: &str = "6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01";
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEh$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

fn schema() -> Value {
    serde_json::from_str(&text(SCHEMA)).unwrap()
}

#[test]
fn the_schema_has_the_members_of_the_reader() {
    let schema = schema();
    let definitions = &schema["$defs"];
    for (definition, members) in [
        (&schema, members::OF_FILE),
        (&definitions["company"], members::OF_COMPANY),
        (&definitions["user"], members::OF_USER),
        (&definitions["device"], members::OF_DEVICE),
        (&definitions["resource"], members::OF_RESOURCE),
        (&definitions["activity_session"], members::OF_ACTIVITY_SESSION),
    ] {
        let known: BTreeSet<&str> = definition["properties"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(known, members.iter().copied().collect());
        assert_eq!(definition["additionalProperties"], false);
    }
}

/// A file of one company, and what `more` has beside it.
fn file(more: &Value) -> Value {
    let mut file = json!({"companies": [{"id": "1"}]});
    let members = file.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    file
}

/// The file with one user.
fn user(more: &Value) -> Value {
    let mut user = json!({"company": "1", "login": "alice"});
    user.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    file(&json!({"users": [user]}))
}

fn device(more: &Value) -> Value {
    let mut device = json!({"company": "1", "id": "ID5"});
    device
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    file(&json!({"devices": [device]}))
}

fn good() -> Vec<Value> {
    vec![
        json!({}),
        file(&json!({"$schema": "directory.schema.json", "users": [], "devices": []})),
        file(&json!({"companies": [{"id": "Acme_1-x", "name": null, "licences": ["Users"]}]})),
        user(&json!({})),
        user(&json!({"login": "zoë/x.y", "name": "x".repeat(256)})),
        user(&json!({"login": "ë".repeat(100)})),
        user(&json!({"password": "", "totp_secret": null, "mfa": null, "api_key": null})),
        user(&json!({"password": null, "password_hash": HASH, "mfa": "not-required", "disabled": false})),
        user(&json!({"totp_secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "mfa": "required", "system": true})),
        user(&json!({"api_key": "YWRtaW4tZGVtby1hcGktaw==", "rate_policy": "100/20", "disabled": true})),
        user(
            &json!({"ip_filter": "192.0.2.0/24, 2001:db8::/32;10.0.0.1-10.0.0.9", "sources": ["192.0.2.0/28", "2001:db8::5"]}),
        ),
        user(
            &json!({"ip_filter": "", "roles": [], "groups": ["a"], "privileges": ["Locks.Break"], "editable_groups": ["*"]}),
        ),
        device(&json!({"id": "a b%2F~", "name": "", "ip": "", "description": null})),
        device(&json!({"id": "x".repeat(128)})),
        file(&json!({"resources": [{"company": "1", "id": UUID, "name": "db01"}]})),
        file(&json!({"resources": [{"company": "1", "id": UUID.to_uppercase(), "name": ""}]})),
        file(&json!({
            "users": [{"company": "1", "login": "bob"}],
            "resources": [{"company": "1", "id": UUID, "name": "db01"}],
            "activity_sessions": [{"company": "1", "id": UUID, "user": "bob", "resource": "db01", "activity": "RDP"}],
        })),
    ]
}

fn bad() -> Vec<Value> {
    let mut bad = vec![
        json!([]),
        json!({"people": []}),
        json!({"$schema": 1}),
        json!({"companies": {}}),
        json!({"companies": null}),
        json!({"companies": [1]}),
        json!({"companies": [{}]}),
        json!({"companies": [{"id": "a b"}]}),
        json!({"companies": [{"id": 1}]}),
        json!({"companies": [{"id": "1", "licences": "Users"}]}),
        file(&json!({"users": [{"company": "1"}]})),
        file(&json!({"users": [{"login": "alice"}]})),
        file(&json!({"resources": [{"company": "1", "id": "7", "name": "db01"}]})),
        file(&json!({"resources": [{"company": "1", "id": UUID}]})),
        file(&json!({"resources": [{"company": "1", "id": UUID, "name": null}]})),
        file(
            &json!({"activity_sessions": [{"company": "1", "id": UUID, "user": "bob", "resource": "db01"}]}),
        ),
    ];
    for wrong in [
        json!({"passwrod": "x"}),
        json!({"login": ""}),
        json!({"login": "a\u{7}"}),
        json!({"login": "x".repeat(101)}),
        json!({"login": "me"}),
        json!({"login": "operator"}),
        json!({"login": "operator/alice"}),
        json!({"name": 1}),
        json!({"name": "x".repeat(257)}),
        json!({"password": "x", "password_hash": HASH}),
        json!({"password_hash": "hunter2"}),
        json!({"password_hash": "$2b$12$abcdefghijklmnopqrstuv"}),
        json!({"password_hash": "$argon2id$v=19$m=19456,t=2,p=1"}),
        json!({"totp_secret": "0"}),
        json!({"totp_secret": "GEZDGNBVGY3TQOJQ"}),
        json!({"mfa": "maybe"}),
        json!({"api_key": "k"}),
        json!({"api_key": "YWRtaW4tZGVtby1hcGkt"}),
        json!({"rate_policy": "9/9"}),
        json!({"rate_policy": "0/20"}),
        json!({"ip_filter": "here"}),
        json!({"sources": ["192.0.2.1", "here"]}),
        json!({"roles": "Admin"}),
        json!({"roles": [1]}),
        json!({"roles": null}),
        json!({"system": 1}),
        json!({"disabled": null}),
        json!({"disabled": "yes"}),
    ] {
        bad.push(user(&wrong));
    }
    for wrong in [
        json!({"id": "a/b"}),
        json!({"id": ""}),
        json!({"id": "ä"}),
        json!({"id": "x".repeat(129)}),
        json!({"serial": "7"}),
        json!({"company": null}),
    ] {
        bad.push(device(&wrong));
    }
    bad
}

/// Whether a file keeps to the schema.
fn keeps(schema: &Value, file: &Value) -> bool {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource(SCHEMA, schema.clone()).unwrap();
    let schema = compiler.compile(SCHEMA, &mut schemas).unwrap();
    schemas.validate(file, schema).is_ok()
}

#[test]
fn the_schema_and_the_reader_judge_alike() {
    let schema = schema();
    for (files, is_good) in [(good(), true), (bad(), false)] {
        for file in files {
            let read = Directory::parse(&file.to_string());
            assert_eq!(read.is_ok(), is_good, "the reader: {file} {read:?}");
            assert_eq!(keeps(&schema, &file), is_good, "the schema: {file}");
        }
    }
}

#[test]
fn files_that_are_in_use_keep_to_the_schema() {
    let schema = schema();
    let demo = "local/demo-directory.json";
    let demo_file: Value = serde_json::from_str(&text(demo)).unwrap();
    // Where an editor looks for it.
    let named = demo_file["$schema"].as_str().unwrap();
    assert_eq!(
        std::fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../local").join(named)).unwrap(),
        std::fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(SCHEMA)).unwrap()
    );
    for file in [demo_file, people(&["user-00".to_owned()])] {
        assert!(keeps(&schema, &file), "{file}");
    }
}
