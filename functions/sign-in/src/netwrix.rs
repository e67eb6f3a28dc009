//! Netwrix Privilege Secure: a password, then a code, then a bearer token.

use holdfast::audit::{Action, Outcome};
use holdfast::dialect::netwrix::{self, Refusal};
use holdfast::dialect::{Fields, sentence};
use holdfast::failure::Failure;
use holdfast::id::Login;
use holdfast::identity::{SecondFactor, identify, renew_token, second_factor};
use holdfast::runtime::{self, App};
use holdfast::secret::{Code, Password, Token};
use holdfast::store::SessionKind;
use lambda_http::{Body, Request, Response};
use serde_json::Value;

use crate::password::PasswordRefusal;

/// What a wrong password and an unknown login are told alike.
const WRONG_CREDENTIALS: &str = "The login or password is wrong.";
/// What a wrong, an old and one code too many are told alike.
const WRONG_CODE: &str = "The code is wrong.";

/// `POST /signinBody`
pub(crate) async fn first_step(app: &App, request: &Request) -> Response<Body> {
    netwrix::answer(request, password(app, request).await.map(|token| bare(&token)))
}

/// `POST /signin2fa`
pub(crate) async fn second_step(app: &App, request: &Request) -> Response<Body> {
    netwrix::answer(request, code(app, request).await.map(|token| bare(&token)))
}

/// `GET /api/v1/UserToken`
pub(crate) async fn renewal(app: &App, request: &Request) -> Response<Body> {
    netwrix::answer(request, renew(app, request).await.map(|token| bare(&token)))
}

/// A token as the dialect hands it out: a bare JSON string.
fn bare(token: &Token) -> Response<Body> {
    netwrix::ok(&token.reveal())
}

async fn password(app: &App, request: &Request) -> Result<Token, Refusal> {
    let notes = runtime::audit(request);
    notes.action(Action::SignIn);
    let body = runtime::body(request);
    netwrix::media(request.headers(), body)?;
    let opened =
        crate::password::open(app, request, credentials(body)?, SessionKind::NetwrixFirstFactor).await?;
    let (token, _) = opened.map_err(|refusal| match refusal {
        PasswordRefusal::Wrong => Refusal::Unauthorized(WRONG_CREDENTIALS),
        // Only who has the right password learns that the account is locked.
        PasswordRefusal::Locked(lock) => Refusal::account_locked(&lock),
    })?;
    notes.outcome(Outcome::PasswordAccepted);
    Ok(token)
}

fn credentials(body: &[u8]) -> Result<(Login, Password), Refusal> {
    let members = netwrix::members(body).map_err(Refusal::Invalid)?;
    let mut fields = Fields::new(&members, netwrix::words);
    let (login, password) = (required(&mut fields, "login"), required(&mut fields, "password"));
    let (login, password) = fields.finish((login, password)).map_err(Refusal::Invalid)?;
    let login = Login::try_from(login)
        .map_err(|invalid| Refusal::invalid("login", sentence(&invalid.to_string())))?;
    Ok((login, Password::new(password)))
}

/// A text, which may be empty: a password is what it is.
fn required<'a>(fields: &mut Fields<'a>, name: &'static str) -> &'a str {
    fields.parsed(name, |value| {
        value
            .and_then(Value::as_str)
            .ok_or_else(|| format!("The {name} field is required and must be a string."))
    })
}

async fn code(app: &App, request: &Request) -> Result<Token, Refusal> {
    let notes = runtime::audit(request);
    notes.action(Action::SignIn);
    let body = runtime::body(request);
    netwrix::media_or_text(request.headers(), body)?;
    let token = netwrix::bearer_token(request.headers())?;
    // What is wrong with the code is told only to a caller whose token is right; reading it needs no store.
    let code = bare_code(body);
    let (now, request_id) = (app.clock.now(), runtime::request_id(request));
    let Some(code) = code else {
        return Err(malformed_code(app, &token).await);
    };
    let source = runtime::source(request);
    let keys = app.sealing_keys.as_ref();
    let keys = keys.ok_or_else(|| Failure::Defect("sign-in was started without keys".to_owned()))?;
    let result = second_factor(&app.store, keys, &token, &code, source, now, &request_id).await?;
    // What the token says of its bearer is proved by every other end.
    if !matches!(result, SecondFactor::Unauthenticated) {
        notes.actor(token.company(), token.login());
    }
    match result {
        SecondFactor::Accepted(token) => Ok(token),
        SecondFactor::Unauthenticated => Err(Refusal::unauthorized()),
        SecondFactor::Rejected(why) => {
            notes.outcome(why);
            Err(Refusal::Guess(WRONG_CODE))
        }
        SecondFactor::Stale => {
            notes.outcome(Outcome::StaleCode);
            Err(Refusal::Unauthorized(WRONG_CODE))
        }
    }
}

async fn malformed_code(app: &App, token: &Token) -> Refusal {
    let kinds = [SessionKind::NetwrixFirstFactor];
    match identify(&app.store, token, &kinds, &[], app.clock.now()).await {
        Ok(_) => Refusal::invalid("$", "The body must be a code of six digits, or NA."),
        Err(why) => why.into(),
    }
}

/// The code in a body that is a bare number, a bare text or a JSON string. It is read as text first: as a JSON
/// number a code would lose its leading zeros, or be no JSON at all.
fn bare_code(body: &[u8]) -> Option<Code> {
    let text = std::str::from_utf8(body)
        .ok()?
        .trim_start_matches('\u{feff}')
        .trim();
    if text.starts_with('"') {
        let text: String = serde_json::from_str(text).ok()?;
        Code::parse(text.trim())
    } else {
        Code::parse(text)
    }
}

async fn renew(app: &App, request: &Request) -> Result<Token, Refusal> {
    let token = netwrix::bearer_token(request.headers())?;
    let now = app.clock.now();
    let (caller, _) = identify(&app.store, &token, &[SessionKind::Netwrix], &[], now).await?;
    let request_id = runtime::request_id(request);
    Ok(renew_token(&app.store, &caller, now, &request_id).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_keeps_its_leading_zeros_however_it_is_sent() {
        for body in [
            "000123",
            "\"000123\"",
            " 000123\r\n",
            "\u{feff}000123",
            "\"000123 \"",
        ] {
            assert!(bare_code(body.as_bytes()).is_some(), "{body:?}");
        }
        assert!(bare_code(b"NA").is_some_and(|code| code.is_not_applicable()));
        assert!(bare_code(b"\"NA\"").is_some_and(|code| code.is_not_applicable()));
        for body in [
            "",
            "123",
            "null",
            "{}",
            "[\"000123\"]",
            "\"000123",
            "1e5",
            "123456.0",
            "-12345",
        ] {
            assert!(bare_code(body.as_bytes()).is_none(), "{body:?}");
        }
        assert!(bare_code(b"\xff").is_none());
    }
}
