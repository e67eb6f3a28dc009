use std::fmt::{self, Write as _};

use crate::{Received, conforms};

/// An answer as a client sees it, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers in alphabetical order, without those that every answer carries.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// Every header.
    all: Vec<(String, String)>,
}

/// The same on every answer, and held to the document there.
const EVERYWHERE: [&str; 6] = [
    "cache-control",
    "x-content-type-options",
    "strict-transport-security",
    "x-request-id",
    "content-length",
    "date",
];

impl Answer {
    /// Sends the request and reads the answer to its end.
    ///
    /// # Panics
    /// Where there is none, and where it is not one that the document has for this request.
    pub async fn to(request: reqwest::RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let (method, path) = (request.method().to_string(), request.url().path().to_owned());
        let answer = Self::read(client.execute(request).await.expect("an answer")).await;
        if let Err(fault) = conforms(&answer.received(&method, &path)) {
            panic!("{method} {path}: {fault}\n{answer}");
        }
        answer
    }

    fn received<'a>(&'a self, method: &'a str, path: &'a str) -> Received<'a> {
        Received {
            method,
            path,
            status: self.status,
            headers: &self.all,
            body: &self.body,
        }
    }

    async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let all = response.headers().iter();
        let mut all: Vec<(String, String)> = all
            .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
            .collect();
        all.sort();
        let mut headers = all.clone();
        headers.retain(|(name, _)| !EVERYWHERE.contains(&name.as_str()));
        Self {
            status,
            headers,
            body: response.text().await.expect("a body in UTF-8"),
            all,
        }
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body, read as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.body))
    }

    /// The answer with the request's id, which is another each time, replaced.
    pub fn without_trace(&self) -> String {
        let id = self.json()["traceId"].as_str().expect("a traceId").to_owned();
        assert_eq!(id.len(), 36, "{id}");
        self.to_string().replace(&id, "[request]")
    }

    /// Checks that this is `twin` in another media type: the same status, body and headers, with `media` as its type.
    ///
    /// # Panics
    /// Where it is not.
    pub fn assert_twin_of(&self, twin: &Self, media: &str) {
        let others = |answer: &Self| {
            let mut headers = answer.headers.clone();
            headers.retain(|(name, _)| name != "content-type");
            headers
        };
        assert_eq!(self.header("content-type"), Some(media), "{self}");
        assert_eq!(
            (self.status, others(self), &self.body),
            (twin.status, others(twin), &twin.body),
            "{media}"
        );
    }

    /// `Lock-Fence`, as a number.
    pub fn fence(&self) -> u64 {
        self.header("lock-fence")
            .expect("a Lock-Fence")
            .parse()
            .expect("a number")
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", self.body)
    }
}

/// The answers to the requests of a table, for one snapshot that shows them all: each takes a line for its name,
/// status and headers, and one for its body.
#[derive(Debug, Default)]
pub struct Listing(String);

impl Listing {
    /// Adds the answer to the request of that name, as [`Answer`] shows it.
    ///
    /// # Panics
    /// Where it is no answer.
    pub fn add(&mut self, name: impl fmt::Display, answer: impl fmt::Display) {
        let answer = answer.to_string();
        let (head, body) = answer.split_once("\n\n").expect("an empty line before the body");
        let head: Vec<&str> = head.lines().collect();
        writeln!(self.0, "{name}: {}\n  {body}", head.join(", ")).expect("a String takes all");
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
