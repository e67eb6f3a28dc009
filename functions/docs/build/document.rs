//! The document, and the events with their answers that are its examples.

use std::error::Error;
use std::path::Path;

use serde_norway::{Mapping, Value};

/// The methods of `OpenAPI`, in the order of the page.
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// What an event or its answer has in place of what changes from run to run, and what the examples have there.
const SAMPLES: [(&str, &str); 9] = [
    ("{{activity-session:1}}", "497f6eca-6276-4993-bfeb-53cbbbba6f08"),
    ("{{activity-session:2}}", "497f6eca-6276-4993-bfeb-53cbbbba6f09"),
    ("{{totp:alice}}", "123456"),
    ("/Date(<time>)/", "/Date(1795341600000)/"),
    ("<time>", "2026-11-22T10:00:00Z"),
    ("<uuid>", "0b2f1c8e-5d34-4a6f-9e7b-3c1d2e4f5a60"),
    (
        "<token>",
        "rW0Zk3cPqYJmV7uL1xT9aSgHd2EoB8nF5iKwQ6yXvUe.MS9hbGljZQ",
    ),
    ("<seconds left>", "600"),
    ("\r\n", "\n"),
];

pub(crate) fn with_samples(text: &str) -> String {
    SAMPLES
        .iter()
        .fold(text.to_owned(), |text, (mark, sample)| text.replace(mark, sample))
}

/// An event of `events/` and its answer.
pub(crate) struct Fixture {
    /// `lock-device--lock`
    pub(crate) name: String,
    /// `POST /user/lock`
    pub(crate) route: String,
    pub(crate) event: Value,
    pub(crate) status: String,
    media: Option<String>,
    answer: Value,
}

impl Fixture {
    /// Every event of a route, in the order of their names.
    pub(crate) fn all(folder: &Path) -> Result<Vec<Self>, Box<dyn Error>> {
        let mut fixtures = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                fixtures.extend(Self::read(&path)?);
            }
        }
        fixtures.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(fixtures)
    }

    fn read(path: &Path) -> Result<Option<Self>, Box<dyn Error>> {
        // JSON is YAML, and this reader keeps the order of members.
        let event: Value = serde_norway::from_str(&std::fs::read_to_string(path)?)?;
        let Some(route) = event["routeKey"].as_str().map(str::to_owned) else {
            return Ok(None);
        };
        let (Some(folder), Some(file)) = (path.parent(), path.file_name()) else {
            return Ok(None);
        };
        let snapshot = folder.join("snapshots").join(file);
        let snapshot = with_samples(&std::fs::read_to_string(snapshot)?);
        let snapshot: Value = serde_norway::from_str(&snapshot)?;
        Ok(Some(Self {
            name: path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            route,
            event,
            status: snapshot["status"].as_u64().unwrap_or_default().to_string(),
            media: snapshot["headers"]["content-type"].as_str().map(essence),
            answer: snapshot["body"].clone(),
        }))
    }

    /// `by another user` of `lock-device--lock-by-another-user`.
    pub(crate) fn title(&self) -> String {
        let (_, happens) = self.name.split_once("--").unwrap_or_default();
        happens.replace('-', " ")
    }

    /// Whether a client may send it: what is answered 400 or 415 is not an example of a request.
    pub(crate) fn is_request(&self) -> bool {
        !["400", "413", "414", "415"].contains(&self.status.as_str())
    }

    /// Whether the answer is too long to be an example.
    fn is_long(&self) -> bool {
        self.answer.as_str() == Some("<long body>")
    }

    /// The media type and content of what is sent.
    pub(crate) fn request(&self) -> Option<(String, Value)> {
        let body = with_samples(self.event["body"].as_str()?);
        let media = essence(self.event["headers"]["content-type"].as_str()?);
        let parsed: Value = serde_norway::from_str(&body).ok()?;
        // A bare code is a text, whatever a reader makes of its digits.
        let is_json = media.ends_with("json") && parsed.is_mapping();
        Some((media, if is_json { parsed } else { Value::from(body) }))
    }
}

fn essence(media: &str) -> String {
    media.split(';').next().unwrap_or_default().trim().to_owned()
}

/// The document.
pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn parse(yaml: &str) -> Result<Self, Box<dyn Error>> {
        let mut root: Value = serde_norway::from_str(yaml)?;
        root.apply_merge()?;
        Ok(Self(root))
    }

    pub(crate) const fn root(&self) -> &Value {
        &self.0
    }

    /// Each path with its operations, in the order of the document.
    pub(crate) fn addresses(&self) -> Vec<(&str, Vec<(&'static str, &Value)>)> {
        let paths = self.0["paths"].as_mapping().into_iter().flatten();
        paths
            .filter_map(|(path, item)| {
                let operations = METHODS.into_iter();
                let operations = operations.filter_map(|method| Some((method, item.get(method)?)));
                Some((path.as_str()?, operations.collect()))
            })
            .collect()
    }

    /// What a reference leads to; anything else is what it is.
    pub(crate) fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
            return value;
        };
        reference
            .trim_start_matches("#/")
            .split('/')
            .fold(&self.0, |value, name| &value[name])
    }

    /// Puts each event and its answer into the operation that it calls.
    pub(crate) fn illustrate(&mut self, fixtures: &[Fixture]) -> Result<(), Box<dyn Error>> {
        for fixture in fixtures {
            // What no route takes is not an operation.
            let Some((method, path)) = fixture.route.split_once(' ') else {
                continue;
            };
            let operation = &self.0["paths"][path][method.to_lowercase()];
            let response = self.resolved(&operation["responses"][fixture.status.as_str()]);
            if response.is_null() {
                return Err(format!("{}: the document has no {}", fixture.name, fixture.status).into());
            }
            // An answer that several operations share has the examples of one here.
            let mut response = response.clone();
            if let Some(media) = fixture.media.as_ref().filter(|_| !fixture.is_long()) {
                illustrate(&mut response["content"], media, fixture, fixture.answer.clone())?;
            }
            let operation = &mut self.0["paths"][path][method.to_lowercase()];
            operation["responses"][fixture.status.as_str()] = response;
            if let Some((media, content)) = fixture.request().filter(|_| fixture.is_request()) {
                illustrate(&mut operation["requestBody"]["content"], &media, fixture, content)?;
            }
        }
        Ok(())
    }
}

fn illustrate(
    content: &mut Value,
    media: &str,
    fixture: &Fixture,
    example: Value,
) -> Result<(), Box<dyn Error>> {
    let Some(content) = content.get_mut(media).and_then(Value::as_mapping_mut) else {
        return Err(format!("{}: the document has no {media} there", fixture.name).into());
    };
    let mut entry = Mapping::new();
    entry.insert("summary".into(), fixture.title().into());
    entry.insert("value".into(), example);
    let examples = content
        .entry("examples".into())
        .or_insert_with(|| Value::Mapping(Mapping::new()));
    if let Some(examples) = examples.as_mapping_mut() {
        examples.insert(fixture.name.as_str().into(), Value::Mapping(entry));
    }
    Ok(())
}
