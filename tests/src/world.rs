use std::sync::OnceLock;
use std::time::Duration;

use dynoxide::Database;
use holdfast::Clock;
use holdfast::clock::ManualClock;
use holdfast::id::{Company, Login, RequestId};
use holdfast::identity::{Password, hash_password};
use holdfast::lock::{self, LeaseChange, Owner, Text, Timestamp};
use holdfast::store::{Item, LockTarget, Lockable, RowKey, Store, Table, UserRow};
use holdfast_local::directory::Directory;
use holdfast_local::{Options, Server, local_client, table_names};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Answer, Proxy, Sdm};

/// Everyone's password. Hashed once: hashing is meant to be slow.
pub const PASSWORD: &str = "correct horse";
/// When every world begins: 2026-11-22T10:00:00Z.
pub const START: Timestamp = Timestamp::from_unix_ms(1_795_341_600_000);

/// A Holdfast of its own: server, store, clock.
#[derive(Debug)]
pub struct World {
    server: Server,
    /// The store, reached past any proxy.
    pub store: Store,
    /// The clock that the handlers read. It stands until it is moved.
    pub clock: ManualClock,
    /// The proxy before the store, in a world that has one.
    pub proxy: Option<Proxy>,
    /// A client without cookies or redirects of its own.
    pub http: reqwest::Client,
}

impl World {
    /// A world with the usual people and devices.
    pub async fn start() -> Self {
        Self::with(people(&[]), false).await
    }

    /// The same with `user-00` to `user-<count - 1>`, who may lock devices.
    pub async fn crowded(count: usize) -> Self {
        let names: Vec<String> = (0..count).map(|n| format!("user-{n:02}")).collect();
        Self::with(people(&names), false).await
    }

    /// The usual world with a proxy between the handlers and the store.
    pub async fn behind_proxy() -> Self {
        Self::with(people(&[]), true).await
    }

    /// A world with the people and things of `directory`.
    pub async fn with(directory: Value, proxied: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(dynoxide::server::serve_on(
            listener,
            Database::memory().expect("a database"),
        ));
        let proxy = if proxied {
            Some(Proxy::start(&endpoint).await)
        } else {
            None
        };
        let clock = ManualClock::at(START);
        let server = Server::start(Options {
            dynamodb: Some(
                proxy
                    .as_ref()
                    .map_or(endpoint.clone(), |proxy| proxy.endpoint().to_owned()),
            ),
            directory: Directory::parse(&directory.to_string()).expect("a directory"),
            clock: Clock::Manual(clock.clone()),
            ..Options::default()
        })
        .await
        .expect("a server");
        if let Some(proxy) = &proxy {
            proxy.forget();
        }
        Self {
            server,
            store: Store::new(local_client(&endpoint), table_names()),
            clock,
            proxy,
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
        }
    }

    /// The address of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::read(request.send().await.expect("an answer")).await
    }

    /// Signs `login` in, in the Session Delivery Manager dialect.
    pub async fn sdm(&self, login: &str) -> Sdm<'_> {
        Sdm::sign_in(self, login).await
    }

    /// Moves the clock on.
    pub fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        Clock::Manual(self.clock.clone()).now()
    }

    /// Locks the account of `login`, as an administrator does.
    pub async fn lock_user(&self, login: &str) {
        let request = lock::Request::Acquire {
            owner: Owner::new("admin"),
            lease: LeaseChange::Keep,
            text: Text::Keep,
        };
        self.change_user(login, request).await;
    }

    /// Unlocks the account of `login`.
    pub async fn unlock_user(&self, login: &str) {
        self.change_user(
            login,
            lock::Request::Release {
                owner: Owner::new("admin"),
            },
        )
        .await;
    }

    async fn change_user(&self, login: &str, request: lock::Request) {
        let login = Login::try_from(login).expect("a login");
        let company = Company::try_from("1").expect("a company");
        let target = LockTarget::user(&company, &login);
        let row = UserRow::parse(self.row(target.key()).await.expect("a user")).expect("a readable row");
        let id = RequestId::new("an administrator's request");
        self.store
            .apply_lock(&target, row, &request, self.now(), &id, |_| Ok::<(), ()>(()))
            .await
            .expect("a write");
    }

    /// A row as it stands.
    pub async fn row(&self, key: &RowKey) -> Option<Item> {
        self.store
            .read(std::slice::from_ref(key))
            .await
            .expect("a read")
            .take(key)
    }

    /// Every row of a table.
    pub async fn rows(&self, table: Table) -> Vec<Item> {
        let name = self.store.table_name(table);
        let scanned = self
            .store
            .client()
            .scan()
            .table_name(name)
            .send()
            .await
            .expect("a scan");
        scanned.items.unwrap_or_default()
    }
}

fn people(more: &[String]) -> Value {
    static HASH: OnceLock<String> = OnceLock::new();
    let hash = HASH.get_or_init(|| {
        hash_password(&Password::new(PASSWORD))
            .expect("a hash")
            .reveal()
            .to_owned()
    });
    let user = |company: &str, login: &str, groups: &[&str]| json!({"company": company, "login": login, "name": login, "password_hash": hash, "groups": groups});
    let mut users = vec![
        user("1", "alice", &["provisioners"]),
        user("1", "bob", &["provisioners"]),
        user("1", "mona", &["monitors"]),
        user("1", "admin", &["administrators"]),
        user("1", "lia", &["LIAdministrators"]),
        user("1", "nobody", &[]),
        user("2", "zoe", &["provisioners"]),
    ];
    users.extend(more.iter().map(|login| user("1", login, &["provisioners"])));
    json!({
        "companies": [{"id": "1", "name": "Acme"}, {"id": "2", "name": "Globex"}],
        "users": users,
        "devices": [
            {"company": "1", "id": "ID5", "name": "sbc-boston", "ip": "192.0.2.10", "description": "A & B <x>"},
            {"company": "1", "id": "ID6", "name": "sbc-austin", "ip": "192.0.2.11"},
            {"company": "1", "id": "a b%2F~", "name": "sbc-chicago", "ip": "192.0.2.12"},
            {"company": "2", "id": "ID9", "name": "edge-lyon", "ip": "198.51.100.10"},
        ]
    })
}
