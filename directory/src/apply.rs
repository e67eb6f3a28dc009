//! Carries a plan out: many writes at once, each under the revision that the plan saw.

use std::collections::{BTreeSet, HashSet};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream::{StreamExt, iter};
use holdfast::failure::Failure;
use holdfast::id::{Company, Login, ResourceId};
use holdfast::lock::Writer;
use holdfast::secret::{PasswordHash, SealingKeys, hash_password};
use holdfast::store::{OperatorResult, Retries, Store};
use serde::Serialize;
use thiserror::Error;
use tokio::sync::Semaphore;

use crate::entry::{Secret, Subject};
use crate::outcome::{Outcome, judge, keys};
use crate::plan::{Counts, Deed, Plan, Step, Write};
use crate::watch::Watch;
use crate::write::{NameTaken, StoredSecrets, of_company, of_device, of_resource, of_session, of_user};

/// How many steps are under way at once, unless something else is asked for.
pub const PARALLEL: usize = 64;

/// How often a step goes on from a row whose lock has moved.
const ROUNDS: u32 = 5;
/// How often a step that found the store unavailable goes through all its retries, of two seconds each.
const PATIENCE: u32 = 8;

/// How a plan is carried out.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The tables.
    pub store: &'a Store,
    /// What seals second factors; a plan that writes none needs no keys.
    pub keys: Option<&'a SealingKeys>,
    /// Who writes, and when. Its request names the run.
    pub by: &'a Writer,
    /// How many steps are under way at once.
    pub parallel: usize,
    /// Who follows it.
    pub watch: &'a dyn Watch,
}

/// Why a step is not done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StepError {
    /// Somebody else changed the entry since it was planned on.
    #[error("has been changed since it was planned: plan again")]
    Moved,
    /// Its name leads to another resource.
    #[error("has a name that leads to resource/{0}: apply again once that has another name or is removed")]
    NameTaken(ResourceId),
    /// The password cannot be hashed: the system lacks memory or randomness, or has lost the thread.
    #[error("has a password that cannot be hashed: {0}")]
    Unhashed(String),
    /// The second factor cannot be sealed: it is too long, or no key is given.
    #[error("has a second factor that cannot be sealed: {0}")]
    Unsealed(String),
    /// The store failed. The steps after this one are not tried.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A step that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// Which entry.
    pub subject: Subject,
    /// Why.
    pub why: StepError,
}

/// What became of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// What was done.
    pub done: Done,
    /// What was not, and why.
    pub undone: Vec<Undone>,
    /// The steps that were not tried, because the store failed before.
    pub untried: usize,
}

/// How many entries were created, changed and removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Created, or back after they were removed.
    pub created: usize,
    /// Changed.
    pub changed: usize,
    /// Removed.
    pub removed: usize,
}

impl Done {
    fn count(&mut self, deed: Deed) {
        match deed {
            Deed::Create | Deed::Return => self.created += 1,
            Deed::Change => self.changed += 1,
            Deed::Remove => self.removed += 1,
        }
    }
}

impl Applied {
    /// Whether everything that `plan` counted was done.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.undone.is_empty() && self.untried == 0
    }
}

impl Plan {
    /// Carries the plan out. A run that is interrupted is repeated with a plan of its own, and ends in the same state: each step
    /// is one transaction.
    pub async fn apply(self, work: Work<'_>) -> Applied {
        let Counts {
            created,
            changed,
            removed,
            ..
        } = self.counts();
        let mut run = Run {
            work,
            hashing: Semaphore::new(std::thread::available_parallelism().map_or(1, NonZero::get)),
            has_failed: AtomicBool::new(false),
            applied: Applied::default(),
        };
        work.watch.begin("entries written", created + changed + removed);
        let gone = Gone::of(&self.steps);
        let (removals, others): (Vec<_>, Vec<_>) =
            self.steps.into_iter().partition(|step| step.deed == Deed::Remove);
        let (sessions, others) =
            (others.into_iter()).partition(|step| matches!(step.write, Write::ActivitySession(_)));
        // What is removed comes first, for a name may go on to another entry, and activity sessions last, for they are
        // of people and resources.
        run.steps(removals).await;
        run.end_locks_of(gone).await;
        run.steps(others).await;
        run.steps(sessions).await;
        work.watch.end();
        run.applied
    }
}

/// The people and resources that are gone between the removals of a plan and what comes after.
#[derive(Debug, Default)]
struct Gone {
    companies: BTreeSet<Company>,
    users: HashSet<Login>,
    resources: HashSet<ResourceId>,
}

impl Gone {
    fn of(steps: &[Step]) -> Self {
        let mut gone = Self::default();
        let steps = steps
            .iter()
            .filter(|step| matches!(step.deed, Deed::Remove | Deed::Return));
        for step in steps {
            match &step.write {
                Write::User(user) => {
                    let before = user.before.as_ref().map(|before| before.row.entry.login.clone());
                    gone.users.extend(before);
                }
                Write::Resource(resource) => {
                    gone.resources
                        .extend(resource.before.as_ref().map(|before| before.entry.id));
                }
                _ => continue,
            }
            gone.companies.insert(step.subject.company.clone());
        }
        gone
    }
}

