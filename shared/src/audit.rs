//! The audit line: who tried what on what, from where, and how it ended.
//!
//! A handler notes what it learns, in the order in which it learns it; the runtime writes the one line when the answer is
//! known. Changes of locks are in the history and have no line.

use std::sync::OnceLock;

use crate::id::{Company, Login};
use crate::lock::Origin;
use crate::target::Target;
use crate::telemetry::Tally;

/// How many targets of a batch a line names. The line also says how many there were.
pub const MAX_TARGETS: usize = 10;

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Taking or renewing a lock.
    Lock,
    /// Giving a lock back.
    Unlock,
    /// One of the two: the body that would say which cannot be read.
    ChangeLock,
    /// Ending someone else's lock.
    Break,
    /// Signing in, either step.
    SignIn,
    /// Signing out.
    SignOut,
    /// Reading the history.
    ReadHistory,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::ChangeLock => "change-lock",
            Self::Break => "break",
            Self::SignIn => "sign-in",
            Self::SignOut => "sign-out",
            Self::ReadHistory => "read-history",
        }
    }

    /// Whether a line is written of what went well, too. The history has the locks that changed.
    const fn tells_success(self) -> bool {
        matches!(self, Self::SignIn | Self::SignOut | Self::ReadHistory)
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// The password was right; the second step follows.
    PasswordAccepted,
    /// A wrong password.
    WrongPassword,
    /// A wrong code after a right password.
    WrongCode,
    /// A code that was accepted before, or of a second factor that has changed since.
    StaleCode,
    /// A wrong API key.
    WrongKey,
    /// Nobody has this login.
    UnknownLogin,
    /// Too many failures from this source.
    ClosedSource,
    /// Too many failures from all sources that the user has not signed in from.
    ClosedToStrangers,
    /// The account is locked.
    LockedAccount,
    /// The account is disabled.
    DisabledAccount,
    /// The user's secrets changed while they were checked.
    ChangedSecrets,
    /// No valid token.
    Unauthenticated,
    /// The caller may not.
    Forbidden,
    /// The target is not there, in the caller's company.
    NotFound,
    /// Someone else holds the lock.
    HeldByOther,
    /// The caller's lock was broken, and the hold-off is not over.
    HeldOff,
    /// The fence that the caller names is not that of the lock.
    OtherTenure,
    /// The lock to be broken is the caller's own.
    YourOwnLock,
    /// The service failed.
    Failed,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::PasswordAccepted => "password_accepted",
            Self::WrongPassword => "wrong_password",
            Self::WrongCode => "wrong_code",
            Self::StaleCode => "stale_code",
            Self::WrongKey => "wrong_key",
            Self::UnknownLogin => "unknown_login",
            Self::ClosedSource => "closed_source",
            Self::ClosedToStrangers => "closed_to_strangers",
            Self::LockedAccount => "locked_account",
            Self::DisabledAccount => "disabled_account",
            Self::ChangedSecrets => "changed_secrets",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::HeldByOther => "held_by_other",
            Self::HeldOff => "held_off",
            Self::OtherTenure => "other_tenure",
            Self::YourOwnLock => "your_own_lock",
            Self::Failed => "failed",
        }
    }

    const fn is_failed_sign_in(self) -> bool {
        !matches!(self, Self::Success | Self::PasswordAccepted | Self::Failed)
    }

    /// What the answer says, where no handler has said more; `None` where nobody was denied anything.
    const fn of_answer(status: u16, tally: Tally, has_failed: bool) -> Option<Self> {
        use crate::lock::Label;
        if has_failed || status >= 500 {
            return Some(Self::Failed);
        }
        match (status, tally) {
            (200..=299, _) => Some(Self::Success),
            (_, Tally::Lock(Label::HeldOff)) => Some(Self::HeldOff),
            (_, Tally::Lock(Label::OtherTenure)) => Some(Self::OtherTenure),
            (_, Tally::Lock(Label::YourOwnLock)) => Some(Self::YourOwnLock),
            (409 | 423, _) | (_, Tally::Lock(Label::HeldByOther)) => Some(Self::HeldByOther),
            // Aktion answers 403 where there was nothing to change.
            (_, Tally::Lock(_)) => None,
            (401, _) => Some(Self::Unauthenticated),
            (403, _) => Some(Self::Forbidden),
            (404, _) => Some(Self::NotFound),
            // Malformed: it could not have been carried out for anyone.
            _ => None,
        }
    }
}

/// What the handler of one request has learnt. The first note of a kind stays.
#[derive(Debug, Default)]
pub struct Notes {
    action: OnceLock<Action>,
    actor: OnceLock<(Company, Login)>,
    targets: OnceLock<(String, usize)>,
    outcome: OnceLock<Outcome>,
}

