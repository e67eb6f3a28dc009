use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE};

use crate::{Answer, PASSWORD, World};

/// A signed-in Session Delivery Manager client.
#[derive(Clone, Debug)]
pub struct Sdm<'a> {
    world: &'a World,
    /// The value of the session cookie.
    pub token: String,
}

impl<'a> Sdm<'a> {
    pub(crate) async fn sign_in(world: &'a World, login: &str) -> Self {
        let answer = Self::login(world, login, PASSWORD).await;
        assert_eq!(answer.status, 200, "{answer}");
        let token = answer.json()["sessionId"]
            .as_str()
            .expect("a sessionId")
            .to_owned();
        Self { world, token }
    }

    /// Tries to sign in.
    pub async fn login(world: &World, login: &str, password: &str) -> Answer {
        let body = serde_json::json!({"userName": login, "password": password});
        world
            .send(
                world
                    .http
                    .post(world.url("/rest/v1.3/admin/login"))
                    .header(CONTENT_TYPE, "application/json")
                    .body(body.to_string()),
            )
            .await
    }

    /// A request with this session's cookie.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.world
            .http
            .request(method, self.world.url(path))
            .header(COOKIE, format!("JSESSIONID={}", self.token))
    }

    /// Sends the action `Lock` or `Unlock` for a device.
    pub async fn action(&self, device: &str, action: &str) -> Answer {
        self.action_with(device, action, None).await
    }

    /// Locks a device for a time: the value of the `Timeout` header.
    pub async fn lock_for(&self, device: &str, timeout: &str) -> Answer {
        self.action_with(device, "Lock", Some(timeout)).await
    }

    async fn action_with(&self, device: &str, action: &str, timeout: Option<&str>) -> Answer {
        let mut request = self
            .request(reqwest::Method::POST, &action_path(device))
            .header(CONTENT_TYPE, "application/json")
            .body(format!("{{\"type\":\"{action}\"}}"));
        if let Some(timeout) = timeout {
            request = request.header("Timeout", timeout);
        }
        self.world.send(request).await
    }

    /// Reads a device or the list, in JSON.
    pub async fn get(&self, path: &str) -> Answer {
        let path = format!("/rest/v1.3/inventory/deviceMgmt/devices{path}");
        self.world
            .send(
                self.request(reqwest::Method::GET, &path)
                    .header(ACCEPT, "application/json"),
            )
            .await
    }

    /// Signs out.
    pub async fn logout(&self) -> Answer {
        self.world
            .send(self.request(reqwest::Method::POST, "/rest/v1.3/admin/logout"))
            .await
    }
}

/// The path of a device's action.
pub fn action_path(device: &str) -> String {
    format!("/rest/v1.3/inventory/deviceMgmt/devices/{device}/action")
}
