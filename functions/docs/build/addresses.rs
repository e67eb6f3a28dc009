use std::fmt::Write;

use crate::document::Document;

/// The addresses with their methods, as Rust.
pub(crate) fn list(document: &Document) -> String {
    let mut rust = "const ADDRESSES: &[(&str, &str)] = &[\n".to_owned();
    for (path, operations) in document.addresses() {
        let mut methods: Vec<String> = operations
            .iter()
            .map(|(method, _)| method.to_uppercase())
            .collect();
        methods.sort_unstable();
        // Writing to a string cannot fail.
        let _ = writeln!(rust, "    ({path:?}, {:?}),", methods.join(", "));
    }
    rust + "];\n"
}