impl Notes {
    /// What is tried. Without it, the request has no audit line.
    pub fn action(&self, action: Action) -> &Self {
        let _ = self.action.set(action);
        self
    }

    /// Who acts: proved, or a login that exists and whose secret was not proved. A login that does not exist is never
    /// noted: it may be a password, typed into the wrong field.
    pub fn actor(&self, company: &Company, login: &Login) -> &Self {
        let _ = self.actor.set((company.clone(), login.clone()));
        self
    }

    /// What it is about.
    pub fn target(&self, target: &Target) -> &Self {
        self.targets(std::slice::from_ref(target))
    }

    /// What a batch is about.
    pub fn targets(&self, targets: &[Target]) -> &Self {
        let named: Vec<String> = targets.iter().take(MAX_TARGETS).map(Target::to_string).collect();
        let _ = self.targets.set((named.join(" "), targets.len()));
        self
    }

    /// Whose history is read.
    pub fn history_of(&self, actor: &str) -> &Self {
        let _ = self.targets.set((format!("actor/{actor}"), 1));
        self
    }

    /// How it ended, where the answer does not say it.
    pub fn outcome(&self, outcome: Outcome) -> &Self {
        let _ = self.outcome.set(outcome);
        self
    }

    /// How the request ended, where it has an audit line.
    fn ended(&self, status: u16, tally: Tally, has_failed: bool) -> Option<(Action, Outcome)> {
        let action = *self.action.get()?;
        let by_answer = Outcome::of_answer(status, tally, has_failed)?;
        let outcome = match self.outcome.get() {
            Some(noted) if by_answer != Outcome::Failed => *noted,
            _ => by_answer,
        };
        let is_told = match outcome {
            Outcome::Success => action.tells_success(),
            // Nobody was denied anything. Of a sign-in even this is told.
            Outcome::Failed => action == Action::SignIn,
            _ => true,
        };
        is_told.then_some((action, outcome))
    }

    /// Writes the line, where the request has one, and says how the request counts.
    #[must_use]
    pub fn log(&self, status: u16, tally: Tally, has_failed: bool, origin: &Origin) -> Tally {
        let Some((action, outcome)) = self.ended(status, tally, has_failed) else {
            return tally;
        };
        let (company, login) = self.actor.get().map(|(c, l)| (c.as_str(), l.as_str())).unzip();
        let (target, targets) = self.targets.get().map(|(t, n)| (t.as_str(), *n as u64)).unzip();
        tracing::info!(
            audit = true,
            action = action.as_str(),
            outcome = outcome.as_str(),
            actor = login,
            company,
            target,
            targets,
            source = origin.source.as_str(),
            dialect = &*origin.dialect,
            "audit: {} {}",
            action.as_str(),
            outcome.as_str(),
        );
        let is_failed_sign_in = action == Action::SignIn && outcome.is_failed_sign_in();
        match tally {
            Tally::Status(_) if is_failed_sign_in => Tally::FailedSignIn,
            tally => tally,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::Label;

    #[test]
    fn a_batch_names_its_first_targets_and_counts_all() {
        let targets: Vec<Target> = (0..=MAX_TARGETS)
            .map(|n| Target::parse("device", &format!("ID{n}")).unwrap())
            .collect();
        let notes = Notes::default();
        let (named, count) = notes.targets(&targets).targets.get().unwrap();
        assert_eq!((named.split(' ').count(), *count), (MAX_TARGETS, MAX_TARGETS + 1));
        assert!(named.starts_with("device/ID0 device/ID1 "), "{named}");
    }

    #[test]
    fn what_was_denied_has_a_line_and_what_was_done_or_malformed_has_none() {
        let lock = |status, tally, failed| Notes::default().action(Action::Lock).ended(status, tally, failed);
        let denied = |outcome| Some((Action::Lock, outcome));
        for status in [200, 204, 400, 413, 415, 500, 503] {
            assert_eq!(lock(status, Tally::Status(status), false), None, "{status}");
        }
        assert_eq!(
            lock(401, Tally::Status(401), false),
            denied(Outcome::Unauthenticated)
        );
        assert_eq!(lock(403, Tally::Status(403), false), denied(Outcome::Forbidden));
        assert_eq!(lock(404, Tally::Status(404), false), denied(Outcome::NotFound));
        assert_eq!(lock(423, Tally::Status(423), false), denied(Outcome::HeldByOther));
        let aktion = |label| lock(403, Tally::Lock(label), false);
        assert_eq!(aktion(Label::HeldByOther), denied(Outcome::HeldByOther));
        assert_eq!(aktion(Label::AlreadyHeld), None);
        assert_eq!(aktion(Label::WasFree), None);
        assert_eq!(
            lock(403, Tally::Status(403), true),
            None,
            "a failure in Aktion's words"
        );
        let silent = Notes::default();
        assert_eq!(silent.ended(401, Tally::Status(401), false), None);
    }
}
