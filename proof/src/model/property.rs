//! What must hold in every state, and what must be seen in some.

use stateright::Property;

use super::Model;
use super::world::World;

/// What holds in every state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rule {
    /// A tenure begins only where no other is live.
    OneTenure,
    /// Each change of hands has a larger fence than any before, those that a restore took back included.
    FenceGrows,
    /// No request changes a row twice.
    AtMostOnce,
    /// What was acknowledged lasts until its owner, a break or its lease ends it.
    AcknowledgedKept,
    /// A live tenure ends by its owner's request or by a break.
    OwnerOnly,
    /// A request that took effect is not refused.
    NoFalseConflict,
    /// Not all accounts are locked.
    SomebodyCanAct,
    /// A write of an answered request changes nothing after a later answer.
    AnswersFence,
    /// The old owner takes nothing before the hold-off is over.
    HoldOff,
    /// A break loses one race to a renewal at most, and one more as the first change of a restored row.
    BreakReaches,
    /// The tenure that a request names is the only one it changes.
    NamedTenure,
    /// What an answer says is so.
    TrueAnswer,
    /// Nobody is refused for a lease that ran out.
    ExpiryCounts,
    /// A write fails only where the row is another than the one that was read.
    Progress,
    /// All writes of a transaction are made, or none.
    AllOrNothing,
    /// An actor whose account was locked since changes no account and breaks no lock.
    ActorStillIn,
    /// Every row that was written can be read.
    Readable,
    /// No two changes of a row have one number.
    ChangesApart,
}

/// What is seen in some state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Witness {
    /// A lock is refused because somebody else holds it.
    Refusal,
    /// A lock has its second owner.
    ChangeOfHands,
    /// A lease ran out and somebody else took the lock.
    Takeover,
    /// A second copy of a write that was made is refused.
    CopyRefused,
    /// An acknowledged lock is given back by its owner.
    OwnRelease,
    /// An acknowledged lock is broken.
    Broken,
    /// A write whose answer was lost is recognised when it is sent again.
    Recognised,
    /// The check of the actor's account refuses a lock.
    ActorRefused,
    /// A write of an answered request is made after the answer.
    LateWrite,
    /// A write of an answered request is refused because a later answer fenced it off.
    FencedOff,
    /// An old owner is refused during the hold-off.
    HeldOff,
    /// An old owner takes the lock again after it.
    BackAgain,
    /// A break is made past a renewal.
    Insisted,
    /// A request is answered 503 because it may have taken effect.
    Unsure,
    /// A touch is made.
    Touch,
    /// A touch finds another row, and the answer is decided on that.
    TouchLost,
    /// Several locks are taken in one transaction.
    Batch,
    /// A plan is refused because of one of its locks.
    BatchRefused,
    /// A transaction is sent twice and made once, by its client token.
    Replay,
    /// A lease that ran out is taken off the row.
    Cleared,
    /// A tenure that was named is not the live one.
    OtherTenure,
    /// A restored row is changed.
    Restored,
}

/// Every rule, with the words for it and with the witness that shows that it is put to the test.
pub const RULES: &[(Rule, &str, Witness)] = &[
    (Rule::OneTenure, "no two live tenures", Witness::Refusal),
    (
        Rule::FenceGrows,
        "the fence grows with each change of hands and never goes back",
        Witness::ChangeOfHands,
    ),
    (
        Rule::AtMostOnce,
        "a request takes effect at most once",
        Witness::CopyRefused,
    ),
    (
        Rule::AcknowledgedKept,
        "an acknowledged lock is never lost",
        Witness::OwnRelease,
    ),
    (
        Rule::OwnerOnly,
        "only owner, breaker and expiry end a tenure",
        Witness::Broken,
    ),
    (
        Rule::NoFalseConflict,
        "a retried success is never a conflict",
        Witness::Recognised,
    ),
    (
        Rule::SomebodyCanAct,
        "somebody can always act",
        Witness::ActorRefused,
    ),
    (
        Rule::AnswersFence,
        "an answer fences off what answered requests had sent",
        Witness::FencedOff,
    ),
    (Rule::HoldOff, "the hold-off holds", Witness::HeldOff),
    (
        Rule::BreakReaches,
        "a break reaches an owner who renews",
        Witness::Insisted,
    ),
    (
        Rule::NamedTenure,
        "a request changes the tenure that it names and no other",
        Witness::OtherTenure,
    ),
    (Rule::TrueAnswer, "an answer is true", Witness::Touch),
    (
        Rule::ExpiryCounts,
        "a lease that ran out refuses nobody",
        Witness::Takeover,
    ),
    (
        Rule::Progress,
        "a write fails only where the row has changed",
        Witness::TouchLost,
    ),
    (
        Rule::AllOrNothing,
        "a transaction is made as a whole or not at all",
        Witness::Batch,
    ),
    (
        Rule::ActorStillIn,
        "an actor who was locked out since changes nothing",
        Witness::ActorRefused,
    ),
    (Rule::Readable, "every row can be read", Witness::ChangeOfHands),
    (
        Rule::ChangesApart,
        "no two changes of a row have one number",
        Witness::Restored,
    ),
];

