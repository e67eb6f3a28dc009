use std::fmt;

/// An answer as a client sees it, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers in alphabetical order, without those that every answer carries.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// The same on every answer, and tested once.
const EVERYWHERE: [&str; 5] = [
    "cache-control",
    "x-content-type-options",
    "strict-transport-security",
    "content-length",
    "date",
];

impl Answer {
    /// Reads the response to its end.
    pub async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        for name in [
            "cache-control",
            "x-content-type-options",
            "strict-transport-security",
        ] {
            assert!(response.headers().contains_key(name), "an answer without {name}");
        }
        let mut headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .filter(|(name, _)| !EVERYWHERE.contains(&name.as_str()))
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        headers.sort();
        Self {
            status,
            headers,
            body: response.text().await.expect("a body in UTF-8"),
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
