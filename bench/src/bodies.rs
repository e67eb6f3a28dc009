//! What it takes to read hostile bodies and headers, beside valid ones of the same size.

use std::hint::black_box;
use std::time::Instant;

use holdfast::dialect::{Format, MAX_BODY_BYTES, Media, Members, accepted, netwrix, sdm};
use holdfast::id::{ActivitySessionId, Company, Login};
use holdfast::secret::Token;
use lambda_http::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE};
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use crate::figures::{Table, digits, median};
use crate::machine::Machine;
use crate::{Failure, Output};

/// What API Gateway lets a request's headers have together.
const MAX_HEADER_BYTES: usize = 10_240;
/// As much of them as `Accept` may have to be read.
const MAX_ACCEPT_BYTES: usize = 2_048;
/// How many times a valid body's time anything may take.
const LIMIT: f64 = 3.0;
const VALID: &str = "valid";

/// One way in, with what is read on it. The first of the inputs is valid.
struct Reader {
    name: &'static str,
    read: fn(&Input),
    inputs: Vec<Input>,
}

/// What is read.
struct Input {
    name: &'static str,
    body: Vec<u8>,
    headers: HeaderMap,
}

#[derive(Serialize)]
struct Figure {
    reader: &'static str,
    input: &'static str,
    bytes: usize,
    microseconds: f64,
    times_valid_body: f64,
}

#[derive(Serialize)]
struct Run {
    machine: Machine,
    rounds: usize,
    figures: Vec<Figure>,
}

/// Reads every input `rounds` times, and fails where one takes too long.
pub fn run(rounds: usize, output: &Output) -> Result<(), Failure> {
    let run = Run {
        machine: Machine::this(),
        rounds,
        figures: measure(&readers()?, rounds),
    };
    let tables = format!(
        "{}\nMedians of {rounds} reads of each. {}\n",
        table(&run.figures),
        run.machine.line()
    );
    output.write(&run, &tables)?;
    match run.figures.iter().find(|figure| figure.times_valid_body > LIMIT) {
        None => Ok(()),
        Some(figure) => Err(format!(
            "{}, {}: {} times the time of a valid body, and {LIMIT} is the limit",
            figure.reader,
            figure.input,
            digits(figure.times_valid_body)
        )
        .into()),
    }
}

fn measure(readers: &[Reader], rounds: usize) -> Vec<Figure> {
    let cases: Vec<(&Reader, &Input)> = readers
        .iter()
        .flat_map(|reader| reader.inputs.iter().map(move |input| (reader, input)))
        .collect();
    let mut times = vec![Vec::with_capacity(rounds); cases.len()];
    // One of each in turn, so that a machine that is slow for a while is slow for all of them.
    for round in 0..=rounds {
        for ((reader, input), times) in cases.iter().zip(&mut times) {
            let begin = Instant::now();
            (reader.read)(black_box(input));
            let time = begin.elapsed().as_secs_f64() * 1e6;
            if round > 0 {
                times.push(time);
            }
        }
    }
    let mut valid_body = f64::NAN;
    let mut figures = Vec::with_capacity(cases.len());
    for ((reader, input), times) in cases.into_iter().zip(times) {
        let microseconds = median(times);
        // A body is measured by the valid one of its format, a header by the last of those, which is JSON's.
        if input.name == VALID && !input.body.is_empty() && input.headers.is_empty() {
            valid_body = microseconds;
        }
        figures.push(Figure {
            reader: reader.name,
            input: input.name,
            bytes: input.bytes(),
            microseconds,
            times_valid_body: microseconds / valid_body,
        });
    }
    figures
}

impl Input {
    fn body(name: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            name,
            body: body.into(),
            headers: HeaderMap::new(),
        }
    }

    fn header(name: &'static str, header: HeaderName, value: &str) -> Result<Self, Failure> {
        Ok(Self {
            name,
            body: Vec::new(),
            headers: HeaderMap::from_iter([(header, value.parse()?)]),
        })
    }

    fn bytes(&self) -> usize {
        let headers: usize = self.headers.values().map(HeaderValue::len).sum();
        self.body.len() + headers
    }
}

