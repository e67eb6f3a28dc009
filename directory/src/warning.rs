//! Who would be unable to sign in.

use crate::entry::{Secret, UserEntry};
use crate::file::Directory;
use crate::live::{Live, LiveUser};

/// One line for each of the file's people who can do nothing with the sign-in that the plan leaves them.
pub(crate) fn of(directory: &Directory, live: &Live) -> Vec<String> {
    directory
        .users
        .iter()
        .flat_map(|user| {
            // Someone who comes back has none of the secrets that they had.
            let known = live.users.get(&user.login).filter(|live| !live.row.is_removed);
            let is_disabled = user.disabled.unwrap_or(known.is_some_and(LiveUser::is_disabled));
            let lines = if is_disabled {
                Vec::new()
            } else {
                of_user(user, known)
            };
            lines
                .into_iter()
                .map(|line| format!("{}: {line}", user.subject()))
        })
        .collect()
}

fn of_user(user: &UserEntry, known: Option<&LiveUser>) -> Vec<&'static str> {
    let known = known.and_then(|live| live.credential.as_ref());
    let mut lines = Vec::new();
    match &user.secrets.password {
        Some(Secret::Password { is_empty: true, .. }) => {
            lines.push("its password is empty, and an empty password opens nothing");
        }
        None if known.is_none_or(|known| known.password_hash.is_of_nobody()) => {
            lines.push(
                "it has no password: give password or password_hash, or use `holdfast people set-password`",
            );
        }
        _ => {}
    }
    let has_totp = user.secrets.totp.is_some() || known.is_some_and(|known| known.totp.is_some());
    if user.mfa_required && !has_totp {
        lines.push(
            "a second factor is required and there is none: give totp_secret, or \"mfa\": \"not-required\"",
        );
    }
    lines
}
