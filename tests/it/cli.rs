//! The command `holdfast`.

use std::process::Output;

use holdfast_tests::{World, command};
use serde_json::{Value, json};

/// Runs the command against the tables of `world`.
fn run(world: &World, arguments: &[&str]) -> Output {
    command()
        .args(arguments)
        .envs([
            ("AWS_ENDPOINT_URL_DYNAMODB", world.endpoint()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
        ])
        .output()
        .unwrap()
}

const TABLES: [&str; 4] = [
    "--resources-table",
    "holdfast-resources",
    "--identity-table",
    "holdfast-identity",
];

fn file(folder: &tempfile::TempDir, directory: &Value) -> String {
    let path = folder.path().join("directory.json");
    std::fs::write(&path, directory.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn import_enters_a_directory_and_leaves_what_is_there() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let directory = json!({
        "companies": [{"id": "1"}, {"id": "3"}],
        "users": [
            {"company": "3", "login": "erin", "password": "erins", "groups": ["provisioners"]},
            {"company": "1", "login": "alice", "password": "another one"},
        ],
        "devices": [{"company": "3", "id": "ID1"}],
    });
    let path = file(&folder, &directory);
    let imported = run(&world, &[&["import", &path][..], &TABLES].concat());
    let told = String::from_utf8_lossy(&imported.stderr);
    assert!(imported.status.success(), "{told}");

    let body = json!({"userName": "erin", "password": "erins"}).to_string();
    let erin = world
        .post("/rest/v1.3/admin/login", "application/json", body)
        .await;
    assert_eq!(erin.status, 200);
    // Alice has the password that she had.
    world.sdm("alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn import_refuses_a_bad_file_whole() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, &json!({"companies": [{"id": "a b"}], "people": []}));
    let refused = run(&world, &[&["import", &path][..], &TABLES].concat());
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr).replace(&path, "[file]");
    insta::assert_snapshot!(told, @r"
    holdfast: [file]: the directory file is unusable:
      people: there is no such member here
      companies[0].id: a company id is 1 to 32 letters, digits, '_' or '-'
    ");
}