/// `before` and `after`, and between them as many of `part` as `size` bytes hold; the part is told its number.
fn filled(size: usize, before: &str, after: &str, part: impl Fn(usize) -> String) -> String {
    let mut text = before.to_owned();
    for number in 0.. {
        let part = part(number);
        if text.len() + part.len() + after.len() > size {
            break;
        }
        text.push_str(&part);
    }
    text + after
}

fn readers() -> Result<Vec<Reader>, Failure> {
    Ok(vec![
        xml(),
        json(),
        accept()?,
        content_type()?,
        cookies()?,
        bearer()?,
        lease()?,
    ])
}

fn xml() -> Reader {
    let within = |before: &str, after: &str, part: &dyn Fn(usize) -> String| {
        filled(
            MAX_BODY_BYTES,
            &format!("<Request>{before}"),
            &format!("{after}</Request>"),
            part,
        )
    };
    let each = |part: &dyn Fn(usize) -> String| within("", "", part);
    let text = |part: &'static str| within("<a>", "</a>", &move |_| part.to_owned());
    let valid = each(&|n| match n {
        0 => "<LoginName>bob</LoginName><Lock>1</Lock>".to_owned(),
        n => {
            let line = format!("<Line>{}</Line>", "A line of text. ".repeat(7));
            format!("<Field{n}>{}</Field{n}>", line.repeat(8))
        }
    });
    Reader {
        name: "XML body",
        read: |input| {
            let _ = black_box(Members::read(&input.body, Format::Xml, "Request"));
        },
        inputs: vec![
            Input::body(VALID, valid),
            Input::body("distinct elements", each(&|n| format!("<e{n}/>"))),
            Input::body("one element, repeated", each(&|_| "<e/>".to_owned())),
            Input::body(
                "long names that differ at the end",
                each(&|n| format!("<{}{n}/>", "e".repeat(900))),
            ),
            Input::body(
                "distinct elements in one",
                within("<a>", "</a>", &|n| format!("<e{n}/>")),
            ),
            Input::body(
                "distinct attributes",
                within("<a ", "/>", &|n| format!("a{n}=\"\" ")),
            ),
            Input::body(
                "distinct attributes of the root",
                filled(MAX_BODY_BYTES, "<Request ", "></Request>", |n| {
                    format!("a{n}=\"\" ")
                }),
            ),
            Input::body(
                "many elements with many attributes",
                within("<a>", "</a>", &|n| match n % 65 {
                    0 => "<b ".to_owned(),
                    64 => "/>".to_owned(),
                    n => format!("a{n}='' "),
                }),
            ),
            Input::body("a long attribute", within("<a b=\"", "\"/>", &|_| "x".to_owned())),
            Input::body("a long name", within("<a", "/>", &|_| "a".to_owned())),
            Input::body("deep nesting", each(&|_| "<a>".to_owned())),
            Input::body(
                "nesting as deep as it may be",
                within("<a>", "</a>", &|_| {
                    "<b><b><b><b><b></b></b></b></b></b>".to_owned()
                }),
            ),
            Input::body("entities", text("&lt;")),
            Input::body("character references", text("&#65;")),
            Input::body(
                "long character references",
                text("&#00000000000000000000000000065;"),
            ),
            Input::body("unknown entities", text("&x;")),
            Input::body("ampersands", text("&")),
            Input::body("comments", text("<!---->")),
            Input::body("comments that never end", text("<!--")),
            Input::body("processing instructions", text("<?a?>")),
            Input::body("character data sections", text("<![CDATA[]]>")),
            Input::body("character data sections that never end", text("<![CDATA[")),
            Input::body("text runs", text("x<b/>")),
            Input::body("one text", text("x")),
            Input::body("one text beyond ASCII", text("\u{10ffff}")),
            Input::body("carriage returns", text("\r")),
            Input::body("lines", text("\r\n")),
            Input::body(
                "a carriage return at the end",
                text("x").replace("x</a>", "\r</a>"),
            ),
            Input::body("blanks", each(&|_| " ".to_owned())),
            Input::body("opening brackets", each(&|_| "<".to_owned())),
            Input::body("closing brackets", text(">")),
            Input::body("quotes in a tag", within("<a ", "", &|_| "\"".to_owned())),
            Input::body(
                "document types",
                filled(MAX_BODY_BYTES, "<!DOCTYPE r [", "]><Request/>", |n| {
                    format!("<!ENTITY e{n} \"&e;&e;\">")
                }),
            ),
            Input::body("closing tags", each(&|_| "</a>".to_owned())),
        ],
    }
}

