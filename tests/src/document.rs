use std::sync::OnceLock;

use serde_json::Value;

/// The methods of `OpenAPI` that the API has.
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// The `OpenAPI` document, as `GET /openapi.json` serves it.
#[derive(Debug)]
pub struct Document(Value);

/// An operation of the document.
#[derive(Clone, Debug)]
pub struct Operation<'a> {
    /// `POST`
    pub method: String,
    /// The path, with its parameters in braces.
    pub path: &'a str,
    /// What the document says of it.
    pub value: &'a Value,
}

impl Operation<'_> {
    /// The key of its route.
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

impl Document {
    /// The document that the function `docs` serves.
    pub fn served() -> &'static Self {
        static SERVED: OnceLock<Document> = OnceLock::new();
        SERVED.get_or_init(|| Self(serde_json::from_str(docs::OPENAPI).expect("a document")))
    }

    /// Every operation, in the order of paths.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.0["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            METHODS.into_iter().filter_map(move |method| {
                Some(Operation {
                    method: method.to_uppercase(),
                    path,
                    value: item.get(method)?,
                })
            })
        });
        operations.collect()
    }

    /// The operation that a request is for, by its path, percent-encoded.
    pub fn operation(&self, method: &str, path: &str) -> Option<Operation<'_>> {
        let matched = self.operations().into_iter().filter_map(|operation| {
            let parameters = parameters(operation.path, path)?;
            (operation.method == method).then_some((parameters, operation))
        });
        matched
            .min_by_key(|(parameters, _)| *parameters)
            .map(|(_, operation)| operation)
    }

    /// What a request that no operation takes is answered.
    pub fn any_other(&self, status: u16) -> Option<&Value> {
        let answer = self.0["x-any-other-request"].get(status.to_string())?;
        Some(self.resolved(answer))
    }

    /// What a reference leads to; anything else is what it is.
    pub fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let found = self.0.pointer(reference.trim_start_matches('#'));
                found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
            }
            None => value,
        }
    }

    /// The components, which schemas refer to.
    pub fn components(&self) -> &Value {
        &self.0["components"]
    }
}

/// How many parameters of the address the path fills in, where it is a path of the address.
fn parameters(address: &str, path: &str) -> Option<usize> {
    let (mut wanted, mut given) = (address.split('/'), path.split('/'));
    let mut count = 0;
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(count),
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => count += 1,
            _ => return None,
        }
    }
}
