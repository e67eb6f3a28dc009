use std::collections::HashSet;
use std::num::NonZero;

use futures_util::stream::{StreamExt, TryStreamExt, iter};
use holdfast::failure::Failure;
use holdfast::id::Login;
use holdfast::secret::{Password, PasswordHash, Passwords};

use crate::entry::Secret;
use crate::file::Directory;
use crate::live::Live;
use crate::watch::Watch;

/// The people with a password in the file that is the one in the tables. Verifying a password takes tens of
/// milliseconds, on purpose: all processors do so at once, and a `password_hash`, which is compared as text, needs none of it.
///
/// # Errors
/// [`Failure::Defect`] where a worker thread is lost.
pub async fn proven(
    directory: &Directory,
    live: &Live,
    watch: &dyn Watch,
) -> Result<HashSet<Login>, Failure> {
    let questions: Vec<(Login, Password, PasswordHash)> = directory
        .users
        .iter()
        .filter_map(|user| {
            let Some(Secret::Password { password, .. }) = &user.secrets.password else {
                return None;
            };
            let known = live.users.get(&user.login).filter(|live| !live.row.is_removed)?;
            let hash = known.credential.as_ref()?.password_hash.clone();
            (!hash.is_of_nobody()).then(|| (user.login.clone(), password.clone(), hash))
        })
        .collect();
    watch.begin("passwords verified", questions.len());
    let passwords = Passwords::default();
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let answers = iter(questions)
        .map(async |(login, password, hash)| {
            let matches = passwords.verify(password, Some(hash)).await?;
            watch.step();
            Ok::<_, Failure>(matches.then_some(login))
        })
        // One more than they are, so that none waits for the next question.
        .buffer_unordered(processors + 1)
        .try_collect::<Vec<_>>()
        .await;
    watch.end();
    Ok(answers?.into_iter().flatten().collect())
}
