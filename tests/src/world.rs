use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dynoxide::Database;
use holdfast::Clock;
use holdfast::clock::ManualClock;
use holdfast::id::{Company, Login, RequestId, Source};
use holdfast::lock::{self, Epoch, LeaseChange, Origin, Owner, Text, Timestamp};
use holdfast::secret::{Token, TotpSecret};
use holdfast::store::{
    Item, LockCall, LockTarget, Row, RowKey, SessionKind, SessionRow, Store, Table, UserRow,
};
use holdfast_directory::Directory;
use holdfast_local::{HistorySource, Keys, Options, Server, local_client, table_names};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Answer, Place, Proxy, Sdm, place};

/// Everyone's password. Hashed once: hashing is meant to be slow.
pub const PASSWORD: &str = "correct horse";

/// Its hash, with the least memory and passes that argon2id has: hundreds of tests sign somebody in.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$YSBzYWx0IGZvciB0ZXN0cw$169a/CgBu1Ns+TBSG/3+IDnvZLtMAzDdJHeACjxwAMw";
/// When every world begins: 2026-11-22T10:00:00Z.
pub const START: Timestamp = Timestamp::from_unix_ms(1_795_341_600_000);

/// What is counted against a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// Passwords.
    pub password_attempts: String,
    /// Codes.
    pub code_attempts: String,
}

/// A Holdfast of its own: server, store, clock.
#[derive(Debug)]
pub struct World {
    server: Server,
    endpoint: String,
    /// The store, reached past any proxy.
    pub store: Store,
    /// The clock that the handlers read. Only a test moves it.
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

    /// A world with the people and things of `directory`, and a proxy.
    pub async fn with_proxy(directory: Value) -> Self {
        Self::with(directory, true).await
    }

    /// A world with the people and things of `directory`.
    pub async fn with(directory: Value, proxied: bool) -> Self {
        let clock = ManualClock::at(START);
        Self::at(Clock::Manual(clock.clone()), clock, directory, proxied, false).await
    }

    /// A world that writes its history.
    pub async fn with_history(directory: Value) -> Self {
        let clock = ManualClock::at(START);
        Self::at(Clock::Manual(clock.clone()), clock, directory, false, true).await
    }

    /// A world on the time of this machine, which other processes share.
    pub async fn live(directory: Value) -> Self {
        Self::at(Clock::System, ManualClock::at(START), directory, false, false).await
    }

    /// The same with its history.
    pub async fn live_with_history(directory: Value) -> Self {
        Self::at(Clock::System, ManualClock::at(START), directory, false, true).await
    }

    /// A world whose data are in a file, in this epoch, with its history and the usual people; its clock shows `now`.
    ///
    /// # Panics
    /// Where another world uses the file.
    pub async fn on_file(data: &Path, epoch: Epoch, now: Timestamp) -> Self {
        let clock = ManualClock::at(now);
        let server = Server::start(Options {
            data: Some(data.to_owned()),
            epoch,
            directory: Directory::parse(&people(&[]).to_string()).expect("a directory"),
            only_into_empty: true,
            clock: Clock::Manual(clock.clone()),
            history: HistorySource::Store,
            source_header: Some(place::HEADER),
            ..Options::default()
        })
        .await
        .expect("a server");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let tables = http.get(format!("http://{}/local/tables", server.address()));
        let tables: Value = tables
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        Self {
            endpoint: tables["endpoint"].as_str().expect("an endpoint").to_owned(),
            store: server.store().clone(),
            server,
            clock,
            proxy: None,
            http,
        }
    }

    /// Stops the server, which closes its data.
    pub async fn stop(self) {
        // An idle connection would be waited for.
        drop(self.http);
        self.server.stop().await;
    }

