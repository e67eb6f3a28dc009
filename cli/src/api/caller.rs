//! The API as somebody who has signed in. The token is renewed as it runs out.

use std::time::Duration;

use holdfast::Clock;
use holdfast::lock::Timestamp;
use hyper::Method;
use hyper::Response;
use hyper::body::Incoming;
use serde_json::Value;

use super::{Api, Credentials, Factors, Kept, Reply, sign_in, sign_in_with_key};
use crate::exit::{Exit, Failure};
use crate::profile::Settings;
use crate::secret::Secret;

/// A token lives 15 minutes. From this age on a further one is asked for.
const RENEWED_FROM: Duration = Duration::from_mins(5);
const LIFE: Duration = Duration::from_mins(15);
/// A machine's token lives 20 seconds; the rest is for the request under way.
const MACHINE_LIFE: Duration = Duration::from_secs(15);

/// Somebody who has signed in.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    api: Api,
    settings: &'a Settings,
    kept: Kept,
    /// The token of a machine, and when it was issued.
    machine: Option<(Secret, Timestamp)>,
}

impl<'a> Caller<'a> {
    /// Who `HOLDFAST_API_KEY` says, or else the sign-in that is kept.
    ///
    /// # Errors
    /// Exit code 4 where nobody has signed in.
    pub(crate) fn load(settings: &'a Settings) -> Result<Self, Failure> {
        let api = Api::at(settings.url()?)?;
        let kept = match (&settings.api_key, &settings.login) {
            (Some(key), Some(login)) => Some(Kept::of_machine(api.base(), login, key.clone(), now())),
            (Some(_), None) => return Err(Failure::usage("HOLDFAST_API_KEY needs HOLDFAST_LOGIN as well")),
            (None, _) => Kept::read(settings)?,
        };
        let kept =
            kept.ok_or_else(|| Failure::new(Exit::NotSignedIn, "not signed in: run `holdfast login`"))?;
        Ok(Self {
            api,
            settings,
            kept,
            machine: None,
        })
    }

    /// The login.
    pub(crate) fn login(&self) -> &str {
        &self.kept.login
    }

    /// What they have signed in with.
    pub(crate) const fn with(&self) -> Factors {
        self.kept.with
    }

    /// Sends a request as this caller.
    pub(crate) async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, Failure> {
        let token = self.token(now()).await?;
        let body = body.map(Value::to_string);
        self.api.call(method, path, Some(&token), body).await
    }

    /// The body of a call that went well; `subject` is what it is about, in words.
    pub(crate) async fn get(&mut self, path: &str, subject: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, None)
            .await?
            .into_body(subject, now())
    }

    /// Every item of a list, page by page, given to `each`, until that says that it has enough.
    pub(crate) async fn pages(
        &mut self,
        path: &str,
        items: &str,
        mut each: impl FnMut(&Value) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{cursor}"), "the list").await?;
            for item in page.get(items).and_then(Value::as_array).into_iter().flatten() {
                if !each(item)? {
                    return Ok(());
                }
            }
            match page.get("nextCursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={}", crate::locks::encode(next)),
                None => return Ok(()),
            }
        }
    }

    /// Opens a stream as this caller.
    pub(crate) async fn open(&mut self, path: &str) -> Result<Response<Incoming>, Failure> {
        let token = self.token(now()).await?;
        self.api.send(Method::GET, path, Some(&token), None).await
    }

    /// What it means that a stream broke off.
    pub(crate) fn broke_off(&self, error: &(dyn std::error::Error + 'static)) -> Failure {
        self.api.unreachable(error)
    }

    /// Signs the same person in again, for a second factor that is new.
    pub(crate) async fn sign_in_again(&mut self, credentials: &Credentials) -> Result<(), Failure> {
        let (token, with) = sign_in(&self.api, self.settings, &self.kept.login, credentials).await?;
        self.keep(token, with)
    }

    /// Makes sure that the sign-in still counts, as far as this machine can tell.
    pub(crate) async fn refresh(&mut self) -> Result<(), Failure> {
        self.token(now()).await.map(drop)
    }

    async fn token(&mut self, now: Timestamp) -> Result<Secret, Failure> {
        if let Some(key) = &self.kept.api_key {
            if let Some((token, issued_at)) = &self.machine
                && now.since(*issued_at) < MACHINE_LIFE
            {
                return Ok(token.clone());
            }
            let token = sign_in_with_key(&self.api, &self.kept.login, key).await?;
            self.machine = Some((token.clone(), now));
            return Ok(token);
        }
        let issued_at = Timestamp::parse(&self.kept.issued_at);
        let (Some(token), Some(issued_at)) = (self.kept.token.clone(), issued_at) else {
            return Err(run_out());
        };
        match now.since(issued_at) {
            age if age < RENEWED_FROM => Ok(token),
            age if age >= LIFE => Err(run_out()),
            _ => self.renew(token).await,
        }
    }

    /// A further token; the one that there is where the service cannot give one now.
    async fn renew(&mut self, token: Secret) -> Result<Secret, Failure> {
        let answer = self
            .api
            .call(Method::GET, "/api/v1/UserToken", Some(&token), None)
            .await;
        match answer {
            Ok(Reply {
                status: 200,
                body: Value::String(further),
            }) => {
                let further = Secret::new(further);
                self.keep(further.clone(), self.kept.with)?;
                Ok(further)
            }
            Ok(Reply { status: 401, .. }) => Err(run_out()),
            _ => Ok(token),
        }
    }

    fn keep(&mut self, token: Secret, with: Factors) -> Result<(), Failure> {
        self.kept = Kept::of_person(self.api.base(), &self.kept.login, with, token, now());
        self.kept.write(self.settings)
    }
}

fn run_out() -> Failure {
    Failure::new(Exit::NotSignedIn, "the sign-in has run out: run `holdfast login`")
}

/// The edge: where the command reads the clock.
fn now() -> Timestamp {
    Clock::System.now()
}
