//! Second factors at rest: a copy of the table opens nothing, and one key takes another's place without anyone noticing.

use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use holdfast::id::Login;
use holdfast::secret::{Sealed, SealingKeys, TotpSecret};
use holdfast::store::{RowKey, Table};
use holdfast_tests::{
    PASSWORD, Run, SECOND_FACTOR_KEY, TOTP_SECRET, Terminal, World, code_at, operator_environment,
};
use serde_json::{Value, json};

/// The key that takes the place of [`SECOND_FACTOR_KEY`].
const NEW_KEY: &str = "the-next-key-of-a-world-of-tests-0000000000000000000";

fn both() -> String {
    format!("{NEW_KEY},{SECOND_FACTOR_KEY}")
}

fn keys(text: &str) -> SealingKeys {
    SealingKeys::parse(text).unwrap()
}

fn login(name: &str) -> Login {
    Login::try_from(name).unwrap()
}

async fn text(world: &World, name: &str) -> String {
    let row = world.row(&RowKey::credential(&login(name))).await.unwrap();
    row["totp_secret"].as_s().unwrap().clone()
}

async fn sealed(world: &World, name: &str) -> Sealed {
    Sealed::parse(&text(world, name).await).unwrap()
}

async fn put(world: &World, name: &str, text: &str) {
    let table = world.store.table_name(Table::Identity);
    let update = world.store.client().update_item().table_name(table);
    update
        .key(
            "pk",
            AttributeValue::S(RowKey::credential(&login(name)).pk().to_owned()),
        )
        .update_expression("SET totp_secret = :text")
        .expression_attribute_values(":text", AttributeValue::S(text.to_owned()))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_copy_of_the_table_opens_nothing() {
    let world = World::start().await;
    let copy = format!("{:?}", world.rows(Table::Identity).await);
    let secret = b"12345678901234567890";
    for form in [
        TOTP_SECRET.to_owned(),
        String::from_utf8(secret.to_vec()).unwrap(),
        STANDARD.encode(TOTP_SECRET),
        URL_SAFE_NO_PAD.encode(TOTP_SECRET),
        STANDARD.encode(secret),
        "3132333435363738393031323334353637383930".to_owned(),
    ] {
        assert!(!copy.contains(&form), "{form}");
    }
    // Everyone here has the same secret, and nobody sees so.
    assert_ne!(
        sealed(&world, "alice").await.reveal(),
        sealed(&world, "admin").await.reveal()
    );
    let opened = keys(SECOND_FACTOR_KEY).unseal(&sealed(&world, "alice").await, &login("alice"));
    assert_eq!(opened.unwrap().reveal(), TOTP_SECRET);
    assert!(
        keys(NEW_KEY)
            .unseal(&sealed(&world, "alice").await, &login("alice"))
            .is_err()
    );
}

/// Who writes to a row gains nothing: what was sealed for somebody else, or was changed, is a failure that the alarms see. It is no
/// guess of the caller's, and their code counts once the row is right again.
#[tokio::test]
async fn what_was_not_sealed_for_the_user_is_a_failure_and_no_guess() {
    let world = World::start().await;
    let right = text(&world, "alice").await;
    let token = world.first_factor("alice").await;
    let code = code_at(world.now());
    let end = right.len() - 8;
    let tampered = format!("{}{}", &right[..end], "AAAAAAAA");
    for wrong in [text(&world, "admin").await, tampered] {
        put(&world, "alice", &wrong).await;
        let answer = world.second_step(&token, &code).await;
        assert_eq!(answer.status, 500, "{answer}");
        // Without a code that is right, just the same.
        assert_eq!(world.second_step(&token, "000000").await.status, 500);
    }
    assert_eq!(world.attempts("127.0.0.1", "alice").await.code_attempts, "0");
    put(&world, "alice", &right).await;
    assert_eq!(world.second_step(&token, &code).await.status, 200);
}

/// A row with a secret that nobody has sealed is corrupt. It must not read as one without a second factor, which `NA` would open.
#[tokio::test]
async fn a_plain_secret_is_a_corrupt_row() {
    let world = World::start().await;
    put(&world, "secretive", TOTP_SECRET).await;
    assert_eq!(world.first_step("secretive", PASSWORD).await.status, 500);
}

/// An operator before the tables of a world, with these keys.
fn run(world: &World, keys: Option<&str>, arguments: &[&str]) -> Run {
    let mut environment = operator_environment(world.endpoint());
    environment.retain(|(name, _)| *name != "HOLDFAST_SECOND_FACTOR_KEYS");
    environment.extend(keys.map(|keys| ("HOLDFAST_SECOND_FACTOR_KEYS", keys)));
    Terminal::new(world).run_with(arguments, &environment, "")
}

/// What it says on stderr after the line that all these runs begin with.
fn told(run: &Run) -> &str {
    let (first, rest) = run.stderr.split_once('\n').unwrap();
    assert!(
        first.starts_with("the tables are not at AWS's own endpoint"),
        "{run:?}"
    );
    rest
}

fn reseal(world: &World, keys: &str) -> Value {
    let run = run(world, Some(keys), &["people", "reseal", "--output", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    run.json()
}

/// Signs alice in with a code of her own: a step later than any before.
async fn sign_in(world: &World) -> String {
    world.wait(30);
    world.netwrix("alice").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_goes_unnoticed_and_signs_nobody_out() {
    let mut world = World::start().await;
    let bearer = sign_in(&world).await;
    let (old, new) = (keys(SECOND_FACTOR_KEY).first(), keys(NEW_KEY).first());
    let count = world.rows(Table::Identity).await;
    let count = count.iter().filter(|row| row.contains_key("totp_secret")).count();

    world.deploy_with_keys(&both()).await;
    sign_in(&world).await;
    assert_eq!(sealed(&world, "alice").await.key(), old);
    // A sign-in that is under way while the rows are sealed again.
    world.wait(30);
    let first = world.first_factor("alice").await;
    let before = world.row(&RowKey::credential(&login("alice"))).await.unwrap();
    assert_eq!(
        reseal(&world, &both()),
        json!({"key": new.to_string(), "resealed": count, "already": 0, "unopened": []})
    );
    let mut after = world.row(&RowKey::credential(&login("alice"))).await.unwrap();
    assert_eq!(sealed(&world, "alice").await.key(), new);
    after.insert("totp_secret".to_owned(), before["totp_secret"].clone());
    assert_eq!(after, before, "nothing else has changed");
    let code = code_at(world.now());
    assert_eq!(world.second_step(&first, &code).await.status, 200);
    assert_eq!(
        world.user_token(&bearer).await.status,
        200,
        "nobody is signed out"
    );
    assert_eq!(
        world.second_step(&first, &code).await.status,
        401,
        "a code counts once"
    );
    assert_eq!(
        reseal(&world, &both()),
        json!({"key": new.to_string(), "resealed": 0, "already": count, "unopened": []})
    );

    world.deploy_with_keys(NEW_KEY).await;
    sign_in(&world).await;
    assert_eq!(world.user_token(&bearer).await.status, 200);
    // A deployment that is rolled back to both keys.
    world.deploy_with_keys(&both()).await;
    sign_in(&world).await;
}

/// The old key is gone too early: who was not sealed again gets a 500, which the alarms see, and is not counted as guessing. With the
/// old key back all is as it was.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_a_second_factor_is_a_failure_until_the_key_is_back() {
    let mut world = World::start().await;
    world.deploy_with_keys(NEW_KEY).await;
    let token = world.first_factor("alice").await;
    let code = code_at(world.now());
    for _ in 0..6 {
        assert_eq!(world.second_step(&token, &code).await.status, 500);
    }
    assert_eq!(world.attempts("127.0.0.1", "alice").await.code_attempts, "0");
    // Who has none signs in as ever.
    world.netwrix("bob").await;
    let lost = run(&world, Some(NEW_KEY), &["people", "reseal", "--output", "json"]);
    let unopened = lost.json()["unopened"].as_array().unwrap().len();
    assert_eq!((lost.code, lost.json()["resealed"].as_u64()), (1, Some(0)));
    let old = keys(SECOND_FACTOR_KEY).first();
    assert!(
        told(&lost).starts_with(&format!(
            "the second factor of user/admin does not open: it is sealed under the key {old}, which is not among the keys that \
             are given; put that key, too, into HOLDFAST_SECOND_FACTOR_KEYS, after the first and a comma\n"
        )),
        "{lost:?}"
    );
    assert!(
        lost.stderr.ends_with(&format!(
            "holdfast: {unopened} second factors do not open, and are left as they are\n"
        )),
        "{lost:?}"
    );
    world.deploy_with_keys(&both()).await;
    assert_eq!(world.second_step(&token, &code).await.status, 200);
}

/// A second factor that was changed since it was read is not put back.
#[tokio::test]
async fn a_reseal_loses_to_every_other_change() {
    let world = World::start().await;
    let alice = login("alice");
    let was = sealed(&world, "alice").await;
    let both = keys(&both());
    let secret = both.unseal(&was, &alice).unwrap();
    let becomes = both.seal(&secret, &alice).unwrap();
    // An operator is faster.
    let other = both.seal(&TotpSecret::issue().unwrap(), &alice).unwrap();
    put(&world, "alice", &other.reveal()).await;
    assert_eq!(world.store.reseal(&alice, &was, &becomes).await, Ok(false));
    assert_eq!(sealed(&world, "alice").await, other);
    // And somebody who is removed, or never was, has no row to be made.
    for gone in ["bob", "nobody-at-all"] {
        let gone = login(gone);
        assert_eq!(world.store.reseal(&gone, &was, &becomes).await, Ok(false));
    }
    assert_eq!(
        world.row(&RowKey::credential(&login("nobody-at-all"))).await,
        None
    );
    // The same one twice, as where its answer was lost.
    let next = both.seal(&secret, &alice).unwrap();
    assert_eq!(world.store.reseal(&alice, &other, &next).await, Ok(true));
    assert_eq!(world.store.reseal(&alice, &other, &next).await, Ok(false));
    assert_eq!(sealed(&world, "alice").await, next);
}

fn file(folder: &tempfile::TempDir, secret: &str) -> String {
    let path = folder.path().join("directory.json");
    let directory = json!({
        "companies": [{"id": "1", "name": "Acme", "licences": ["Users"]}],
        "users": [{"company": "1", "login": "erin", "password": "x", "totp_secret": secret}],
    });
    std::fs::write(&path, directory.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_compares_what_is_sealed_and_says_which_key_it_lacks() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, TOTP_SECRET);
    let key = Some(SECOND_FACTOR_KEY);
    let applied = run(&world, key, &["apply", &path, "--yes"]);
    assert_eq!(applied.code, 0, "{applied:?}");
    let first = sealed(&world, "erin").await;
    let again = run(&world, key, &["plan", &path, "--detailed-exitcode"]);
    assert_eq!(again.code, 0, "{again:?}");
    // Sealed again by somebody else under the next key, it is the same.
    let both = both();
    let secret = TotpSecret::parse(TOTP_SECRET).unwrap();
    let other = keys(&both).seal(&secret, &login("erin")).unwrap();
    assert_eq!(world.store.reseal(&login("erin"), &first, &other).await, Ok(true));
    let again = run(&world, Some(&both), &["plan", &path, "--detailed-exitcode"]);
    assert_eq!(again.code, 0, "{again:?}");
    let changed = file(&folder, "MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK");
    let planned = run(&world, Some(&both), &["plan", &changed, "--detailed-exitcode"]);
    assert_eq!(planned.code, 6, "{planned:?}");
    assert!(planned.stdout.contains("totp_secret") && !planned.stdout.contains("MFRGG"));

    let mut shown = String::new();
    let erin = &["people", "reset-totp", "erin", "--yes"][..];
    for (what, keys, arguments) in [
        ("no key to plan with", None, &["plan", &changed][..]),
        ("no key to apply with", None, &["apply", &changed, "--yes"][..]),
        ("no key for a new factor", None, erin),
        ("no key to seal again with", None, &["people", "reseal"][..]),
        ("no key at all", Some("too-short"), erin),
        ("the old key alone", key, &["plan", &changed][..]),
        ("another key", key, &erin[..3]),
    ] {
        let run = run(&world, keys, arguments);
        write!(shown, "{what}: {} {}", run.code, told(&run)).unwrap();
        assert_eq!(run.stdout, "", "{what}");
    }
    assert_eq!(sealed(&world, "erin").await, other, "nothing was changed");
    for (key, name) in [(NEW_KEY, "[new]"), (SECOND_FACTOR_KEY, "[old]")] {
        shown = shown.replace(&keys(key).first().to_string(), name);
    }
    insta::assert_snapshot!(shown, @r#"
    no key to plan with: 2 holdfast: no key for second factors: set HOLDFAST_SECOND_FACTOR_KEYS to what `aws secretsmanager get-secret-value --query SecretString --output text --secret-id ARN` prints, where ARN is the stack's output SecondFactorKeyArn
    no key to apply with: 2 holdfast: no key for second factors: set HOLDFAST_SECOND_FACTOR_KEYS to what `aws secretsmanager get-secret-value --query SecretString --output text --secret-id ARN` prints, where ARN is the stack's output SecondFactorKeyArn
    no key for a new factor: 2 holdfast: no key for second factors: set HOLDFAST_SECOND_FACTOR_KEYS to what `aws secretsmanager get-secret-value --query SecretString --output text --secret-id ARN` prints, where ARN is the stack's output SecondFactorKeyArn
    no key to seal again with: 2 holdfast: no key for second factors: set HOLDFAST_SECOND_FACTOR_KEYS to what `aws secretsmanager get-secret-value --query SecretString --output text --secret-id ARN` prints, where ARN is the stack's output SecondFactorKeyArn
    no key at all: 2 holdfast: HOLDFAST_SECOND_FACTOR_KEYS has a key that is not 43 to 256 random letters, digits and + / = - _
    the old key alone: 1 holdfast: the second factor of user/erin does not open: it is sealed under the key [new], which is not among the keys that are given; put that key, too, into HOLDFAST_SECOND_FACTOR_KEYS, after the first and a comma
    another key: 2 warning: erin has a second factor under the key [new], and the new one will be under [old]: is that the key of this stack's sign-in?
    This takes erin's second factor away, and ends their sessions.
    holdfast: this is not a terminal, so nobody can answer "Type erin to go on": give --yes
    "#);
    // What touches no second factor needs no key.
    let password = run(&world, None, &["people", "set-password", "erin", "--generate"]);
    assert_eq!(password.code, 0, "{password:?}");
    assert_eq!(run(&world, None, &["export"]).code, 0);
    let reset = run(&world, Some(&both), erin);
    assert_eq!(reset.code, 0, "{reset:?}");
    assert_eq!(sealed(&world, "erin").await.key(), keys(NEW_KEY).first());
}