fn json() -> Reader {
    let object = |before: &str, after: &str, part: &dyn Fn(usize) -> String| {
        filled(
            MAX_BODY_BYTES,
            &format!("{{{before}"),
            &format!("{after}}}"),
            part,
        )
    };
    let member = |open: &str, close: &str, part: &dyn Fn(usize) -> String| {
        object(&format!("\"a\":{open}"), close, part)
    };
    let text = |part: &'static str| member("\"", "\"", &move |_| part.to_owned());
    let comma = |n: usize| if n == 0 { "" } else { "," };
    let ids: Vec<String> = (0..100)
        .map(|_| ActivitySessionId::random().to_string())
        .collect();
    // A hundred sessions, named over and over: each counts once, so this is carried out.
    let valid = member("0,\"lockUser\":true,\"activitySessionIds\":[", "]", &|n| {
        format!("{}\"{}\"", comma(n), ids[n % ids.len()])
    });
    Reader {
        name: "JSON body",
        read: |input| {
            let _ = black_box(Members::read_in_any_case(&input.body, Format::Json, ""));
        },
        inputs: vec![
            Input::body(VALID, valid),
            Input::body(
                "1,850 distinct ids",
                member("0,\"activitySessionIds\":[", "]", &|n| {
                    format!("{}\"{n:032}\"", comma(n))
                }),
            ),
            Input::body(
                "distinct members",
                object("", "", &|n| format!("{}\"m{n}\":0", comma(n))),
            ),
            Input::body(
                "one member, repeated",
                object("", "", &|n| format!("{}\"m\":0", comma(n))),
            ),
            Input::body(
                "long names that differ at the end",
                object("", "", &|n| format!("{}\"{}{n}\":0", comma(n), "m".repeat(900))),
            ),
            Input::body(
                "distinct members of a member",
                member("{", "}", &|n| format!("{}\"m{n}\":0", comma(n))),
            ),
            Input::body(
                "distinct members of a member, backwards",
                member("{", "}", &|n| format!("{}\"m{:05}\":0", comma(n), 99_999 - n)),
            ),
            Input::body("deep arrays", member("", "", &|_| "[".to_owned())),
            Input::body("deep objects", member("", "", &|_| "{\"a\":".to_owned())),
            Input::body(
                "arrays as deep as they may be",
                member("[", "]", &|n| {
                    format!("{}{}{}", comma(n), "[".repeat(120), "]".repeat(120))
                }),
            ),
            Input::body("empty arrays", member("[", "]", &|n| format!("{}[]", comma(n)))),
            Input::body("arrays of one", member("[", "]", &|n| format!("{}[0]", comma(n)))),
            Input::body(
                "empty objects",
                member("[", "]", &|n| format!("{}{{}}", comma(n))),
            ),
            Input::body(
                "objects of one",
                member("[", "]", &|n| format!("{}{{\"\":0}}", comma(n))),
            ),
            Input::body("empty texts", member("[", "]", &|n| format!("{}\"\"", comma(n)))),
            Input::body("short texts", member("[", "]", &|n| format!("{}\"x\"", comma(n)))),
            Input::body("numbers", member("[", "]", &|n| format!("{}1", comma(n)))),
            Input::body("fractions", member("[", "]", &|n| format!("{}1e9", comma(n)))),
            Input::body(
                "long fractions",
                member("[", "]", &|n| format!("{}{n}.{}e-300", comma(n), "9".repeat(40))),
            ),
            Input::body("one long number", member("", "", &|_| "9".to_owned())),
            Input::body("one long fraction", member("0.", "", &|_| "9".to_owned())),
            Input::body("literals", member("[", "]", &|n| format!("{}null", comma(n)))),
            Input::body("one text", text("x")),
            Input::body("one text beyond ASCII", text("\u{10ffff}")),
            Input::body("escapes", text("\\n")),
            Input::body("escaped characters", text("\\u00e9")),
            Input::body("escaped pairs", text("\\ud83d\\ude00")),
            Input::body("halves of pairs", text("\\ud83d")),
            Input::body("blanks", object("", "", &|_| " ".to_owned())),
            Input::body("no object", vec![b'['; MAX_BODY_BYTES]),
            Input::body("no text", vec![0xff; MAX_BODY_BYTES]),
        ],
    }
}