/// Every witness, with the words for it.
pub const WITNESSES: &[(Witness, &str)] = &[
    (Witness::Refusal, "a lock is refused"),
    (Witness::ChangeOfHands, "a lock changes hands"),
    (Witness::Takeover, "a lease runs out and the lock is taken over"),
    (Witness::CopyRefused, "a second copy of a write is refused"),
    (Witness::OwnRelease, "an acknowledged lock is given back"),
    (Witness::Broken, "an acknowledged lock is broken"),
    (Witness::Recognised, "a write whose answer was lost is recognised"),
    (Witness::ActorRefused, "the check of the actor's account refuses"),
    (Witness::LateWrite, "a write arrives after its 503 and is made"),
    (
        Witness::FencedOff,
        "a write arrives after a later answer and is refused",
    ),
    (Witness::HeldOff, "an old owner is held off"),
    (Witness::BackAgain, "an old owner is back after the hold-off"),
    (Witness::Insisted, "a break is made past a renewal"),
    (
        Witness::Unsure,
        "a request is answered 503, as it may have taken effect",
    ),
    (Witness::Touch, "a touch is made"),
    (Witness::TouchLost, "a touch finds another row"),
    (Witness::Batch, "several locks are taken in one transaction"),
    (Witness::BatchRefused, "a plan is refused because of one lock"),
    (Witness::Replay, "a transaction is sent twice and made once"),
    (Witness::Cleared, "a lease that ran out is taken off the row"),
    (Witness::OtherTenure, "a named tenure is not the live one"),
    (Witness::Restored, "a restored row is changed"),
];

const fn bit(place: u8) -> u32 {
    1 << place
}

impl Rule {
    /// Its place in a set of rules.
    pub(super) const fn bit(self) -> u32 {
        bit(self as u8)
    }
}

impl Witness {
    /// Its place in a set of witnesses.
    pub(super) const fn bit(self) -> u32 {
        bit(self as u8)
    }

    /// The words for it.
    pub fn text(self) -> &'static str {
        let found = WITNESSES.iter().find(|(witness, _)| *witness == self);
        found.map_or("", |(_, text)| text)
    }
}

/// A rule as Stateright takes it: a function for each place.
fn always<const PLACE: u8>(name: &'static str) -> Property<Model> {
    Property::always(name, |_, world: &World| world.broken & bit(PLACE) == 0)
}

fn sometimes<const PLACE: u8>(name: &'static str) -> Property<Model> {
    Property::sometimes(name, |model, _| model.is_news(bit(PLACE)))
}

/// The rule's property.
pub(super) fn rule(rule: Rule, name: &'static str) -> Property<Model> {
    macro_rules! places {
        ($($place:literal)*) => {
            match rule as u8 {
                $($place => always::<$place>(name),)*
                _ => unreachable!("{rule:?}"),
            }
        };
    }
    places!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17)
}

/// The witness's property.
pub(super) fn witness(witness: Witness) -> Property<Model> {
    let name = witness.text();
    macro_rules! places {
        ($($place:literal)*) => {
            match witness as u8 {
                $($place => sometimes::<$place>(name),)*
                _ => unreachable!("{witness:?}"),
            }
        };
    }
    places!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21)
}