    async fn at(now: Clock, clock: ManualClock, directory: Value, proxied: bool, has_history: bool) -> Self {
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
        let server = Server::start(Options {
            dynamodb: Some(
                proxy
                    .as_ref()
                    .map_or(endpoint.clone(), |proxy| proxy.endpoint().to_owned()),
            ),
            directory: Directory::parse(&directory.to_string()).expect("a directory"),
            clock: now,
            history: if has_history {
                HistorySource::Endpoint(endpoint.clone())
            } else {
                HistorySource::Off
            },
            source_header: Some(place::HEADER),
            keys: Some(Keys::parse(SECOND_FACTOR_KEY).expect("a key")),
            ..Options::default()
        })
        .await
        .expect("a server");
        if let Some(proxy) = &proxy {
            proxy.forget();
        }
        Self {
            server,
            endpoint: endpoint.clone(),
            store: Store::new(local_client(&endpoint), table_names()),
            clock,
            proxy,
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
        }
    }

    /// Deploys the API again with these keys, at another address and over the same store.
    pub async fn deploy_with_keys(&mut self, keys: &str) {
        let server = Server::start(Options {
            dynamodb: Some(self.endpoint.clone()),
            clock: Clock::Manual(self.clock.clone()),
            source_header: Some(place::HEADER),
            keys: Some(Keys::parse(keys).expect("keys")),
            ..Options::default()
        });
        let before = std::mem::replace(&mut self.server, server.await.expect("a server"));
        before.stop().await;
    }