struct Run<'a> {
    work: Work<'a>,
    /// A permit for each processor: hashing more at once only takes more memory.
    hashing: Semaphore,
    has_failed: AtomicBool,
    applied: Applied,
}

impl Run<'_> {
    async fn steps(&mut self, steps: Vec<Step>) {
        let this = &*self;
        let results: Vec<_> = iter(steps)
            .map(async |step| {
                let result = this.step(step.write).await;
                this.work.watch.step();
                (step.subject, step.deed, result)
            })
            .buffer_unordered(this.work.parallel.max(1))
            .collect()
            .await;
        for (subject, deed, result) in results {
            match result {
                None => self.applied.untried += 1,
                Some(Ok(())) => self.applied.done.count(deed),
                Some(Err(why)) => self.applied.undone.push(Undone { subject, why }),
            }
        }
    }

    /// Ends the locks on the pairs of what is gone. It is repeated before anything comes back, for what was under way.
    async fn end_locks_of(&mut self, gone: Gone) {
        if self.has_failed.load(Ordering::Relaxed) {
            return;
        }
        for company in &gone.companies {
            let is_gone =
                |resource, login: &Login| gone.resources.contains(&resource) || gone.users.contains(login);
            let ended = self
                .work
                .store
                .end_locks_on_pairs(company, self.work.by, is_gone)
                .await;
            if let Err(failure) = ended {
                self.has_failed.store(true, Ordering::Relaxed);
                let subject = Subject {
                    kind: crate::EntryKind::Company,
                    company: company.clone(),
                    id: company.to_string(),
                };
                self.applied.undone.push(Undone {
                    subject,
                    why: failure.into(),
                });
            }
        }
    }

    /// Carries one step out; `None` where the store has failed, and there is no use in trying.
    async fn step(&self, write: Write) -> Option<Result<(), StepError>> {
        if self.has_failed.load(Ordering::Relaxed) {
            return None;
        }
        let result = self.try_step(write).await;
        if matches!(result, Err(StepError::Failed(_))) {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        Some(result)
    }

    async fn try_step(&self, mut write: Write) -> Result<(), StepError> {
        let stored = &self.secrets(&write).await?;
        for _ in 0..ROUNDS {
            if self.write(&write, stored).await? {
                return Ok(());
            }
            let found = self.work.store.stored(&keys(&write)).await?;
            write = match judge(&write, &found, stored).map_err(Failure::from)? {
                Outcome::Done => return Ok(()),
                Outcome::AsPlanned(write) => *write,
                Outcome::Moved => return Err(StepError::Moved),
            };
        }
        Err(StepError::Moved)
    }

    /// Writes the rows of a step; false where one of them is not as it was seen.
    async fn write(&self, write: &Write, stored: &StoredSecrets) -> Result<bool, StepError> {
        let Work { store, by, .. } = self.work;
        let writes = match write {
            Write::Company(step) => of_company(step),
            Write::Device(step) => of_device(step, by),
            Write::User(step) => of_user(step, stored, by),
            Write::ActivitySession(session) => of_session(session, by),
            Write::Resource(step) => match of_resource(store, step).await? {
                Ok(writes) => writes,
                Err(NameTaken(holder)) => return Err(StepError::NameTaken(holder)),
            },
        };
        let mut round = 1;
        let mut retries = Retries::of_conflicts();
        loop {
            match store.write_as_operator(&writes, by).await {
                Ok(result) => return Ok(result == OperatorResult::Made),
                Err(Failure::Unavailable(_)) if retries.again().await => {}
                Err(Failure::Unavailable(_)) if round < PATIENCE => {
                    round += 1;
                    retries = Retries::of_conflicts();
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    /// The secrets of the step as they will be stored.
    async fn secrets(&self, write: &Write) -> Result<StoredSecrets, StepError> {
        let mut stored = StoredSecrets {
            password: self.password(write).await?,
            totp: None,
        };
        if let Write::User(step) = write
            && let (Some(secret), Some(user)) = (&step.secrets.totp, &step.after)
        {
            let unsealed = |why: &dyn std::fmt::Display| StepError::Unsealed(why.to_string());
            let keys = self.work.keys.ok_or_else(|| unsealed(&"no key is given"))?;
            let sealed = keys.seal(secret, &user.login).map_err(|why| unsealed(&why))?;
            stored.totp = Some((sealed, keys.clone()));
        }
        Ok(stored)
    }

    /// The hash of the step's password: computed off the async threads, once, and by all processors.
    async fn password(&self, write: &Write) -> Result<Option<PasswordHash>, StepError> {
        let Write::User(step) = write else {
            return Ok(None);
        };
        match &step.secrets.password {
            None => Ok(None),
            Some(Secret::Hash(hash)) => Ok(Some(hash.clone())),
            Some(Secret::Password { password, .. }) => {
                let password = password.clone();
                let _permit = self.hashing.acquire().await.map_err(|error| unhashed(&error))?;
                tokio::task::spawn_blocking(move || hash_password(&password))
                    .await
                    .map_err(|error| unhashed(&error))?
                    .map(Some)
                    .map_err(|error| unhashed(&error))
            }
        }
    }
}

fn unhashed(error: &dyn std::fmt::Display) -> StepError {
    StepError::Unhashed(error.to_string())
}