fn accept() -> Result<Reader, Failure> {
    let list = |part: &dyn Fn(usize) -> String| filled(MAX_ACCEPT_BYTES, "", "application/json", part);
    let input = |name, value: String| Input::header(name, ACCEPT, &value);
    Ok(Reader {
        name: "Accept",
        read: |input| {
            black_box(accepted(&input.headers, Media::ApplicationJson));
        },
        inputs: vec![
            input(VALID, list(&|n| format!("application/vnd.type-{n}+json;q=0.5,")))?,
            input("short types", list(&|_| "a/a,".to_owned()))?,
            input("everything", list(&|_| "*/*,".to_owned()))?,
            input("everything, with a quality", list(&|n| format!("*/*;q=0.{n},")))?,
            input(
                "parameters",
                filled(MAX_ACCEPT_BYTES, "application/json", "", |n| format!(";a{n}=b")),
            )?,
            input(
                "types with parameters",
                list(&|_| "application/json;a=b;c=d;e=f,".to_owned()),
            )?,
            input("quoted parameters", list(&|_| "a/b;c=\"\\\"\",".to_owned()))?,
            input("a quote that never ends", list(&|_| "\"".to_owned()))?,
            input("commas", list(&|_| ",".to_owned()))?,
            input("blanks", list(&|_| " ".to_owned()))?,
            input("no type", list(&|_| "x".to_owned()))?,
            input(
                "more than is read",
                filled(MAX_HEADER_BYTES, "", "application/json", |_| "a/a,".to_owned()),
            )?,
        ],
    })
}

fn content_type() -> Result<Reader, Failure> {
    let list =
        |part: &dyn Fn(usize) -> String| filled(MAX_HEADER_BYTES, "application/json", ";charset=utf-8", part);
    let input = |name, value: String| Input::header(name, CONTENT_TYPE, &value);
    Ok(Reader {
        name: "Content-Type",
        read: |input| {
            black_box(Media::of_body(&input.headers));
        },
        inputs: vec![
            input(VALID, list(&|n| format!("; parameter-{n}=value")))?,
            input("short parameters", list(&|_| ";a=b".to_owned()))?,
            input("character sets", list(&|_| ";charset=x".to_owned()))?,
            input("quoted parameters", list(&|_| ";a=\"\\\"\"".to_owned()))?,
            input("semicolons", list(&|_| ";".to_owned()))?,
            input("blanks", list(&|_| " ".to_owned()))?,
        ],
    })
}

fn token() -> Result<Token, Failure> {
    Ok(Token::issue(
        &Company::try_from("1")?,
        &Login::try_from("alice")?,
    )?)
}

