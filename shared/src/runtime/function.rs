use std::future::Future;
use std::pin::Pin;

use lambda_http::{Body, Request, Response};

use super::App;
use crate::dialect::Dialect;

/// A handler's answer to come.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>;

/// One Lambda: what it serves and how it answers. The same value drives the deployed function, the local server
/// and the tests that compare both with `template.yaml`.
#[derive(Debug)]
pub struct Function {
    /// The name of its package, folder and binary.
    pub name: &'static str,
    /// What it serves. Anything else is a 404.
    pub routes: &'static [Route],
    /// How many connections to the store its widest wave needs.
    pub connections: usize,
    /// The handler.
    pub handle: for<'a> fn(&'a App, Request) -> Answer<'a>,
}

impl Function {
    /// The route with this key (`POST /user/lock`), where the function serves it.
    #[must_use]
    pub fn route(&self, key: &str) -> Option<&'static Route> {
        let (method, path) = key.split_once(' ')?;
        self.routes
            .iter()
            .find(|route| route.method.as_str() == method && route.path == path)
    }

    /// The dialect to answer in where no route says which.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.routes.first().map_or(Dialect::Sdm, |route| route.dialect)
    }
}

/// A method and path of the API, as API Gateway writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// Whose clients call it.
    pub dialect: Dialect,
}

impl Route {
    /// A route.
    #[must_use]
    pub const fn new(method: Method, path: &'static str, dialect: Dialect) -> Self {
        Self {
            method,
            path,
            dialect,
        }
    }

    /// The route's key in API Gateway.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.method.as_str(), self.path)
    }
}

/// The methods that the API uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Acts.
    Post,
    /// Sets.
    Put,
    /// Ends.
    Delete,
}

impl Method {
    /// The method as HTTP writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}
