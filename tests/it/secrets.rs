//! Nothing that authenticates is logged, stored in the clear, or shown by `Debug`.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::id::{Company, Login};
use holdfast::secret::{ApiKey, ApiToken, Code, Password, SealingKeys, Token, TotpSecret, hash_password};
use holdfast::store::{RowKey, Table};
use holdfast::telemetry;
use holdfast_tests::{PASSWORD, SECOND_FACTOR_KEY, TOTP_SECRET, World, api_key, code_at};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Everything that this process logs at the finest level that can be configured.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn log() -> Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::registry()
            .with(
                tracing_subscriber::fmt::layer()
                    .with_ansi(false)
                    .with_writer(move || writer.clone()),
            )
            // The embedded store traces whole requests. It is no part of what is deployed, and the local server
            // logs no more of it than warnings.
            .with(telemetry::filter(LevelFilter::TRACE).with_target("dynoxide", LevelFilter::WARN))
            .init();
        log
    })
    .clone()
}

/// Puts admin's second factor into alice's row, and says how it is sealed.
async fn swap_second_factor(world: &World) -> String {
    let [admin, alice] = ["admin", "alice"].map(|login| RowKey::credential(&Login::try_from(login).unwrap()));
    let sealed = world.row(&admin).await.unwrap()["totp_secret"].clone();
    let table = world.store.table_name(Table::Identity);
    let update = world.store.client().update_item().table_name(table);
    update
        .key("pk", AttributeValue::S(alice.pk().to_owned()))
        .update_expression("SET totp_secret = :sealed")
        .expression_attribute_values(":sealed", sealed.clone())
        .send()
        .await
        .unwrap();
    sealed.as_s().unwrap().clone()
}

#[tokio::test]
async fn the_log_of_a_full_run_holds_no_secret_and_neither_do_the_tables() {
    let log = log();
    let world = World::start().await;
    let first = world.first_factor("admin").await;
    let code = code_at(world.now());
    let full = world
        .second_step(&first, &code)
        .await
        .json()
        .as_str()
        .unwrap()
        .to_owned();
    let further = world.user_token(&full).await.json().as_str().unwrap().to_owned();
    let cookie = world.sdm("alice").await;
    cookie.action("ID5", "Lock").await;
    cookie.get("").await;
    let token = world.aktion("admin").await;
    world.lock_user_by(&token, "bob", 1).await;
    world
        .send(
            world
                .http
                .get(world.url(&format!("/user/get?LoginName=bob&Token={token}"))),
        )
        .await;
    // What goes wrong is logged, too.
    world.first_step("alice", "a wrong guess of hers").await;
    world.second_step(&first, &code).await;
    world.aktion_login("ada", &api_key("admin")).await;
    world.lock_user_by(&token, "no-such-user", 5).await;
    world.lock_user_by(&token, "no-such-user", 1).await;
    world
        .post(
            "/login",
            "application/json",
            format!("{{\"ApiKey\":\"{}\"", api_key("ada")),
        )
        .await;
    cookie.logout().await;
    // A second factor that does not open.
    let first_of_alice = world.first_factor("alice").await;
    let sealed = swap_second_factor(&world).await;
    assert_eq!(world.second_step(&first_of_alice, &code).await.status, 500);

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("/user/lock"), "the run is in the log");
    for line in [
        "audit: sign-in success",
        "audit: sign-in wrong_password",
        "audit: sign-in stale_code",
        "audit: sign-in wrong_key",
        "audit: lock not_found",
        "audit: sign-out success",
        "a second factor cannot be opened: it is sealed for another login",
    ] {
        assert!(logged.contains(line), "no {line} in the log");
    }
    let stored = format!(
        "{:?}{:?}",
        world.rows(Table::Identity).await,
        world.rows(Table::Resources).await
    );
    let secrets = [
        ("the password", PASSWORD.to_owned()),
        ("a wrong password", "a wrong guess of hers".to_owned()),
        ("a first-factor token", first),
        ("a bearer token", full),
        ("a further token", further),
        ("a cookie", cookie.token.clone()),
        ("an Aktion token", token.clone()),
        ("an API key", api_key("admin")),
        ("another API key", api_key("ada")),
        ("a query string", format!("Token={token}")),
        ("the TOTP secret", TOTP_SECRET.to_owned()),
        ("the key of second factors", SECOND_FACTOR_KEY.to_owned()),
    ];
    for (what, secret) in &secrets {
        let line = logged.lines().find(|line| line.contains(secret.as_str()));
        assert!(
            line.is_none(),
            "{what} is in the log: {}",
            line.unwrap_or_default()
        );
        assert!(!stored.contains(secret.as_str()), "{what} is in a table");
    }
    assert!(!logged.contains(&sealed), "a sealed second factor is in the log");
    assert!(
        !logged.contains(&format!("\"{code}\"")) && !logged.contains(&format!(" {code}")),
        "a code is in the log"
    );
}

#[test]
fn no_type_that_holds_a_secret_shows_it() {
    let company = Company::try_from("1").unwrap();
    let token = Token::issue(&company, &Login::try_from("alice").unwrap()).unwrap();
    let api_token = ApiToken::parse("123e4567-e89b-42d3-a456-426614174000").unwrap();
    let key = ApiKey::parse(&api_key("admin")).unwrap();
    let hash = hash_password(&Password::new("hunter2")).unwrap();
    let keys = SealingKeys::parse(SECOND_FACTOR_KEY).unwrap();
    let totp = TotpSecret::parse(TOTP_SECRET).unwrap();
    let sealed = keys.seal(&totp, &Login::try_from("alice").unwrap()).unwrap();
    let shown = [
        (format!("{keys:?}"), SECOND_FACTOR_KEY.to_owned()),
        (format!("{sealed:?}"), sealed.reveal()),
        (format!("{token:?}"), token.reveal().to_owned()),
        (format!("{api_token:?}"), api_token.reveal()),
        (format!("{:?}", key.hash()), key.hash().reveal()),
        (format!("{key:?}"), api_key("admin")),
        (format!("{hash:?}"), hash.reveal().to_owned()),
        (format!("{:?}", Password::new("hunter2")), "hunter2".to_owned()),
        (
            format!("{:?}", Code::parse("123456").unwrap()),
            "123456".to_owned(),
        ),
        (format!("{totp:?}"), TOTP_SECRET.to_owned()),
    ];
    for (debug, secret) in shown {
        assert!(debug.ends_with("(redacted)"), "{debug}");
        assert!(!debug.contains(&secret), "{debug}");
    }
}