fn cookies() -> Result<Reader, Failure> {
    let session = format!("JSESSIONID={}", token()?.reveal());
    let list = |part: &dyn Fn(usize) -> String| filled(MAX_HEADER_BYTES, "", &session, part);
    let input = |name, value: String| Input::header(name, COOKIE, &value);
    Ok(Reader {
        name: "Cookie",
        read: |input| {
            let _ = black_box(sdm::session_token(&input.headers));
        },
        inputs: vec![
            input(VALID, list(&|n| format!("cookie-{n}=value; ")))?,
            input("short cookies", list(&|_| "a=b; ".to_owned()))?,
            input("empty cookies", list(&|_| "=;".to_owned()))?,
            input("semicolons", list(&|_| ";".to_owned()))?,
            input("equals signs", list(&|_| "=".to_owned()))?,
            input("sessions that are equal", list(&|_| format!("{session}; ")))?,
            input("sessions that differ", list(&|n| format!("JSESSIONID={n}; ")))?,
            input("one long cookie", list(&|_| "x".to_owned()))?,
        ],
    })
}

fn bearer() -> Result<Reader, Failure> {
    let random = "x".repeat(43);
    let list = |before: &str, part: &dyn Fn(usize) -> String| {
        filled(MAX_HEADER_BYTES, &format!("Bearer {before}"), "", part)
    };
    let input = |name, value: String| Input::header(name, AUTHORIZATION, &value);
    // As long a token as the limit for logins allows, with blanks that are no part of it.
    let valid = list("", &|_| " ".to_owned());
    let valid = valid[..valid.len() - token()?.reveal().len()].to_owned() + token()?.reveal();
    Ok(Reader {
        name: "bearer token",
        read: |input| {
            let _ = black_box(netwrix::bearer_token(&input.headers));
        },
        inputs: vec![
            input(VALID, valid)?,
            input("dots", list("", &|_| ".".to_owned()))?,
            input("letters", list("", &|_| "x".to_owned()))?,
            input(
                "a long login",
                list(&format!("{random}.MS9h"), &|_| "YWFh".to_owned()),
            )?,
            // U+0315 and U+0300, which composition puts into another order.
            input(
                "a login of combining characters",
                list(&format!("{random}.MS9h"), &|_| "zJXMgMyV".to_owned()),
            )?,
        ],
    })
}

fn lease() -> Result<Reader, Failure> {
    let list = |after: &str, part: &dyn Fn(usize) -> String| filled(MAX_HEADER_BYTES, "", after, part);
    let input = |name, value: String| {
        let mut input = Input::header(name, HeaderName::from_static("timeout"), &value)?;
        input.body = b"{\"type\":\"Lock\"}".to_vec();
        Ok::<_, Failure>(input)
    };
    Ok(Reader {
        name: "Timeout",
        read: |input| {
            let _ = black_box(sdm::action(&input.headers, Media::ApplicationJson, &input.body));
        },
        inputs: vec![
            input(VALID, list("Second-600", &|n| format!("Extend-{n}, ")))?,
            input("short values", list("", &|_| "a,".to_owned()))?,
            input("commas", list("", &|_| ",".to_owned()))?,
            input("dashes", list("", &|_| "-,".to_owned()))?,
            input(
                "one long number",
                list("", &|n| {
                    if n == 0 {
                        "Second-".to_owned()
                    } else {
                        "9".to_owned()
                    }
                }),
            )?,
        ],
    })
}

fn table(figures: &[Figure]) -> String {
    let mut table = Table::new(&["", "bytes", "µs", "times a valid body"]);
    for figure in figures {
        table.row([
            format!("{}: {}", figure.reader, figure.input),
            figure.bytes.to_string(),
            digits(figure.microseconds),
            digits(figure.times_valid_body),
        ]);
    }
    table.finish()
}
