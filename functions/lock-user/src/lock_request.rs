//! `UserLockReq`: `LoginName` and `Lock`, read one by one so that every fault is named.

use holdfast::dialect::aktion;
use holdfast::dialect::{Faults, Fields, Media, Wrong};
use serde_json::Value;

/// A request that keeps to the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserLock {
    /// The login of the user, as it was sent.
    pub(crate) login_name: String,
    /// Whether the user is to be locked.
    pub(crate) locks: bool,
}

/// What the answer repeats of the request: both fields, where both could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Echo {
    pub(crate) login_name: String,
    pub(crate) lock: i64,
}

/// A body as far as it could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestBody {
    /// The request, or every fault in the vendor's words.
    pub(crate) lock: Result<UserLock, Faults>,
    pub(crate) echo: Option<Echo>,
}

pub(crate) fn parse(media: Media, body: &[u8]) -> RequestBody {
    let members = match aktion::members(media, body) {
        Ok(members) => members,
        Err(faults) => {
            return RequestBody {
                lock: Err(faults),
                echo: None,
            };
        }
    };
    let mut fields = Fields::new(&members, aktion::words);
    let login_name = fields.required_text("LoginName", aktion::MAX_LOGIN).to_owned();
    let lock = fields.parsed("Lock", |value| integer(value, members.is_xml()).map(Some));
    if lock.is_some_and(|lock| !(0..=1).contains(&lock)) {
        let () = fields.fault("Lock", OUT_OF_RANGE);
    }
    let echo = members.text("LoginName").zip(lock);
    RequestBody {
        lock: fields.finish(UserLock {
            login_name,
            locks: lock == Some(1),
        }),
        echo: echo.map(|(login_name, lock)| Echo {
            login_name: login_name.to_owned(),
            lock,
        }),
    }
}

const OUT_OF_RANGE: &str = "The field Lock must be between 0 and 1.";

fn integer(value: Option<&Value>, is_xml: bool) -> Result<i64, String> {
    let required = || aktion::words("Lock", Wrong::Missing);
    let not_an_integer = || "The field Lock must be an integer.".to_owned();
    match value.ok_or_else(required)? {
        Value::Number(number) => match number.as_i64() {
            Some(lock) => Ok(lock),
            None if number.is_u64() => Err(OUT_OF_RANGE.to_owned()),
            None => Err(not_an_integer()),
        },
        // An element of XML is text; a string in JSON is not an integer, whatever it says.
        Value::String(text) if is_xml => {
            let text = text.trim();
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            if text.is_empty() {
                Err(required())
            } else if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                Err(not_an_integer())
            } else {
                text.parse().map_err(|_| OUT_OF_RANGE.to_owned())
            }
        }
        _ => Err(not_an_integer()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(media: Media, body: &str) -> Vec<String> {
        let faults = parse(media, body.as_bytes()).lock.err().unwrap_or_default();
        faults.into_iter().map(|(_, fault)| fault).collect()
    }

    #[test]
    fn every_fault_is_named() {
        let json = Media::ApplicationJson;
        let both = ["The LoginName field is required.", "The Lock field is required."];
        assert_eq!(faults(json, "{}"), both);
        assert_eq!(faults(json, r#"{"LoginName":"","Lock":null}"#), both);
        assert_eq!(
            faults(Media::TextXml, "<Request><LoginName/><Lock> </Lock></Request>"),
            both
        );
        for lock in ["2", "-1", "99999999999", "9223372036854775808"] {
            let fault = ["The field Lock must be between 0 and 1."];
            assert_eq!(
                faults(json, &format!(r#"{{"LoginName":"x","Lock":{lock}}}"#)),
                fault,
                "{lock}"
            );
            let xml = format!("<Request><LoginName>x</LoginName><Lock>{lock}</Lock></Request>");
            assert_eq!(faults(Media::ApplicationXml, &xml), fault, "{lock}");
        }
        for lock in ["1.0", "1e0", "\"1\"", "true", "[1]", "{}", "99999999999999999999"] {
            let body = format!(r#"{{"LoginName":"x","Lock":{lock}}}"#);
            assert_eq!(
                faults(json, &body),
                ["The field Lock must be an integer."],
                "{lock}"
            );
        }
        for lock in ["1.0", "one", "-", "<a/>"] {
            let xml = format!("<Request><LoginName>x</LoginName><Lock>{lock}</Lock></Request>");
            assert_eq!(faults(Media::ApplicationXml, &xml).len(), 1, "{lock}");
        }
        assert_eq!(
            faults(json, r#"{"LoginName":1,"Lock":1}"#),
            ["The field LoginName must be a string."]
        );
        let long = format!(r#"{{"LoginName":"{}","Lock":1}}"#, "x".repeat(101));
        assert_eq!(
            faults(json, &long),
            ["The field LoginName must be a string with a maximum length of 100."]
        );
    }

    #[test]
    fn both_formats_say_the_same() {
        let json = parse(Media::TextJson, br#"{ "loginname": "John.Doo", "LOCK": 1 }"#);
        let xml = parse(
            Media::TextXml,
            b"<Request> <LoginName>John.Doo</LoginName> <Lock>1</Lock> </Request>",
        );
        assert_eq!(json, xml);
        assert_eq!(
            json.lock,
            Ok(UserLock {
                login_name: "John.Doo".to_owned(),
                locks: true
            })
        );
    }
}
