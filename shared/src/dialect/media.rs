use std::str::FromStr;

use headers_accept::Accept;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{ACCEPT, CONTENT_TYPE};
use mediatype::{MediaType, Name, ReadParams, names};

/// How a document is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// XML 1.0 in UTF-8.
    Xml,
    /// JSON.
    Json,
}

/// The media types that requests and answers may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/xml`
    ApplicationXml,
    /// `text/xml`
    TextXml,
    /// `application/json`
    ApplicationJson,
    /// `text/json`
    TextJson,
}

impl Media {
    const ALL: [Self; 4] = [
        Self::ApplicationXml,
        Self::ApplicationJson,
        Self::TextXml,
        Self::TextJson,
    ];

    /// What the request's `Content-Type` says its body is; `None` for anything else, another character set than
    /// UTF-8 included.
    #[must_use]
    pub fn of_body(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let media_type = MediaType::parse(text).ok()?;
        let utf8 = media_type
            .get_param(names::CHARSET)
            .is_none_or(|charset| charset.unquoted_str().eq_ignore_ascii_case("utf-8"));
        Self::ALL
            .into_iter()
            .find(|media| utf8 && media.media_type().essence() == media_type.essence())
    }

    /// How the document is written down.
    #[must_use]
    pub const fn format(self) -> Format {
        match self {
            Self::ApplicationXml | Self::TextXml => Format::Xml,
            Self::ApplicationJson | Self::TextJson => Format::Json,
        }
    }

    /// The value of `Content-Type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApplicationXml => "application/xml",
            Self::TextXml => "text/xml",
            Self::ApplicationJson => "application/json",
            Self::TextJson => "text/json",
        }
    }

    const fn media_type(self) -> MediaType<'static> {
        const JSON: Name<'_> = names::JSON;
        match self {
            Self::ApplicationXml => MediaType::new(names::APPLICATION, names::XML),
            Self::TextXml => MediaType::new(names::TEXT, names::XML),
            Self::ApplicationJson => MediaType::new(names::APPLICATION, JSON),
            Self::TextJson => MediaType::new(names::TEXT, JSON),
        }
    }
}

/// How much of a `Content-Type` an answer repeats, in characters.
const MAX_REPEATED: usize = 100;

/// Why a body is not looked into: what is accepted, and what the request says that it sends.
pub(super) fn not_accepted(headers: &HeaderMap, accepted: &str) -> String {
    let sent = headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or("unreadable"));
    match sent {
        None => format!("The body must be {accepted}, and the request has no Content-Type."),
        Some(sent) => {
            let sent: String = sent.chars().take(MAX_REPEATED).collect();
            format!("The body must be {accepted}, and the Content-Type of the request is {sent:?}.")
        }
    }
}

/// How long an `Accept` may be that is read, in bytes. A browser's has 150.
const MAX_ACCEPT: usize = 2_048;

/// The media type of the answer: what `Accept` prefers (RFC 9110 §12.5.1); where it names nothing that can be had,
/// leaves the choice or is longer than 2,048 bytes, the request's own kind, and `fallback` where that is unknown.
#[must_use]
pub fn accepted(headers: &HeaderMap, fallback: Media) -> Media {
    let own = Media::of_body(headers).unwrap_or(fallback);
    let values: Vec<&str> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let values = values.join(", ");
    if values.len() > MAX_ACCEPT {
        return own;
    }
    let Ok(accept) = Accept::from_str(&values) else {
        return own;
    };
    // Where several are equally welcome, the request's own kind wins.
    let mut choices = vec![own];
    choices.extend(Media::ALL.into_iter().filter(|media| *media != own));
    let available: Vec<MediaType<'static>> = choices.iter().map(|media| media.media_type()).collect();
    let chosen = accept.negotiate(&available);
    choices
        .into_iter()
        .find(|media| chosen == Some(&media.media_type()))
        .unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: Option<&str>, accept: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(text) = content_type {
            headers.insert(CONTENT_TYPE, text.parse().unwrap());
        }
        if let Some(text) = accept {
            headers.insert(ACCEPT, text.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_body_is_what_its_type_says_or_nothing() {
        for (text, media) in [
            ("application/json", Some(Media::ApplicationJson)),
            ("APPLICATION/JSON; charset=UTF-8", Some(Media::ApplicationJson)),
            ("text/xml;charset=\"utf-8\"", Some(Media::TextXml)),
            ("application/xml; charset=iso-8859-1", None),
            ("application/x-www-form-urlencoded", None),
            ("json", None),
            ("", None),
        ] {
            assert_eq!(Media::of_body(&headers(Some(text), None)), media, "{text}");
        }
        assert_eq!(Media::of_body(&headers(None, None)), None);
    }

    #[test]
    fn a_refusal_says_what_was_sent_as_far_as_it_is_short() {
        let said = |content_type| not_accepted(&headers(content_type, None), "application/json");
        assert_eq!(
            said(None),
            "The body must be application/json, and the request has no Content-Type."
        );
        assert_eq!(
            said(Some("text/x\"y")),
            r#"The body must be application/json, and the Content-Type of the request is "text/x\"y"."#
        );
        let long = "x".repeat(MAX_REPEATED + 1);
        assert!(!said(Some(&long)).contains(&long));
    }

    #[test]
    fn the_answer_is_what_is_accepted_else_the_requests_own_kind_else_the_fallback() {
        use Media::{ApplicationJson, ApplicationXml, TextXml};
        let at_most = format!("{:>MAX_ACCEPT$}", "application/json");
        for (content_type, accept, media) in [
            (None, None, ApplicationXml),
            (None, Some("*/*"), ApplicationXml),
            (Some("application/json"), None, ApplicationJson),
            (Some("application/json"), Some("*/*"), ApplicationJson),
            (Some("application/json"), Some("application/*"), ApplicationJson),
            (Some("application/json"), Some("application/xml"), ApplicationXml),
            (
                Some("application/xml"),
                Some("application/json;q=0.9, text/xml"),
                TextXml,
            ),
            (
                Some("application/json"),
                Some("application/xml;q=0.1, application/json;q=0.5"),
                ApplicationJson,
            ),
            (Some("application/json"), Some("text/html"), ApplicationJson),
            (
                Some("application/json"),
                Some("application/json;q=0, */*;q=0.1"),
                ApplicationXml,
            ),
            (Some("image/png"), Some("nonsense"), ApplicationXml),
            (None, Some(""), ApplicationXml),
            (None, Some(&at_most), ApplicationJson),
            (None, Some(&format!("{at_most} ")), ApplicationXml),
        ] {
            assert_eq!(
                accepted(&headers(content_type, accept), ApplicationXml),
                media,
                "{content_type:?} {accept:?}"
            );
        }
    }
}
