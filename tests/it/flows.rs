//! One walk through each dialect, over HTTP alone: against a server of the test's own, or against `HOLDFAST_URL`, where
//! the demo's people and devices must be as new. A walk puts back what it changed, so it can be repeated there once the
//! codes of the second factor are other ones, after 30 seconds.

use holdfast_tests::{Answer, Credentials, World};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

const DEMO: &str = include_str!("../../local/demo-directory.json");
const DEVICE: &str = "/rest/v1.3/inventory/deviceMgmt/devices/ID5";

/// A server, and the demo's people before it.
struct Flow {
    url: String,
    http: reqwest::Client,
    people: Credentials,
    /// The server, if it is the test's own.
    _world: Option<World>,
}

impl Flow {
    #[expect(
        clippy::disallowed_methods,
        reason = "which server is tested, and no configuration of one"
    )]
    async fn start() -> Self {
        let (url, world) = if let Ok(url) = std::env::var("HOLDFAST_URL") {
            (url.trim_end_matches('/').to_owned(), None)
        } else {
            let world = World::live(serde_json::from_str(DEMO).unwrap()).await;
            (world.url(""), Some(world))
        };
        Self {
            people: Credentials::new(&url),
            url,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            _world: world,
        }
    }

    /// A session or token of the demo's people, as `events/README.md` names it.
    async fn credential(&mut self, placeholder: &str) -> String {
        self.people.value(placeholder).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A request with a session of the Session Delivery Manager.
    fn sdm(&self, method: Method, path: &str, session: &str) -> RequestBuilder {
        self.request(method, path)
            .header("Cookie", format!("JSESSIONID={session}"))
    }

    async fn act(&self, session: &str, action: &str) -> Answer {
        let request = self
            .sdm(Method::POST, &format!("{DEVICE}/action"), session)
            .header("Content-Type", "application/xml");
        send(request.body(format!("<deviceAction><type>{action}</type></deviceAction>"))).await
    }

    async fn first_step(&self, login: &str, password: &str) -> Answer {
        let body = json!({"Login": login, "Password": password});
        send(self.request(Method::POST, "/signinBody").json(&body)).await
    }

    /// Locks (1) or unlocks (0) mona: the status and the code in the answer.
    async fn lock_mona(&self, token: &str, lock: u8) -> (u16, i64) {
        let body = json!({"LoginName": "mona", "Lock": lock});
        let path = format!("/user/lock?Token={token}");
        let answer = send(self.request(Method::POST, &path).json(&body)).await;
        (answer.status, answer.json()["Result"]["Code"].as_i64().unwrap())
    }

    /// Whether mona reads as locked, and who locked her.
    async fn mona(&self, token: &str) -> (Value, Value) {
        let path = format!("/user/get?LoginName=mona&Token={token}");
        let mut user = must(send(self.request(Method::GET, &path)).await, 200).json();
        (user["Blocked"].take(), user["BlockedBy"].take())
    }

    async fn netwrix(&self, method: Method, path: &str, bearer: &str, body: Option<Value>) -> Answer {
        let request = self.request(method, path).bearer_auth(bearer);
        send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }
}

async fn send(request: RequestBuilder) -> Answer {
    Answer::to(request).await
}

/// The answer, if it has that status.
#[track_caller]
fn must(answer: Answer, status: u16) -> Answer {
    assert_eq!(answer.status, status, "{answer}");
    answer
}

#[tokio::test]
async fn alice_locks_a_device_and_bob_gets_it_only_after_her_with_a_larger_fence() {
    let mut flow = Flow::start().await;
    let alice = flow.credential("sdm-session:alice").await;
    let bob = flow.credential("sdm-session:bob").await;

    let first = must(flow.act(&alice, "Lock").await, 204).fence();
    for action in ["Lock", "Unlock"] {
        let refused = must(flow.act(&bob, action).await, 423);
        assert!(refused.body.contains("alice"), "{refused}");
    }
    let read = flow
        .sdm(Method::GET, DEVICE, &bob)
        .header("Accept", "application/json");
    let device = must(send(read).await, 200).json();
    assert_eq!(device["lock"]["owner"], "alice", "{device}");
    assert_eq!(device["lock"]["mine"], false, "{device}");
    must(flow.act(&alice, "Unlock").await, 204);
    let second = must(flow.act(&bob, "Lock").await, 204).fence();
    assert!(second > first, "{second} after {first}");
    must(flow.act(&bob, "Unlock").await, 204);

    let logout = flow.sdm(Method::POST, "/rest/v1.3/admin/logout", &alice);
    must(send(logout).await, 204);
    must(flow.act(&alice, "Lock").await, 401);
}

