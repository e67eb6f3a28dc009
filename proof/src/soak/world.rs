//! Who asks and what for: a few owners who may do everything, and a few targets that they all want.

use holdfast::Clock;
use holdfast::secret::TotpSecret;
use serde_json::{Value, json};

use super::dialects::Credentials;
use super::wire::{NoAnswer, Way, Wire};

/// How many owners there are.
pub const OWNERS: usize = 6;
/// How many users there are. Each has an account, an activity session and access to a resource to be locked.
pub const USERS: usize = 3;
/// How many devices there are.
pub const DEVICES: usize = 3;

const RESOURCE: &str = "6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01";
const PASSWORD: &str = "correct horse";
/// The password's hash, cheap: what hashing costs is not the question here.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c29hayBzYWx0IHNvYWsgcw$yHFhRlt928pMj4aXDz2AmVG0aE63MGcZfJ9hXnyaXE0";
const TOTP_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
/// What the second factors are sealed with.
pub const SECOND_FACTOR_KEY: &str = "the-key-of-the-soak-0000000000000000000000000000000";
/// Sixteen bytes in base64.
const API_KEY: &str = "b3duZXItb2YtdGhlLWtleQ==";

/// The login of an owner.
pub fn owner(number: usize) -> String {
    format!("owner-{number}")
}

/// The device with this number, as a target.
pub fn device(number: usize) -> String {
    format!("device/D{number}")
}

/// The account of a user, as a target.
pub fn account(number: usize) -> String {
    format!("user/user-{number}")
}

/// A user's access to the resource, as a target.
pub fn access(number: usize) -> String {
    format!("access/{RESOURCE}:user-{number}")
}

/// The id of a user's activity session.
pub fn session_id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A user's activity session, as a target.
pub fn session(number: usize) -> String {
    format!("activity-session/{}", session_id(number))
}

/// Every target.
pub fn targets() -> Vec<String> {
    let of_users = (0..USERS).flat_map(|number| [account(number), access(number), session(number)]);
    (0..DEVICES).map(device).chain(of_users).collect()
}

/// The directory of a round.
pub fn directory() -> Value {
    let mut users: Vec<Value> = (0..OWNERS)
        .map(|number| {
            json!({
                "company": "1", "login": owner(number), "name": "Owner", "password_hash": PASSWORD_HASH,
                "mfa": "required", "totp_secret": TOTP_SECRET, "api_key": API_KEY, "record_group": "staff",
                "editable_groups": ["*"], "groups": ["provisioners"], "roles": ["Admin", "Auditor"],
                "privileges": ["Users.View", "Users.Edit", "Users.Blocked.Edit", "Locks.Break"],
                "rate_policy": "100000/20",
            })
        })
        .collect();
    users.extend((0..USERS).map(|number| {
        json!({
            "company": "1", "login": format!("user-{number}"), "name": "User", "password_hash": PASSWORD_HASH,
            "record_group": "staff",
        })
    }));
    let devices: Vec<Value> = (0..DEVICES)
        .map(|number| json!({"company": "1", "id": format!("D{number}"), "name": format!("d{number}"), "ip": "192.0.2.1"}))
        .collect();
    let sessions: Vec<Value> = (0..USERS)
        .map(|number| {
            json!({"company": "1", "id": session_id(number), "user": format!("user-{number}"), "resource": "db01", "activity": "RDP"})
        })
        .collect();
    json!({
        "companies": [{"id": "1", "name": "Acme", "licences": ["Users"]}],
        "users": users,
        "devices": devices,
        "resources": [{"company": "1", "id": RESOURCE, "name": "db01"}],
        "activity_sessions": sessions,
    })
}

fn post(template: &'static str, headers: Vec<(&'static str, String)>, body: String) -> Wire {
    let mut headers = headers;
    headers.push(("content-type", "application/json".to_owned()));
    headers.push(("accept", "application/json".to_owned()));
    Wire {
        method: "POST",
        function: "sign-in",
        template,
        parameters: vec![("versionId", "v1.3".to_owned())],
        query: String::new(),
        headers,
        body: Some(body),
    }
}

async fn signed_in(way: &Way, wire: Wire) -> Result<Value, String> {
    let answer = way
        .send(&wire)
        .await
        .map_err(|why| format!("{}: {why:?}", wire.template))?;
    if answer.status == 200 {
        Ok(answer.json())
    } else {
        Err(format!("{}: {} {}", wire.template, answer.status, answer.body))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Signs an owner in, in every dialect.
///
/// # Errors
/// The sign-in that failed, and how.
pub async fn sign_in(way: &Way, login: &str) -> Result<Credentials, String> {
    let first = post(
        "/signinBody",
        vec![],
        json!({"Login": login, "Password": PASSWORD}).to_string(),
    );
    let first_factor = text(&signed_in(way, first).await?);
    let code = TotpSecret::parse(TOTP_SECRET)
        .map_err(|error| format!("{error:?}"))?
        .code_at(Clock::System.now());
    let second = post(
        "/signin2fa",
        vec![("authorization", format!("Bearer {first_factor}"))],
        format!("\"{code}\""),
    );
    let bearer = text(&signed_in(way, second).await?);
    let sdm = post(
        "/rest/{versionId}/admin/login",
        vec![],
        json!({"userName": login, "password": PASSWORD}).to_string(),
    );
    let sdm = text(&signed_in(way, sdm).await?["sessionId"]);
    let aktion = aktion_token(way, login).await.map_err(|why| format!("{why:?}"))?;
    Ok(Credentials {
        login: login.to_owned(),
        bearer,
        sdm,
        aktion,
    })
}

/// A token of the Aktion dialect; empty where the sign-in was refused.
///
/// # Errors
/// [`NoAnswer`]
pub async fn aktion_token(way: &Way, login: &str) -> Result<String, NoAnswer> {
    let wire = post(
        "/login",
        vec![],
        json!({"UserLogin": login, "ApiKey": API_KEY}).to_string(),
    );
    Ok(text(&way.send(&wire).await?.json()["Token"]))
}