    /// Where the store is, past any proxy.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The address of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    /// Somewhere else to send requests from: an IPv4 or IPv6 address.
    pub fn from(&self, address: impl ToString + Copy) -> Place<'_> {
        Place::new(self, address.to_string())
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::to(request).await
    }

    /// Signs `login` in, in the Session Delivery Manager dialect.
    pub async fn sdm(&self, login: &str) -> Sdm<'_> {
        Sdm::sign_in(self, login).await
    }

    /// Posts a body.
    pub async fn post(&self, path: &str, media: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(
            self.http
                .post(self.url(path))
                .header("Content-Type", media)
                .body(body),
        )
        .await
    }

    /// Signs `login` in, in the Aktion dialect: the token.
    pub async fn aktion(&self, login: &str) -> String {
        let answer = self.aktion_login(login, &api_key(login)).await;
        assert_eq!(answer.status, 200, "{answer}");
        answer.json()["Token"].as_str().expect("a Token").to_owned()
    }

    /// Tries to sign in with an API key.
    pub async fn aktion_login(&self, login: &str, key: &str) -> Answer {
        let body = json!({"Result": null, "UserLogin": login, "ApiKey": key});
        self.post("/login", "application/json", body.to_string()).await
    }

    /// Tries the first step of the Netwrix sign-in.
    pub async fn first_step(&self, login: &str, password: &str) -> Answer {
        let body = json!({"Login": login, "Password": password});
        self.post("/signinBody", "application/json", body.to_string())
            .await
    }

    /// Tries the second step with a bare code.
    pub async fn second_step(&self, token: &str, code: &str) -> Answer {
        let request = self
            .http
            .post(self.url("/signin2fa"))
            .header("Content-Type", "application/json");
        self.send(request.bearer_auth(token).body(code.to_owned())).await
    }

    /// Signs `login` in, in the Netwrix dialect, with both factors: the bearer token.
    pub async fn netwrix(&self, login: &str) -> String {
        let token = self.first_factor(login).await;
        let code = if ["alice", "admin"].contains(&login) {
            code_at(self.now())
        } else {
            "NA".to_owned()
        };
        let answer = self.second_step(&token, &code).await;
        assert_eq!(answer.status, 200, "{answer}");
        answer.json().as_str().expect("a token").to_owned()
    }

    /// Signs `login` in with the password alone: the first-factor token.
    pub async fn first_factor(&self, login: &str) -> String {
        let answer = self.first_step(login, PASSWORD).await;
        assert_eq!(answer.status, 200, "{answer}");
        answer.json().as_str().expect("a token").to_owned()
    }

    /// Asks for a further bearer token.
    pub async fn user_token(&self, token: &str) -> Answer {
        self.send(self.http.get(self.url("/api/v1/UserToken")).bearer_auth(token))
            .await
    }

    /// Locks or unlocks activity sessions.
    pub async fn lock_sessions(&self, token: &str, request: Value) -> Answer {
        let sent = self
            .http
            .put(self.url("/api/v1/ActivitySession/lock"))
            .header("Content-Type", "application/json");
        self.send(sent.bearer_auth(token).body(request.to_string())).await
    }

    /// Opens an activity session.
    pub async fn open_session(&self, token: &str, request: Value) -> Answer {
        let sent = self
            .http
            .post(self.url("/api/v1/ActivitySession"))
            .header("Content-Type", "application/json");
        self.send(sent.bearer_auth(token).body(request.to_string())).await
    }

    /// Reads what is under `/api/v1/ActivitySession`.
    pub async fn get_session(&self, token: &str, rest: &str) -> Answer {
        let path = format!("/api/v1/ActivitySession{rest}");
        self.send(self.http.get(self.url(&path)).bearer_auth(token)).await
    }

    /// Ends an activity session.
    pub async fn end_session(&self, token: &str, id: &str) -> Answer {
        let path = format!("/api/v1/ActivitySession/{id}");
        self.send(self.http.delete(self.url(&path)).bearer_auth(token))
            .await
    }

    /// Locks (1) or unlocks (0) a user with an Aktion token, in JSON.
    pub async fn lock_user_by(&self, token: &str, login: &str, lock: i64) -> Answer {
        let body = json!({"LoginName": login, "Lock": lock});
        self.post(
            &format!("/user/lock?Token={token}"),
            "application/json",
            body.to_string(),
        )
        .await
    }

    /// A bearer token of `login`, both factors proved, without the cost of a sign-in.
    pub async fn bearer(&self, login: &str) -> String {
        self.bearer_of(login, None).await
    }

    /// The same with a second factor that was accepted then.
    pub async fn bearer_of(&self, login: &str, second_factor_at: Option<Timestamp>) -> String {
        let login = Login::try_from(login).expect("a login");
        let row = self.row(&RowKey::user(&login)).await.expect("a user");
        let user = UserRow::parse(row).expect("a readable row");
        let token = Token::issue(&user.company, &login).expect("randomness");
        let account = user.version();
        let mut session = SessionRow::begin(SessionKind::Netwrix, user.company, login, account, self.now());
        session.second_factor_at = second_factor_at;
        let item = session.to_item(&RowKey::session_of(&token), &RequestId::new("a sign-in"));
        self.store
            .client()
            .put_item()
            .table_name(self.store.table_name(Table::Identity))
            .set_item(Some(item))
            .send()
            .await
            .expect("a write");
        token.reveal().to_owned()
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
            text: Text::default(),
            tenure: None,
        };
        self.change_user(login, request).await;
    }

    /// The same with a title and a message for those it locks out.
    pub async fn lock_user_with(&self, login: &str, title: &str, message: &str) {
        let text = Text {
            title: Some(title.to_owned()),
            message: Some(message.to_owned()),
        };
        let request = lock::Request::Acquire {
            owner: Owner::new("admin"),
            lease: LeaseChange::Keep,
            text,
            tenure: None,
        };
        self.change_user(login, request).await;
    }

    /// Unlocks the account of `login`.
    pub async fn unlock_user(&self, login: &str) {
        self.change_user(
            login,
            lock::Request::Release {
                owner: Owner::new("admin"),
                tenure: None,
            },
        )
        .await;
    }

    async fn change_user(&self, login: &str, request: lock::Request) {
        let login = Login::try_from(login).expect("a login");
        let company = Company::try_from("1").expect("a company");
        let target = LockTarget::user(&company, &login);
        let row = UserRow::parse(self.row(target.key()).await.expect("a user")).expect("a readable row");
        let call = LockCall {
            request: &request,
            now: self.now(),
            origin: &Origin::unknown(RequestId::new("an administrator's request")),
            actor: None,
        };
        self.store
            .apply_lock(&target, row, call, |_| Ok::<(), ()>(()))
            .await
            .expect("a write");
    }

    /// A row as it is now.
    pub async fn row(&self, key: &RowKey) -> Option<Item> {
        self.store
            .read(std::slice::from_ref(key))
            .await
            .expect("a read")
            .take(key)
    }

    /// What is counted against `login` from a source (an IPv4 address or the first address of an IPv6 /64), or from
    /// `strangers`.
    pub async fn attempts(&self, source: &str, login: &str) -> Attempts {
        let login = Login::try_from(login).expect("a login");
        let key = if source == "strangers" {
            RowKey::strangers(&login)
        } else {
            RowKey::attempts(Source::new(source.parse().ok()), &login)
        };
        let row = self.row(&key).await.unwrap_or_default();
        let count = |name: &str| {
            row.get(name)
                .and_then(|value| value.as_n().ok())
                .map_or_else(|| "0".to_owned(), Clone::clone)
        };
        Attempts {
            password_attempts: count("password_attempts"),
            code_attempts: count("code_attempts"),
        }
    }

    /// As if strangers had tried so often to sign in as `login`, the first of them now.
    pub async fn strangers_have_tried(&self, login: &str, passwords: u32, codes: u32) {
        let now = AttributeValue::N(self.now().unix_ms().to_string());
        let row = [
            (
                "pk",
                AttributeValue::S(
                    RowKey::strangers(&Login::try_from(login).expect("a login"))
                        .pk()
                        .to_owned(),
                ),
            ),
            ("password_attempts", AttributeValue::N(passwords.to_string())),
            ("passwords_since", now.clone()),
            ("code_attempts", AttributeValue::N(codes.to_string())),
            ("codes_since", now),
        ];
        self.store
            .client()
            .put_item()
            .table_name(self.store.table_name(Table::Identity))
            .set_item(Some(row.map(|(name, value)| (name.to_owned(), value)).into()))
            .send()
            .await
            .expect("a write");
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

/// What a write leaves in `by` whose writer is none of the callers; the invocation is another one each time.
pub fn another_writer() -> AttributeValue {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let request = format!("another-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let by = [
        ("actor", text("operator")),
        ("at_ms", AttributeValue::N(START.unix_ms().to_string())),
        ("dialect", text("operator")),
        ("request", AttributeValue::S(request)),
        ("source", text("unknown")),
    ];
    AttributeValue::M(by.map(|(name, value)| (name.to_owned(), value)).into())
}

/// What every world seals second factors with.
pub const SECOND_FACTOR_KEY: &str = "the-key-of-a-world-of-tests-000000000000000000000";

/// The second factor's secret of everyone who has one.
pub const TOTP_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// A resource.
pub const DB01: &str = "6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01";
/// Another.
pub const WEB01: &str = "6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d02";
/// Another company's, of the same name as the first.
pub const FOREIGN_DB01: &str = "6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d03";
/// The session in the product's own sample.
pub const SEED_SESSION: &str = "497f6eca-6276-4993-bfeb-53cbbbba6f08";

/// The id of the session with this number.
pub fn session_id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// The API key of `login`, where the user has one.
pub fn api_key(login: &str) -> String {
    let mut key = [b'-'; 16];
    for (place, byte) in key.iter_mut().zip(login.bytes()) {
        *place = byte;
    }
    STANDARD.encode(key)
}

/// The code that a phone shows at `now`.
pub fn code_at(now: Timestamp) -> String {
    TotpSecret::parse(TOTP_SECRET).expect("a secret").code_at(now)
}

/// Everyone and everything, and `more` who may lock devices and users.
pub fn people(more: &[String]) -> Value {
    let user = |login: &str, what: Value| {
        let mut user = json!({
            "company": "1", "login": login, "name": format!("Name of {login}"), "password_hash": PASSWORD_HASH,
            "mfa": "not-required", "record_group": "staff", "editable_groups": ["*"],
        });
        let fields = user.as_object_mut().expect("an object");
        fields.extend(what.as_object().expect("an object").clone());
        user
    };
    let all = json!(["Users.View", "Users.Edit", "Users.Blocked.Edit"]);
    let mut users = vec![
        user(
            "alice",
            json!({"groups": ["provisioners"], "mfa": "required", "totp_secret": TOTP_SECRET,
            "api_key": api_key("alice"), "roles": ["Operator", "Auditor"]}),
        ),
        user("bob", json!({"groups": ["provisioners"]})),
        user("mona", json!({"groups": ["monitors"]})),
        user("lia", json!({"groups": ["LIAdministrators"]})),
        user("nobody", json!({})),
        user(
            "admin",
            json!({"groups": ["administrators"], "roles": ["Admin"], "privileges": all,
            "api_key": api_key("admin"), "mfa": "required", "totp_secret": TOTP_SECRET}),
        ),
        user(
            "ada",
            json!({"groups": ["administrators"], "roles": ["Admin"], "privileges": all,
            "api_key": api_key("ada")}),
        ),
        user("required", json!({"mfa": "required"})),
        user("secretive", json!({"totp_secret": TOTP_SECRET})),
        user(
            "viewer",
            json!({"privileges": ["Users.View"], "api_key": api_key("viewer")}),
        ),
        user(
            "editor",
            json!({"privileges": ["Users.Edit"], "api_key": api_key("editor")}),
        ),
        user(
            "salesman",
            json!({"privileges": all, "api_key": api_key("salesman"), "editable_groups": ["sales"]}),
        ),
        user(
            "far",
            json!({"privileges": all, "api_key": api_key("far"), "ip_filter": "192.0.2.0/24, 2001:db8::/32"}),
        ),
        user(
            "near",
            json!({"privileges": all, "api_key": api_key("near"), "ip_filter": "127.0.0.0/8;::1"}),
        ),
        user(
            "eager",
            json!({"privileges": all, "api_key": api_key("eager"), "rate_policy": "3/20"}),
        ),
        user("daemon", json!({"system": true})),
        user(
            "zoe",
            json!({"company": "2", "groups": ["provisioners"], "privileges": all, "api_key": api_key("zoe")}),
        ),
    ];
    users.extend(more.iter().map(|login| {
        user(login, json!({"groups": ["provisioners"], "privileges": all, "api_key": api_key(login), "roles": ["Admin"]}))
    }));
    json!({
        "companies": [{"id": "1", "name": "Acme", "licences": ["Users"]}, {"id": "2", "name": "Globex"}],
        "users": users,
        "devices": [
            {"company": "1", "id": "ID5", "name": "sbc-boston", "ip": "192.0.2.10", "description": "A & B <x>"},
            {"company": "1", "id": "ID6", "name": "sbc-austin", "ip": "192.0.2.11"},
            {"company": "1", "id": "a b%2F~", "name": "sbc-chicago", "ip": "192.0.2.12"},
            {"company": "2", "id": "ID9", "name": "edge-lyon", "ip": "198.51.100.10"},
        ],
        "resources": [
            {"company": "1", "id": DB01, "name": "db01"},
            {"company": "1", "id": WEB01, "name": "web01"},
            {"company": "2", "id": FOREIGN_DB01, "name": "db01"},
        ],
        "activity_sessions": [
            {"company": "1", "id": session_id(1), "user": "bob", "resource": "db01", "activity": "RDP"},
            {"company": "1", "id": session_id(2), "user": "bob", "resource": "web01", "activity": "SSH"},
            {"company": "1", "id": session_id(3), "user": "alice", "resource": "db01", "activity": "RDP"},
            {"company": "1", "id": session_id(4), "user": "admin", "resource": "db01", "activity": "RDP"},
            {"company": "1", "id": SEED_SESSION, "user": "bob", "resource": "db01", "activity": "RDP"},
            {"company": "2", "id": session_id(9), "user": "zoe", "resource": "db01", "activity": "RDP"},
        ],
    })
}
