use std::collections::HashSet;
use std::num::NonZero;

use futures_util::stream::{StreamExt, TryStreamExt, iter};
use holdfast::failure::Failure;
use holdfast::id::Login;
use holdfast::secret::{Password, PasswordHash, Passwords, SealingKeys};

use crate::entry::Secret;
use crate::file::Directory;
use crate::live::{Live, UnreadableTables};
use crate::watch::Watch;

/// The people whose secrets in the file are those in the tables, which nobody can tell from how they are stored.
#[derive(Clone, Debug, Default)]
pub struct Proven {
    /// Whose password verifies.
    pub(crate) passwords: HashSet<Login>,
    /// Whose second factor opens to the same.
    pub(crate) second_factors: HashSet<Login>,
}

impl Proven {
    /// Compares the secrets of the file with those in the tables. Verifying a password takes tens of milliseconds, on purpose: all
    /// processors do so at once, and a `password_hash`, which is compared as text, needs none of it. Second factors are opened with
    /// `keys`, without which none is compared.
    ///
    /// # Errors
    /// [`UnreadableTables::Sealed`] where a second factor is not opened by any key, and [`UnreadableTables::Failed`] where a worker
    /// thread is lost.
    pub async fn find(
        directory: &Directory,
        live: &Live,
        keys: Option<&SealingKeys>,
        watch: &dyn Watch,
    ) -> Result<Self, UnreadableTables> {
        Ok(Self {
            second_factors: second_factors(directory, live, keys)?,
            passwords: passwords(directory, live, watch).await?,
        })
    }
}

/// Whose second factor in the file is the one in the tables.
pub(crate) fn second_factors(
    directory: &Directory,
    live: &Live,
    keys: Option<&SealingKeys>,
) -> Result<HashSet<Login>, UnreadableTables> {
    let mut same = HashSet::new();
    let Some(keys) = keys else { return Ok(same) };
    for user in &directory.users {
        let known = live.users.get(&user.login).filter(|live| !live.row.is_removed);
        let known = known.and_then(|live| live.credential.as_ref()?.totp.as_ref());
        let (Some(wanted), Some(known)) = (&user.secrets.totp, known) else {
            continue;
        };
        let opened = keys.unseal(known, &user.login);
        let opened = opened.map_err(|why| UnreadableTables::Sealed {
            login: user.login.clone(),
            why,
        })?;
        if opened.reveal() == wanted.reveal() {
            same.insert(user.login.clone());
        }
    }
    Ok(same)
}

async fn passwords(directory: &Directory, live: &Live, watch: &dyn Watch) -> Result<HashSet<Login>, Failure> {
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
