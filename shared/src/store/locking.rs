use std::convert::Infallible;

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::attempt_watch::AttemptWatch;
use super::item::{n, s};
use super::update::Update;
use super::{
    ActorCheck, Item, LockTarget, Lockable, OPERATOR, Retries, Store, TransactionResult, failed_condition,
};
use crate::failure::Failure;
use crate::lock::{self, Loss, Origin, Outcome, Record, Revision, Timestamp, Turn, Unsure, Writer};

/// A lock request as it is carried out.
#[derive(Clone, Copy, Debug)]
pub struct LockCall<'a> {
    /// What is asked, and by which owner.
    pub request: &'a lock::Request,
    /// When.
    pub now: Timestamp,
    /// From where.
    pub origin: &'a Origin,
    /// The caller's account, for a lock on a user account and for a break of any lock: each change is then one
    /// transaction that also proves that the caller is not locked out.
    pub actor: Option<&'a ActorCheck>,
}

impl LockCall<'_> {
    /// Who writes, as it is recorded on the row.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer {
            actor: self.request.owner().clone(),
            at: self.now,
            origin: self.origin.clone(),
        }
    }
}

/// How a lock request on one row ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a request has one of them, and nearly always the large one"
)]
pub enum LockResult<E> {
    /// Decided, and written where there was something to write.
    Done(Outcome),
    /// The row vanished between the read and the write.
    Gone,
    /// The row changed between the read and the write so that the request is no longer allowed.
    Refused(E),
    /// The caller's own account was locked after the caller authenticated; nothing changed.
    ActorLocked,
}

impl Store {
    /// Carries out a request on the row `seen`, turn by turn ([`Turn`]): each turn is one conditional write, and a turn
    /// whose condition fails goes on from the row that made it fail, without a second read.
    ///
    /// `still_allowed` is asked again of every newer state of the row before it is written.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] after losing [`Retries::TRIES`] races or [`Retries::WITHIN`], where the request may
    /// have taken effect already, [`Failure::Defect`] for a break without [`LockCall::actor`], and whatever the store
    /// itself reports.
    pub async fn apply_lock<R: Lockable, E>(
        &self,
        target: &LockTarget,
        seen: R,
        call: LockCall<'_>,
        still_allowed: impl Fn(&R) -> Result<(), E>,
    ) -> Result<LockResult<E>, Failure> {
        if matches!(call.request, lock::Request::Break { .. }) && call.actor.is_none() {
            return Err(Failure::Defect("a break without its actor's check".to_owned()));
        }
        self.turns(target, seen, call, still_allowed).await
    }

    /// Breaks a lock as an operator, who has no account here that could be locked.
    ///
    /// # Errors
    /// As [`Store::apply_lock`], and [`Failure::Defect`] for a call of another dialect or with an actor.
    pub async fn rescue<R: Lockable>(
        &self,
        target: &LockTarget,
        seen: R,
        call: LockCall<'_>,
    ) -> Result<LockResult<Infallible>, Failure> {
        if call.origin.dialect != OPERATOR || call.actor.is_some() {
            return Err(Failure::Defect("a rescue by a caller of the API".to_owned()));
        }
        self.turns(target, seen, call, |_| Ok(())).await
    }

    async fn turns<R: Lockable, E>(
        &self,
        target: &LockTarget,
        seen: R,
        call: LockCall<'_>,
        still_allowed: impl Fn(&R) -> Result<(), E>,
    ) -> Result<LockResult<E>, Failure> {
        let me = call.writer();
        let mut row = seen;
        let mut turn = Turn::first(row.record(), call.request, call.now, self.epoch());
        let mut retries = Retries::of_races();
        let mut losses = 0;
        loop {
            let watch = AttemptWatch::default();
            let rev = row.record().rev;
            let (written, outcome) = match &turn {
                Turn::Answer(outcome) => return Ok(LockResult::Done(outcome.clone())),
                Turn::Unsure(why) => return Err(Failure::Unavailable(unsure(*why))),
                Turn::Touch(outcome) => {
                    let touch = Update::touch(expected(row.record()).map(|record| record.rev), target);
                    (self.write(target, touch, &watch).await?, outcome)
                }
                Turn::Write(change, outcome) => {
                    let seen = expected(row.record());
                    let mut update = Update::change(change, seen, target, &me, call.now, self.epoch());
                    if turn.insists(losses) {
                        update.at_any_revision();
                    }
                    // Boxed: the three ways to write would make every handler's future 17 KB long.
                    let written = Box::pin(self.change(target, update, rev, call, &watch));
                    (written.await?, outcome)
                }
            };
            let found = match written {
                WriteResult::Made => return Ok(LockResult::Done(outcome.clone())),
                WriteResult::Absent => return Ok(LockResult::Gone),
                WriteResult::ActorLocked => return Ok(LockResult::ActorLocked),
                WriteResult::Newer(item) => R::parse(item)?,
            };
            let loss = Loss {
                seen: row.record(),
                found: found.record(),
                ambiguous: watch.is_ambiguous(),
            };
            turn = turn.after(loss, call.request, &me, call.now, self.epoch());
            losses += 1;
            let is_settled = match &turn {
                // The change that was asked for has been made: no newer state takes that back.
                Turn::Answer(outcome) => outcome.is_change(),
                Turn::Unsure(_) => true,
                Turn::Touch(_) | Turn::Write(..) => false,
            };
            if !is_settled && let Err(refusal) = still_allowed(&found) {
                return Ok(LockResult::Refused(refusal));
            }
            row = found;
            if matches!(turn, Turn::Write(..)) && !retries.again().await {
                return Err(Failure::Unavailable("lost every race for the row".to_owned()));
            }
        }
    }

