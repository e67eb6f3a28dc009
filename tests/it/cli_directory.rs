//! `holdfast export`, `plan` and `apply`: people and things, from a file into the tables and back.

use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::id::{Company, DeviceId, Login};
use holdfast::store::{Item, RowKey, Store, Table};
use holdfast_tests::{PASSWORD, Run, Terminal, Verdict, World, operator_environment, people};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;

/// An operator of the tables of a world, and their files.
struct Operator {
    terminal: Terminal,
    endpoint: String,
    folder: TempDir,
}

impl Operator {
    /// Before the tables of `world`, or before its proxy where it has one.
    fn of(world: &World) -> Self {
        let proxy = world.proxy.as_ref();
        Self {
            terminal: Terminal::new(world),
            endpoint: proxy
                .map_or(world.endpoint(), |proxy| proxy.endpoint())
                .to_owned(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn environment(&self) -> Vec<(&str, &str)> {
        operator_environment(&self.endpoint)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, directory: &Value) -> String {
        let path = self.path("directory.json");
        std::fs::write(&path, directory.to_string()).unwrap();
        path
    }

    /// Runs a command on a file.
    fn run(&self, arguments: &[&str]) -> Run {
        self.terminal.run_with(arguments, &self.environment(), "")
    }

    /// The same with some of the environment replaced.
    fn run_in(&self, arguments: &[&str], other: &[(&str, &str)]) -> Run {
        let environment = [self.environment(), other.to_vec()].concat();
        self.terminal.run_with(arguments, &environment, "")
    }

    /// Applies a directory without a question.
    fn apply(&self, directory: &Value, more: &[&str]) -> Run {
        let path = self.write(directory);
        self.run(&[&["apply", &path, "--yes"], more].concat())
    }

    /// Runs a command on a directory and adds it to a session, under the name that its reader would give the file.
    fn show(&self, shown: &mut String, directory: &Value, command: &[&str]) {
        let path = self.write(directory);
        let arguments: Vec<&str> = command
            .iter()
            .map(|word| {
                if *word == "directory.json" {
                    path.as_str()
                } else {
                    *word
                }
            })
            .collect();
        let mut run = self.run(&arguments);
        run.stderr = run.stderr.replace(&path, "directory.json");
        self.terminal.show(shown, command, &run);
    }
}

/// A company, an administrator and three devices.
fn small() -> Value {
    json!({
        "companies": [{"id": "1", "name": "Acme", "licences": ["Users"]}],
        "users": [
            {"company": "1", "login": "admin", "password": PASSWORD, "mfa": "not-required",
             "groups": ["administrators"], "privileges": ["Users.View", "Users.Edit", "Users.Blocked.Edit"]},
            {"company": "1", "login": "bob", "password": "bobs", "mfa": "not-required", "groups": ["provisioners"]},
        ],
        "devices": [
            {"company": "1", "id": "ID5", "name": "sbc-boston"},
            {"company": "1", "id": "ID6", "name": "sbc-austin"},
            {"company": "1", "id": "ID7", "name": "sbc-chicago"},
        ],
        "resources": [{"company": "1", "id": "6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01", "name": "db01"}],
    })
}

fn device_key(id: &str) -> RowKey {
    RowKey::device(&Company::try_from("1").unwrap(), &DeviceId::try_from(id).unwrap())
}

async fn device(world: &World, id: &str) -> Item {
    stored(world, &device_key(id)).await
}

/// A row, tombstone or not.
async fn stored(world: &World, key: &RowKey) -> Item {
    let rows = world.store.stored(std::slice::from_ref(key)).await.unwrap();
    rows.get(key).unwrap().item().clone()
}

fn number(row: &Item, name: &str) -> u64 {
    row.get(name).unwrap().as_n().unwrap().parse().unwrap()
}

fn text<'a>(row: &'a Item, name: &str) -> &'a str {
    row.get(name).unwrap().as_s().unwrap()
}

/// Another operator, or a function, writes a device's row.
async fn write(store: Store, id: &'static str, set: &'static str, value: &'static str) {
    store
        .client()
        .update_item()
        .table_name(store.table_name(Table::Resources))
        .key("pk", AttributeValue::S(device_key(id).pk().to_owned()))
        .update_expression(format!("SET rev = rev + :one, {set} = :value"))
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .expression_attribute_values(":value", AttributeValue::S(value.to_owned()))
        .send()
        .await
        .unwrap();
}

#[expect(
    clippy::too_many_lines,
    reason = "most of them are the snapshot of one session"
)]
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_planned_applied_and_then_as_it_says() {
    let world = World::with(small(), false).await;
    let operator = Operator::of(&world);
    let mut next = small();
    next["users"][1] =
        json!({"company": "1", "login": "erin", "password": "erins", "groups": ["provisioners"]});
    next["users"][0]["name"] = "Ada Admin".into();
    next["users"][0]["groups"] = json!(["administrators", "LIAdministrators"]);
    next["users"][0]["password"] = "another one".into();
    next["devices"][0]["ip"] = "192.0.2.10".into();
    next["resources"][0]["name"] = "db02".into();
    let mut shown = String::new();
    for (directory, command) in [
        (&small(), &["plan", "directory.json", "--detailed-exitcode"][..]),
        (&next, &["plan", "directory.json", "--detailed-exitcode"]),
        (
            &next,
            &["plan", "directory.json", "--prune", "--output", "ndjson"],
        ),
        (&next, &["apply", "directory.json"]),
        (&next, &["apply", "directory.json", "--prune", "--yes"]),
        (
            &next,
            &["plan", "directory.json", "--prune", "--detailed-exitcode"],
        ),
        (&next, &["apply", "directory.json", "--yes", "--output", "json"]),
        (&small(), &["plan", "directory.json", "--output", "json"]),
    ] {
        operator.show(&mut shown, directory, command);
    }
    insta::assert_snapshot!(shown, @r#"
    $ holdfast plan directory.json --detailed-exitcode
      TARGET  COMPANY  FIELD  NOW  THEN
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! no changes: 7 unchanged
    $ holdfast plan directory.json --detailed-exitcode
       TARGET  COMPANY  FIELD  NOW  THEN
    ~  resource/6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01  1  name  db01  db02
    ~  user/admin  1  name  admin  Ada Admin
                                                               groups  administrators  administrators, LIAdministrators
                                                               password  (sensitive)  (sensitive)
    +  user/erin  1  erin
    ~  device/ID5  1  ip  192.0.2.10
    !  user/bob  1  is not in the file; --prune removes it
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! warning: user/erin: a second factor is required and there is none: give totp_secret, or "mfa": "not-required"
    ! plan: 1 to create, 3 to change, 0 to remove; 3 unchanged, 1 left as they are
    = 6
    $ holdfast plan directory.json --prune --output ndjson
    {"changes":[{"field":"name","from":"bob","to":null},{"field":"mfa","from":"not-required","to":null},{"field":"groups","from":["provisioners"],"to":null},{"field":"rate_policy","from":"100/20","to":null}],"company":"1","deed":"remove","target":"user/bob"}
    {"changes":[{"field":"name","from":"db01","to":"db02"}],"company":"1","deed":"change","target":"resource/6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01"}
    {"changes":[{"field":"name","from":"admin","to":"Ada Admin"},{"field":"groups","from":["administrators"],"to":["administrators","LIAdministrators"]},{"field":"password","from":"(sensitive)","to":"(sensitive)"}],"company":"1","deed":"change","target":"user/admin"}
    {"changes":[{"field":"name","from":null,"to":"erin"},{"field":"mfa","from":null,"to":"required"},{"field":"groups","from":null,"to":["provisioners"]},{"field":"rate_policy","from":null,"to":"100/20"},{"field":"password","from":null,"to":"(sensitive)"}],"company":"1","deed":"create","target":"user/erin"}
    {"changes":[{"field":"ip","from":null,"to":"192.0.2.10"}],"company":"1","deed":"change","target":"device/ID5"}
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! warning: user/erin: a second factor is required and there is none: give totp_secret, or "mfa": "not-required"
    ! plan: 1 to create, 3 to change, 1 to remove; 3 unchanged
    $ holdfast apply directory.json
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! warning: user/erin: a second factor is required and there is none: give totp_secret, or "mfa": "not-required"
    ! plan: 1 to create, 3 to change, 0 to remove; 3 unchanged, 1 left as they are
    ! This writes to the tables of the stack.
    ! holdfast: this is not a terminal, so nobody can answer "Type holdfast-resources to go on": give --yes
    = 2
    $ holdfast apply directory.json --prune --yes
    created  1
    changed  3
    removed  1
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! warning: user/erin: a second factor is required and there is none: give totp_secret, or "mfa": "not-required"
    ! plan: 1 to create, 3 to change, 1 to remove; 3 unchanged
    $ holdfast plan directory.json --prune --detailed-exitcode
      TARGET  COMPANY  FIELD  NOW  THEN
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! warning: user/erin: a second factor is required and there is none: give totp_secret, or "mfa": "not-required"
    ! no changes: 7 unchanged
    $ holdfast apply directory.json --yes --output json
    {
      "changed": 0,
      "created": 0,
      "removed": 0,
      "undone": [],
      "untried": 0
    }
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! warning: user/erin: a second factor is required and there is none: give totp_secret, or "mfa": "not-required"
    ! no changes: 7 unchanged
    $ holdfast plan directory.json --output json
    [
      {
        "changes": [
          {
            "field": "name",
            "from": "db02",
            "to": "db01"
          }
        ],
        "company": "1",
        "deed": "change",
        "target": "resource/6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01"
      },
      {
        "changes": [
          {
            "field": "name",
            "from": "Ada Admin",
            "to": "admin"
          },
          {
            "field": "groups",
            "from": [
              "administrators",
              "LIAdministrators"
            ],
            "to": [
              "administrators"
            ]
          },
          {
            "field": "password",
            "from": "(sensitive)",
            "to": "(sensitive)"
          }
        ],
        "company": "1",
        "deed": "change",
        "target": "user/admin"
      },
      {
        "changes": [
          {
            "field": "name",
            "from": null,
            "to": "bob"
          },
          {
            "field": "mfa",
            "from": null,
            "to": "not-required"
          },
          {
            "field": "groups",
            "from": null,
            "to": [
              "provisioners"
            ]
          },
          {
            "field": "rate_policy",
            "from": null,
            "to": "100/20"
          },
          {
            "field": "password",
            "from": null,
            "to": "(sensitive)"
          }
        ],
        "company": "1",
        "deed": "return",
        "target": "user/bob"
      },
      {
        "changes": [
          {
            "field": "ip",
            "from": "192.0.2.10",
            "to": null
          }
        ],
        "company": "1",
        "deed": "change",
        "target": "device/ID5"
      },
      {
        "company": "1",
        "deed": "leave",
        "target": "user/erin",
        "why": "is not in the file; --prune removes it"
      }
    ]
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! plan: 1 to create, 3 to change, 0 to remove; 3 unchanged, 1 left as they are
    "#);
    for (login, password, status) in [
        ("admin", "another one", 200),
        ("admin", PASSWORD, 401),
        ("erin", "erins", 200),
        ("bob", "bobs", 401),
    ] {
        let body = json!({"userName": login, "password": password}).to_string();
        let answer = world
            .post("/rest/v1.3/admin/login", "application/json", body)
            .await;
        assert_eq!(answer.status, status, "{login} {password}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "what a command is expected to show")]
fn their_help_has_examples() {
    let terminal = Terminal::at("http://127.0.0.1:1");
    let mut shown = String::new();
    for name in ["export", "plan", "apply"] {
        let run = terminal.run(&[name, "--help"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}");
        let (own, _) = run.stdout.split_once("\nGlobal options:\n").unwrap();
        let (_, examples) = run.stdout.split_once("\nExamples:\n").unwrap();
        writeln!(shown, "$ holdfast {name} --help\n{own}\nExamples:\n{examples}").unwrap();
    }
    insta::assert_snapshot!(shown, @r#"
    $ holdfast export --help
    Write the people and things of a stack as a directory file, without secrets.

    A plan of the file changes nothing: a password, second factor or API key that a file does not have
    stays as it is. Activity sessions are not exported.

    Usage: holdfast export [OPTIONS] [FILE]

    Arguments:
      [FILE]
              The file to write; without it the directory goes to stdout

    Options:
          --force
              Replace the file where there is one: it may have secrets, and the new one has none

      -h, --help
              Print help (see a summary with '-h')

    Tables:
          --resources-table <NAME>
              The stack's output ResourcesTableName, in place of the profile's [env:
              HOLDFAST_RESOURCES_TABLE]

          --identity-table <NAME>
              The stack's output IdentityTableName, in place of the profile's [env:
              HOLDFAST_IDENTITY_TABLE]

          --region <REGION>
              The region of the tables, in place of the profile's [env: AWS_REGION]

    Examples:
      holdfast export directory.json
      holdfast export | jq '.users[] | select(.roles // [] | index("Admin")) | .login'

    $ holdfast plan --help
    Show what `apply` would do with a directory file, and change nothing.

    The signs: + is created, ~ changed field by field, - removed, ! left as it is although the file says
    otherwise. Secrets are not shown. A clear password is verified against its hash, which takes its
    time; a password_hash is compared.

    Usage: holdfast plan [OPTIONS] <FILE>

    Arguments:
      <FILE>
              The directory file; - is stdin

    Options:
          --prune
              Remove what the file does not have

          --detailed-exitcode
              End with 6 where there are changes to make

      -h, --help
              Print help (see a summary with '-h')

    Tables:
          --resources-table <NAME>
              The stack's output ResourcesTableName, in place of the profile's [env:
              HOLDFAST_RESOURCES_TABLE]

          --identity-table <NAME>
              The stack's output IdentityTableName, in place of the profile's [env:
              HOLDFAST_IDENTITY_TABLE]

          --region <REGION>
              The region of the tables, in place of the profile's [env: AWS_REGION]

    Examples:
      holdfast plan directory.json
      holdfast plan directory.json --prune --detailed-exitcode || echo "there is something to do"
      holdfast export | holdfast plan -

    $ holdfast apply --help
    Make the tables of a stack say what a directory file says.

    It plans, asks, and writes each entry under the revision that the plan saw. A run that was
    interrupted is repeated as it is. A removed person or thing leaves a tombstone: one that comes back
    has a larger fence, and none of its old sessions and secrets.

    Usage: holdfast apply [OPTIONS] <FILE>

    Arguments:
      <FILE>
              The directory file; - is stdin

    Options:
          --prune
              Remove what the file does not have

          --yes
              Do not ask

          --force
              Also remove or disable who owns the lock on an account, or is the last who may lock users

          --parallel <N>
              How many entries are written at once
              
              [default: 64]

      -h, --help
              Print help (see a summary with '-h')

    Tables:
          --resources-table <NAME>
              The stack's output ResourcesTableName, in place of the profile's [env:
              HOLDFAST_RESOURCES_TABLE]

          --identity-table <NAME>
              The stack's output IdentityTableName, in place of the profile's [env:
              HOLDFAST_IDENTITY_TABLE]

          --region <REGION>
              The region of the tables, in place of the profile's [env: AWS_REGION]

          --epoch <N>
              The stack's output FenceEpoch, in place of the profile's; 0 where neither says it [env:
              HOLDFAST_EPOCH]

    Examples:
      holdfast apply directory.json
      holdfast apply directory.json --prune
      holdfast apply directory.json --yes --output json | jq .undone
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_changes_nothing_and_has_no_secret() {
    let world = World::with(people(&[]), false).await;
    let operator = Operator::of(&world);
    let file = operator.path("export.json");
    let exported = operator.run(&["export", &file]);
    assert_eq!((exported.code, exported.stdout.as_str()), (0, ""), "{exported:?}");
    let text = std::fs::read_to_string(&file).unwrap();
    for secret in ["argon2", "password", "totp", "api_key", "GEZDG"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let planned = operator.run(&["plan", &file, "--prune", "--detailed-exitcode"]);
    insta::assert_snapshot!(planned.stderr, @r#"
    the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    warning: user/required: a second factor is required and there is none: give totp_secret, or "mfa": "not-required"
    no changes: 26 unchanged
    "#);
    assert_eq!(planned.code, 0, "{planned:?}");
    // It replaces no file that may have secrets.
    let again = operator.run(&["export", &file]);
    assert_eq!(again.code, 1);
    assert_eq!(operator.run(&["export", &file, "--force"]).code, 0);
    // On stdout it is the same, and can be read from stdin.
    let piped = operator.run(&["export"]).stdout;
    assert_eq!(
        serde_json::from_str::<Value>(&piped).unwrap(),
        serde_json::from_str::<Value>(&text).unwrap()
    );
    let arguments = ["plan", "-", "--detailed-exitcode"];
    let planned = operator
        .terminal
        .run_with(&arguments, &operator.environment(), &piped);
    assert_eq!(planned.code, 0, "{planned:?}");
    // Into empty tables it brings everything but what people sign in with.
    let empty = World::with(json!({}), false).await;
    let there = Operator::of(&empty);
    let applied = there.run(&["apply", &file, "--yes", "--output", "json"]);
    assert_eq!(applied.code, 0, "{applied:?}");
    assert!(
        applied.stderr.contains("warning: user/bob: it has no password"),
        "{applied:?}"
    );
    assert_eq!(
        there.run(&["plan", &file, "--prune", "--detailed-exitcode"]).code,
        0
    );
    assert_eq!(empty.first_step("bob", PASSWORD).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_comes_back_with_a_larger_fence_and_none_of_its_secrets() {
    let world = World::with(small(), false).await;
    let operator = Operator::of(&world);
    let mut without = small();
    without["devices"].as_array_mut().unwrap().remove(0);
    without["users"].as_array_mut().unwrap().remove(1);
    without["resources"] = json!([]);
    let removed = operator.apply(&without, &["--prune", "--output", "json"]);
    assert_eq!(
        (removed.code, removed.json()["removed"].clone()),
        (0, json!(3)),
        "{removed:?}"
    );
    let tombstone = device(&world, "ID5").await;
    assert!(tombstone.contains_key("removed_at"));
    assert_eq!((number(&tombstone, "rev"), number(&tombstone, "change")), (2, 2));
    assert_eq!(
        text(tombstone["by"].as_m().unwrap(), "actor"),
        "operator/local/unknown"
    );
    let exported = operator.run(&["export"]).stdout;
    assert!(!exported.contains("ID5") && !exported.contains("bob") && !exported.contains("db01"));

    // bob comes back without a password, and the name of the resource goes to another.
    let mut back = small();
    back["users"][1] = json!({"company": "1", "login": "bob", "mfa": "not-required"});
    back["resources"][0]["id"] = "6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d02".into();
    let returned = operator.apply(&back, &["--output", "json"]);
    assert_eq!(
        (returned.code, returned.json()["created"].clone()),
        (0, json!(3)),
        "{returned:?}"
    );
    let row = device(&world, "ID5").await;
    assert!(!row.contains_key("removed_at") && row.contains_key("listing_shard"));
    assert_eq!((number(&row, "fence"), number(&row, "change")), (1, 3));
    assert_eq!(world.first_step("bob", "bobs").await.status, 401);
    let name = RowKey::resource_name(&Company::try_from("1").unwrap(), "db01");
    assert_eq!(
        text(&stored(&world, &name).await, "resource_id"),
        "6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d02"
    );
    let planned = operator.run(&["plan", &operator.write(&back), "--prune", "--detailed-exitcode"]);
    assert_eq!(planned.code, 0, "{planned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_and_disabling_end_the_sessions() {
    let world = World::with(small(), false).await;
    let operator = Operator::of(&world);
    let token = world.bearer("bob").await;
    assert_eq!(world.get_session(&token, "?status=Active").await.status, 403);
    let mut changed = small();
    changed["users"][1]["password"] = "new".into();
    assert_eq!(operator.apply(&changed, &[]).code, 0);
    assert_eq!(world.get_session(&token, "?status=Active").await.status, 401);
    let token = world.bearer("bob").await;
    changed["users"][1]["disabled"] = true.into();
    assert_eq!(operator.apply(&changed, &[]).code, 0);
    assert_eq!(world.get_session(&token, "?status=Active").await.status, 401);
    // A file that does not say so does not let them in again.
    changed["users"][1].as_object_mut().unwrap().remove("disabled");
    assert_eq!(operator.apply(&changed, &[]).code, 0);
    let body = json!({"userName": "bob", "password": "new"}).to_string();
    let denied = world
        .post("/rest/v1.3/admin/login", "application/json", body.clone())
        .await;
    assert_eq!(denied.status, 401);
    changed["users"][1]["disabled"] = false.into();
    assert_eq!(operator.apply(&changed, &[]).code, 0);
    let admitted = world
        .post("/rest/v1.3/admin/login", "application/json", body)
        .await;
    assert_eq!(admitted.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_someone_else_changes_is_refused_and_named_and_the_others_are_written() {
    let world = World::with_proxy(small()).await;
    let operator = Operator::of(&world);
    let mut changed = small();
    for place in 0..3 {
        changed["devices"][place]["ip"] = "192.0.2.10".into();
    }
    let proxy = world.proxy.as_ref().unwrap();
    let other = Box::pin(write(
        world.store.clone(),
        "ID5",
        "description",
        "somebody else's",
    ));
    proxy.judge_next_on("TransactWriteItems", "device/1/ID5", Verdict::PassAfter(other));
    let applied = operator.apply(&changed, &["--output", "json"]);
    insta::assert_snapshot!(applied.stderr, @"
    the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    plan: 0 to create, 3 to change, 0 to remove; 4 unchanged
    device/ID5 has been changed since it was planned: plan again
    holdfast: 1 entry is not done: repeat the command, which plans again
    ");
    assert_eq!(applied.code, 1);
    insta::assert_snapshot!(applied.stdout, @r#"
    {
      "changed": 2,
      "created": 0,
      "removed": 0,
      "undone": [
        {
          "company": "1",
          "target": "device/ID5",
          "why": "has been changed since it was planned: plan again"
        }
      ],
      "untried": 0
    }
    "#);
    let row = device(&world, "ID5").await;
    assert_eq!(
        (text(&row, "ip"), text(&row, "description")),
        ("", "somebody else's")
    );
    // The next run sees what the other one wrote.
    let planned = operator.run(&["plan", &operator.write(&changed)]);
    insta::assert_snapshot!(planned.stdout, @"
       TARGET      COMPANY  FIELD        NOW              THEN
    ~  device/ID5  1        ip                            192.0.2.10
                            description  somebody else's
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_comes_in_between_is_kept_and_stops_no_change_but_a_removal() {
    let world = World::with_proxy(small()).await;
    let operator = Operator::of(&world);
    let mut changed = small();
    changed["devices"][0]["ip"] = "192.0.2.10".into();
    let proxy = world.proxy.as_ref().unwrap();
    let lock = || Box::pin(write(world.store.clone(), "ID5", "lock_request", "a lock's"));
    proxy.judge_next_on("TransactWriteItems", "device/1/ID5", Verdict::PassAfter(lock()));
    let applied = operator.apply(&changed, &[]);
    assert_eq!(applied.code, 0, "{applied:?}");
    let row = device(&world, "ID5").await;
    assert_eq!(
        (text(&row, "ip"), text(&row, "lock_request")),
        ("192.0.2.10", "a lock's")
    );

    changed["devices"].as_array_mut().unwrap().remove(0);
    proxy.judge_next_on("TransactWriteItems", "device/1/ID5", Verdict::PassAfter(lock()));
    let applied = operator.apply(&changed, &["--prune"]);
    assert_eq!(applied.code, 1, "{applied:?}");
    assert!(
        applied
            .stderr
            .contains("device/ID5 has been changed since it was planned"),
        "{applied:?}"
    );
    assert!(!device(&world, "ID5").await.contains_key("removed_at"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answers_are_all_lost_is_recognised() {
    let world = World::with_proxy(small()).await;
    let operator = Operator::of(&world);
    let mut changed = small();
    changed["devices"][0]["ip"] = "192.0.2.10".into();
    changed["devices"]
        .as_array_mut()
        .unwrap()
        .push(json!({"company": "1", "id": "ID8"}));
    changed["users"][1]["password"] = "new".into();
    changed["users"]
        .as_array_mut()
        .unwrap()
        .push(json!({"company": "1", "login": "erin", "password": "erins", "mfa": "not-required"}));
    // As often as the client sends a call by itself; what comes then is another transaction, under another token.
    let lost: Vec<(&str, AtomicUsize)> = ["device/1/ID5", "device/1/ID8", "user/bob", "user/erin"]
        .map(|key| (key, AtomicUsize::new(3)))
        .into();
    let proxy = world.proxy.as_ref().unwrap();
    proxy.be_quick();
    proxy.judge(move |call| {
        let meant = lost
            .iter()
            .find(|(key, _)| call.operation == "TransactWriteItems" && call.touches(key));
        let is_lost = meant.is_some_and(|(_, left)| {
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_ok()
        });
        if is_lost {
            Verdict::LoseAnyAnswer
        } else {
            Verdict::Pass
        }
    });
    let applied = operator.apply(&changed, &["--output", "json"]);
    assert_eq!(applied.code, 0, "{applied:?}");
    assert_eq!(
        applied.json(),
        json!({"created": 2, "changed": 2, "removed": 0, "undone": [], "untried": 0})
    );
    assert_eq!(number(&device(&world, "ID5").await, "rev"), 2);
    assert_eq!(number(&device(&world, "ID8").await, "rev"), 1);
    let bob = RowKey::user(&Login::try_from("bob").unwrap());
    assert_eq!(number(&stored(&world, &bob).await, "revocations"), 1);
    for (login, password) in [("bob", "new"), ("erin", "erins")] {
        assert_eq!(world.first_step(login, password).await.status, 200, "{login}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_in_the_middle_is_repeated_and_ends_in_the_same_state() {
    let world = World::with_proxy(small()).await;
    let operator = Operator::of(&world);
    let mut many = small();
    let devices = (0..200).map(|id| json!({"company": "1", "id": format!("N{id:03}"), "name": "new"}));
    many["devices"].as_array_mut().unwrap().extend(devices);
    many["devices"][0]["ip"] = "192.0.2.10".into();
    let proxy = world.proxy.as_ref().unwrap();
    proxy.be_quick();
    let (seen, reached) = (AtomicUsize::new(0), Arc::new(Notify::new()));
    let there = Arc::clone(&reached);
    proxy.judge(move |call| {
        let is_write = call.operation == "TransactWriteItems";
        if is_write && seen.fetch_add(1, Ordering::SeqCst) >= 100 {
            there.notify_one();
            // It never reaches the store, and its sender is gone.
            return Verdict::error(500, "InternalServerError");
        }
        Verdict::Pass
    });
    let path = operator.write(&many);
    let mut child = operator
        .terminal
        .command(&["apply", &path, "--yes", "--parallel", "8"])
        .envs(operator.environment())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    reached.notified().await;
    child.kill().unwrap();
    child.wait().unwrap();
    proxy.judge(|_| Verdict::Pass);
    let new = |rows: &[Item]| {
        rows.iter()
            .filter(|row| text(row, "pk").starts_with("device/1/N"))
            .count()
    };
    let half = new(&world.rows(Table::Resources).await);
    assert!((50..=150).contains(&half), "{half}");

    let repeated = operator.run(&["apply", &path, "--yes", "--output", "json"]);
    assert_eq!(repeated.code, 0, "{repeated:?}");
    let rows = world.rows(Table::Resources).await;
    assert_eq!(new(&rows), 200);
    // No row was written twice.
    for row in rows.iter().filter(|row| text(row, "pk").starts_with("device/1/")) {
        let writes = if text(row, "pk") == "device/1/ID5" { 2 } else { 1 };
        assert_eq!(number(row, "rev"), writes, "{row:?}");
    }
    let planned = operator.run(&["plan", &path, "--prune", "--detailed-exitcode"]);
    assert_eq!(planned.code, 0, "{planned:?}");
    assert!(
        planned.stderr.ends_with("no changes: 207 unchanged\n"),
        "{planned:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_store_refuses_the_rest_is_not_tried() {
    let world = World::with_proxy(json!({})).await;
    let operator = Operator::of(&world);
    let proxy = world.proxy.as_ref().unwrap();
    let seen = AtomicUsize::new(0);
    proxy.judge(move |call| {
        let is_late = call.operation == "TransactWriteItems" && seen.fetch_add(1, Ordering::SeqCst) >= 2;
        if is_late {
            Verdict::error(400, "AccessDeniedException")
        } else {
            Verdict::Pass
        }
    });
    let applied = operator.apply(&small(), &["--parallel", "1", "--output", "json"]);
    assert_eq!(applied.code, 1);
    insta::assert_snapshot!(applied.stderr, @"
    the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    plan: 7 to create, 0 to change, 0 to remove; 0 unchanged
    holdfast: 5 entries are not done, and the same command goes on from there: AWS refuses these credentials (TransactWriteItems: AccessDeniedException): sign in again, or use a role that may read and write the tables
    ");
    insta::assert_snapshot!(applied.stdout, @r#"
    {
      "changed": 0,
      "created": 2,
      "removed": 0,
      "undone": [
        {
          "company": "1",
          "target": "user/admin",
          "why": "the store refuses this function: TransactWriteItems: AccessDeniedException"
        }
      ],
      "untried": 4
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_still_needed_is_removed_or_disabled_only_by_force() {
    let world = World::with(small(), false).await;
    world.lock_user("bob").await;
    let operator = Operator::of(&world);
    let mut without = small();
    without["users"][0]["disabled"] = true.into();
    let refused = operator.apply(&without, &[]);
    insta::assert_snapshot!(refused.stderr, @"
    the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    user/admin owns the lock on user/bob, which only a break or `holdfast rescue unlock` could end then
    nobody would be left in company 1 who may lock and unlock users: now user/admin may
    holdfast: nothing was changed: change the file, or give --force to do it all the same
    ");
    assert_eq!(refused.code, 1);
    without["users"].as_array_mut().unwrap().remove(0);
    let refused = operator.apply(&without, &["--prune"]);
    assert_eq!(refused.code, 1);
    assert!(operator.run(&["export"]).stdout.contains("admin"));
    let forced = operator.apply(&without, &["--prune", "--force"]);
    assert_eq!(forced.code, 0, "{forced:?}");
    assert!(!operator.run(&["export"]).stdout.contains("\"admin\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_can_be_wrong_gets_one_clear_line() {
    let world = World::with(small(), false).await;
    let operator = Operator::of(&world);
    let path = operator.write(&small());
    let mut shown = String::new();
    for (what, other) in [
        (
            "the tables are swapped",
            &[
                ("HOLDFAST_RESOURCES_TABLE", "holdfast-identity"),
                ("HOLDFAST_IDENTITY_TABLE", "holdfast-resources"),
            ][..],
        ),
        (
            "no such table, as in another region",
            &[("HOLDFAST_RESOURCES_TABLE", "holdfast-resource")],
        ),
        ("no table is named", &[("HOLDFAST_IDENTITY_TABLE", "")]),
        (
            "no credentials",
            &[
                ("AWS_ACCESS_KEY_ID", ""),
                ("AWS_SECRET_ACCESS_KEY", ""),
                ("AWS_EC2_METADATA_DISABLED", "true"),
            ],
        ),
        (
            "nobody answers",
            &[("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")],
        ),
    ] {
        for command in ["plan", "apply", "export"] {
            let arguments: &[&str] = match command {
                "export" => &["export"],
                _ => &[command, &path],
            };
            let run = operator.run_in(arguments, other);
            assert_eq!(run.stdout, "", "{what}");
            if command == "plan" {
                write!(shown, "{what}: {}\n{}", run.code, run.stderr).unwrap();
            }
        }
    }
    insta::assert_snapshot!(shown, @"
    the tables are swapped: 1
    the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    holdfast: the table holdfast-identity is not the stack's ResourcesTableName, for it does not have the index locks: check --resources-table; are two of the tables swapped?
    no such table, as in another region: 1
    the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    holdfast: there is no table holdfast-resource in this account and region: check --region, and --resources-table against the stack's output ResourcesTableName
    no table is named: 2
    holdfast: which table? Give --identity-table, a profile that names it, or --local
    no credentials: 1
    holdfast: no AWS credentials: set AWS_PROFILE, or sign in with `aws sso login` (no credentials found in chain)
    nobody answers: 75
    the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    holdfast: the tables do not answer (DescribeTable: unreachable): check the region and the network, and try again
    ");
    let absent = operator.run(&["plan", "absent.json"]);
    assert_eq!(absent.code, 1);
    insta::assert_snapshot!(absent.stderr, @"holdfast: absent.json: No such file or directory (os error 2)");
    let bad = operator.write(&json!({"companies": [{"id": "a b"}], "people": []}));
    let refused = operator.run(&["plan", &bad]);
    insta::assert_snapshot!(refused.stderr.replace(&bad, "[file]"), @"
    holdfast: [file]: the directory file is unusable:
      people: there is no such member here
      companies[0].id: a company id is 1 to 32 letters, digits, '_' or '-'
    ");
    assert_eq!(refused.code, 1);
}