#[tokio::test]
async fn admin_locks_monas_account_and_she_signs_in_again_once_it_is_unlocked() {
    let mut flow = Flow::start().await;
    let unknown = "7f3c9d52-6a0e-4b1f-9c58-2d41e07ab6c3";
    must(flow.first_step("mona", "mona-demo").await, 200);

    // A token lives for 20 seconds, which a server that starts a container for each function may take.
    let token = flow.credential("aktion-token:admin").await;
    assert_eq!(flow.lock_mona(unknown, 1).await, (401, 1000));
    assert_eq!(flow.lock_mona(&token, 1).await, (200, 0));
    assert_eq!(flow.lock_mona(&token, 1).await, (403, 0));
    let token = flow.credential("aktion-token:admin").await;
    assert_eq!(flow.mona(&token).await, (json!(true), json!("admin")));
    must(flow.first_step("mona", "mona-demo").await, 403);
    assert_eq!(flow.lock_mona(&token, 0).await, (200, 0));
    assert_eq!(flow.mona(&token).await.0, json!(false));
    must(flow.first_step("mona", "mona-demo").await, 200);
}

#[tokio::test]
async fn admin_locks_bobs_session_and_bob_out_of_its_resource_until_it_is_unlocked() {
    const SESSIONS: &str = "/api/v1/ActivitySession";
    const LOCK: &str = "/api/v1/ActivitySession/lock";

    let mut flow = Flow::start().await;
    let demo: Value = serde_json::from_str(DEMO).unwrap();
    let id = flow.credential("activity-session:1").await;
    let resource = &demo["activity_sessions"][0]["resource"];
    let lock = |locked: bool| {
        Some(
            json!({"activitySessionIds": [&id], "locked": locked, "lockActivity": true, "lockResource": true}),
        )
    };
    let open = || Some(json!({"managedResourceName": resource, "activityName": "SSH"}));

    // The first factor alone opens nothing.
    let first = flow.credential("netwrix-first-factor:admin").await;
    must(flow.netwrix(Method::PUT, LOCK, &first, lock(true)).await, 403);
    let admin = flow.credential("netwrix-token:admin").await;
    let bob = flow.credential("netwrix-token:bob").await;
    must(flow.netwrix(Method::PUT, LOCK, &bob, lock(true)).await, 403);

    let locked = must(flow.netwrix(Method::PUT, LOCK, &admin, lock(true)).await, 200).json();
    assert_eq!(locked["activitySessionIds"], json!([id]));
    assert_eq!(locked["locked"], true);
    assert_eq!(locked["lockActivity"], true);
    assert_eq!(locked["lockUser"], false);
    let path = format!("{SESSIONS}/{id}");
    let seen = must(flow.netwrix(Method::GET, &path, &bob, None).await, 200).json();
    assert_eq!(
        (&seen["locked"], &seen["lockedBy"]),
        (&json!(true), &json!("admin"))
    );
    must(flow.netwrix(Method::POST, SESSIONS, &bob, open()).await, 403);
    must(flow.netwrix(Method::PUT, LOCK, &bob, lock(false)).await, 403);

    let unlocked = must(flow.netwrix(Method::PUT, LOCK, &admin, lock(false)).await, 200);
    assert_eq!(unlocked.json()["locked"], false);
    let opened = must(flow.netwrix(Method::POST, SESSIONS, &bob, open()).await, 201);
    let session = opened.json();
    assert_eq!(
        (&session["locked"], &session["createdBy"]),
        (&json!(false), &json!("bob"))
    );
    let location = opened.header("location").unwrap();
    let read = must(flow.netwrix(Method::GET, location, &bob, None).await, 200);
    assert_eq!(read.json()["id"], session["id"]);

    let further = must(
        flow.netwrix(Method::GET, "/api/v1/UserToken", &admin, None).await,
        200,
    );
    let further = further.json();
    let listed = flow.netwrix(Method::GET, SESSIONS, further.as_str().unwrap(), None);
    let listed = must(listed.await, 200).json();
    let mut listed = listed["data"].as_array().unwrap().iter();
    assert!(
        listed.any(|entry| entry["id"] == session["id"]),
        "not in the list"
    );
    must(flow.netwrix(Method::DELETE, location, &bob, None).await, 202);
}