    async fn change(
        &self,
        target: &LockTarget,
        update: Update,
        seen: Revision,
        call: LockCall<'_>,
        watch: &AttemptWatch,
    ) -> Result<WriteResult, Failure> {
        match call.actor {
            None => self.write(target, update, watch).await,
            Some(actor) if actor.key() == *target.key() => {
                self.write_own(target, update, seen, actor, call.now).await
            }
            Some(actor) => self.write_with_check(target, update, actor, call.now).await,
        }
    }

    async fn write(
        &self,
        target: &LockTarget,
        update: Update,
        watch: &AttemptWatch,
    ) -> Result<WriteResult, Failure> {
        let sent = self
            .client()
            .update_item()
            .table_name(self.table_name(target.key().table()))
            .key("pk", s(target.key().pk()))
            .update_expression(update.expression())
            .condition_expression(update.condition)
            .set_expression_attribute_names(update.names)
            .set_expression_attribute_values(Some(update.values))
            .return_values(ReturnValue::None)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .interceptor(watch.clone())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(WriteResult::Made),
            Err(error) => Ok(failed_condition(error)?.map_or(WriteResult::Absent, WriteResult::Newer)),
        }
    }

    /// The client token of a transaction makes its second send harmless, so no attempt needs watching.
    async fn write_with_check(
        &self,
        target: &LockTarget,
        update: Update,
        actor: &ActorCheck,
        now: Timestamp,
    ) -> Result<WriteResult, Failure> {
        const UPDATE: usize = 0;
        const ACTOR: usize = 1;
        let plan = vec![
            self.update_item(target, update)?,
            self.still_unlocked(actor, now)?,
        ];
        Ok(match self.transact(plan).await? {
            TransactionResult::Done => WriteResult::Made,
            // Who is locked out learns nothing of the target.
            TransactionResult::ConditionFailed(failed) if failed.contains(ACTOR) => WriteResult::ActorLocked,
            TransactionResult::ConditionFailed(mut failed) => failed
                .take_row(UPDATE)
                .map_or(WriteResult::Absent, WriteResult::Newer),
        })
    }

    /// The actor's account is the target itself: both rules are one condition, and the row tells which one failed.
    async fn write_own(
        &self,
        target: &LockTarget,
        mut update: Update,
        seen: Revision,
        actor: &ActorCheck,
        now: Timestamp,
    ) -> Result<WriteResult, Failure> {
        update.and_still_unlocked(actor, now);
        Ok(
            match self.transact(vec![self.update_item(target, update)?]).await? {
                TransactionResult::Done => WriteResult::Made,
                TransactionResult::ConditionFailed(mut failed) => match failed.take_row(0) {
                    None => WriteResult::Absent,
                    Some(row) if row.get("rev") == Some(&n(seen.get())) => WriteResult::ActorLocked,
                    Some(row) => WriteResult::Newer(row),
                },
            },
        )
    }
}

/// The row that a write must find; `None` for one that is not there yet, as that of a pair.
fn expected(record: &Record) -> Option<&Record> {
    (record.rev != Revision::default()).then_some(record)
}

/// What became of a conditional write.
enum WriteResult {
    /// It was made.
    Made,
    /// The condition failed: there is no such row.
    Absent,
    /// The condition failed: this is the row now.
    Newer(Item),
    /// The actor's check failed.
    ActorLocked,
}

/// Why a request is answered 503 although the store was reached, for the log.
pub(super) fn unsure(why: Unsure) -> String {
    match why {
        Unsure::OwnEffect => "the write may have been made, and the row was changed since",
        Unsure::OwnRelease => "the owner released the lock in another request at the same time",
    }
    .to_owned()
}
