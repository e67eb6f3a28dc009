use serde_json::json;

use crate::{Answer, PASSWORD, World};

/// The header by which the server under test is told where a request comes from. The product has none such.
pub(crate) const HEADER: &str = "x-test-source";

/// A place in the network from where someone signs in. Whatever a world sends itself comes from 127.0.0.1.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    world: &'a World,
    address: String,
}

impl<'a> Place<'a> {
    pub(crate) const fn new(world: &'a World, address: String) -> Self {
        Self { world, address }
    }

    async fn post(&self, path: &str, bearer: Option<&str>, body: String) -> Answer {
        let mut request = self
            .world
            .http
            .post(self.world.url(path))
            .header("Content-Type", "application/json")
            .header(HEADER, &self.address)
            .body(body);
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        self.world.send(request).await
    }

    /// Tries to sign in, in the Session Delivery Manager dialect.
    pub async fn sdm_login(&self, login: &str, password: &str) -> Answer {
        let body = json!({"userName": login, "password": password});
        self.post("/rest/v1.3/admin/login", None, body.to_string()).await
    }

    /// Tries the first step of the Netwrix sign-in.
    pub async fn first_step(&self, login: &str, password: &str) -> Answer {
        let body = json!({"Login": login, "Password": password});
        self.post("/signinBody", None, body.to_string()).await
    }

    /// The first-factor token of `login`, whose password is right.
    pub async fn first_factor(&self, login: &str) -> String {
        let answer = self.first_step(login, PASSWORD).await;
        assert_eq!(answer.status, 200, "{answer}");
        answer.json().as_str().expect("a token").to_owned()
    }

    /// Tries the second step with a bare code.
    pub async fn second_step(&self, token: &str, code: &str) -> Answer {
        self.post("/signin2fa", Some(token), code.to_owned()).await
    }
}
