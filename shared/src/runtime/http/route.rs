use std::fmt;
use std::future::Future;
use std::pin::Pin;

use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};

use crate::dialect::Dialect;
use crate::runtime::App;

/// A handler's answer to come.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>;

/// Answers the requests of one route. A refusal is an answer, too.
pub type Handler = for<'a> fn(&'a App, &'a Request) -> Answer<'a>;

/// The key of the route that API Gateway takes where no other fits.
pub const DEFAULT_ROUTE: &str = "$default";

/// One Lambda: what it serves and how it answers. The same value drives the deployed function, the local server
/// and the tests that compare both with `template.yaml`.
#[derive(Debug)]
pub struct Function {
    /// The name of its package, folder and binary.
    pub name: &'static str,
    /// What it serves. Anything else is a 404.
    pub routes: &'static [Route],
    /// Who answers what no route of the API takes, where the function is the one behind [`DEFAULT_ROUTE`].
    pub fallback: Option<Handler>,
    /// How many connections to the store its widest wave needs.
    pub connections: usize,
    /// Whether it opens second factors, so that its start needs their keys. No other function is given these.
    pub unseals: bool,
    /// Whether it reads the history, so that its start needs the table's name. No other function is given it.
    pub reads_history: bool,
}

impl Function {
    /// The route with this key (`POST /user/lock`), where the function serves it.
    #[must_use]
    pub fn route(&self, key: &str) -> Option<&'static Route> {
        let (method, path) = key.split_once(' ')?;
        self.routes
            .iter()
            .find(|route| route.method == method && route.path == path)
    }

    /// The dialect to answer in where no route says which.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.routes.first().map_or(Dialect::Sdm, |route| route.dialect)
    }
}

/// A method and path of the API, as API Gateway writes them, and who answers there.
#[derive(Clone)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// Whose clients call it.
    pub dialect: Dialect,
    /// Who answers.
    pub handler: Handler,
}

impl Route {
    /// The route's key in API Gateway.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key())
    }
}
