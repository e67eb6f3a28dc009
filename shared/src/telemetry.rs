//! Structured logs: one JSON object a line, flat, with the key names of AWS Lambda Powertools, so that existing
//! dashboards and queries fit.
//!
//! Never logged: tokens, cookies, passwords, codes, API keys, query strings, request bodies.

use std::fmt;
use std::io::Write;

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::Clock;
use crate::lock::{Label, Outcome};

/// Libraries that log whole events, headers or keys at their finest levels.
const CAPPED: &[&str] = &["lambda_", "aws_", "hyper", "rustls", "h2"];

/// Events with this target are metrics.
const METRICS: &str = "holdfast::metrics";

/// How an answer counts in the metrics. A handler that knows more than the status says puts one into the answer's
/// extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally {
    /// By what the lock protocol decided.
    Lock(Label),
    /// A wrong code after a right password.
    SecondFactorGuess,
    /// Any other sign-in that failed.
    FailedSignIn,
    /// A lock that somebody broke through the API, as the history has it.
    BrokenLock,
    /// A lock that an operator broke at the tables.
    RescuedLock,
    /// By the status alone.
    Status(u16),
}

impl Tally {
    const fn outcome(self) -> &'static str {
        match self {
            Self::Lock(label) => label.as_str(),
            Self::SecondFactorGuess => "second_factor_guessing",
            Self::FailedSignIn => "sign_in_failed",
            Self::BrokenLock => "lock_broken",
            Self::RescuedLock => "lock_rescued",
            Self::Status(200..=299) => "done",
            Self::Status(409 | 423) => "held_by_other",
            Self::Status(503) => "store_unavailable",
            Self::Status(500..) => "failed",
            Self::Status(_) => "refused",
        }
    }
}

impl From<&Outcome> for Tally {
    fn from(outcome: &Outcome) -> Self {
        Self::Lock(outcome.label())
    }
}

/// Counts one request by stack, operation and outcome, as a log line in CloudWatch's embedded metric format: no call, no
/// wait, and a dimension has as many values as there are functions and outcomes.
pub fn count(operation: &str, tally: Tally) {
    tracing::info!(target: METRICS, Operation = operation, Outcome = tally.outcome(), Count = 1);
}

/// Starts logging to standard output for the function `name` of `stack`, at the level that `AWS_LAMBDA_LOG_LEVEL` names
/// (INFO without one).
pub fn init(name: &'static str, stack: &str, level: Option<&str>) {
    let level = level
        .and_then(|text| text.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let lines = JsonLines {
        function_name: name,
        stack: stack.to_owned(),
    };
    // A second call changes nothing; the first one's subscriber stays.
    let _ = Registry::default()
        .with(lines.with_filter(filter(level)))
        .try_init();
}

/// The configured level for Holdfast's own code, and never more than INFO of the libraries that would log what
/// must not be logged.
#[must_use]
pub fn filter(level: LevelFilter) -> Targets {
    CAPPED
        .iter()
        .fold(Targets::new().with_default(level), |targets, library| {
            targets.with_target(*library, level.min(LevelFilter::INFO))
        })
}

struct JsonLines {
    function_name: &'static str,
    stack: String,
}

/// The fields of a span, kept with it until its events are written.
struct SpanFields(Map<String, Value>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields(Map::new());
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields.0));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(SpanFields(known)) = span.extensions_mut().get_mut()
        {
            let mut fields = Fields(std::mem::take(known));
            values.record(&mut fields);
            *known = fields.0;
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Fields(Map::new());
        if event.metadata().target() == METRICS {
            line.spans(event, &context);
            // Of the request, its id is enough to find its other lines.
            line.0.retain(|name, _| name == "function_request_id");
            line.text("Stack", &self.stack);
            event.record(&mut line);
            line.0
                .insert("_aws".to_owned(), embedded_metric(Clock::System.now().unix_ms()));
            return write(&line.0);
        }
        line.text("level", level_name(*event.metadata().level()));
        line.text("timestamp", &Clock::System.now().to_string());
        line.text("service", "holdfast");
        line.text("function_name", self.function_name);
        line.spans(event, &context);
        event.record(&mut line);
        write(&line.0);
    }
}

fn write(line: &Map<String, Value>) {
    if let Ok(mut text) = serde_json::to_vec(line) {
        text.push(b'\n');
        // Where standard output is gone there is nowhere left to say so.
        let _ = std::io::stdout().lock().write_all(&text);
    }
}

/// What makes CloudWatch read a log line as a metric.
fn embedded_metric(unix_ms: i64) -> Value {
    json!({
        "Timestamp": unix_ms,
        "CloudWatchMetrics": [{
            "Namespace": "Holdfast",
            "Dimensions": [["Stack", "Operation", "Outcome"]],
            "Metrics": [{"Name": "Count", "Unit": "Count"}],
        }],
    })
}

/// The runtime's own spans say the same under other names.
fn is_own(target: &str) -> bool {
    CAPPED.iter().all(|library| !target.starts_with(library))
}

const fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    /// What the event's spans say.
    fn spans<S: Subscriber + for<'a> LookupSpan<'a>>(&mut self, event: &Event<'_>, context: &Context<'_, S>) {
        let Some(scope) = context.event_scope(event) else {
            return;
        };
        for span in scope.from_root().filter(|span| is_own(span.metadata().target())) {
            if let Some(SpanFields(fields)) = span.extensions().get() {
                self.0.extend(fields.clone());
            }
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        self.0.insert(name.to_owned(), Value::from(text));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0
            .insert(field.name().to_owned(), Value::from(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), Value::from(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_log_whole_events_never_get_past_info() {
        let filter = filter(LevelFilter::TRACE);
        assert!(filter.would_enable("holdfast::runtime", &Level::TRACE));
        for library in [
            "lambda_runtime::layers",
            "lambda_http",
            "aws_smithy_runtime",
            "hyper_util",
            "rustls::client",
        ] {
            assert!(filter.would_enable(library, &Level::INFO), "{library}");
            assert!(!filter.would_enable(library, &Level::DEBUG), "{library}");
        }
    }
}
