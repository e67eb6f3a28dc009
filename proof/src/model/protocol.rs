//! The protocol as values: the product's own functions, or broken ones in their place.

use holdfast::lock::{self, Change, Decision, Epoch, Loss, Plan, Request, State, Timestamp, Turn, Writer};

use crate::condition::Bindings;

/// What a request means for a state.
pub type Decide = fn(&State, &Request, Timestamp, Epoch) -> Decision;
/// What follows where a write lost its race; the last argument decides again.
pub type After = fn(Turn, Loss<'_>, &Writer, &dyn Fn(&State) -> Decision) -> Turn;

/// `lock::plan`, or a broken variant of it.
pub type PlanAll = fn(&[(usize, State)], &Request, Timestamp, Epoch) -> Plan<usize>;

/// The functions that carry a request out.
#[derive(Clone, Copy)]
pub struct Protocol {
    /// `lock::decide`.
    pub decide: Decide,
    /// `lock::plan`.
    pub plan: PlanAll,
    /// `Turn::of`.
    pub first: fn(Decision) -> Turn,
    /// `Turn::after_by`.
    pub after: After,
    /// `Turn::insists`.
    pub insists: fn(&Turn, u32) -> bool,
    /// The last word on a write before it is sent.
    pub draft: fn(&mut Draft),
    /// Whether a transaction carries the check of the actor's account.
    pub checks_actor: bool,
    /// Whether the store makes a transaction as a whole. DynamoDB does.
    pub is_whole: bool,
    /// What a transaction is recognised by when it is sent again.
    pub token: ClientToken,
    /// Whether a lost acquisition reads the row again to say who holds it. The product never does.
    pub reads_holder_again: bool,
}

/// What a transaction is recognised by when it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientToken {
    /// A token for each plan, as the product has it.
    PerPlan,
    /// One for all requests of a client.
    PerClient,
    /// None.
    Absent,
}

impl Protocol {
    /// The protocol as it is shipped.
    pub const SHIPPED: Self = Self {
        decide: lock::decide,
        plan: lock::plan,
        first: Turn::of,
        after: |turn, loss, me, decide| turn.after_by(loss, me, decide),
        insists: |turn, losses| turn.insists(losses),
        draft: |_| {},
        checks_actor: true,
        is_whole: true,
        token: ClientToken::PerPlan,
        reads_holder_again: false,
    };
}

/// What a write is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A lock is taken.
    Acquire,
    /// A lock gets a new lease.
    Renew,
    /// A lock is given back.
    Release,
    /// Someone else's lock is ended.
    Break,
    /// A lease that ran out is taken off the row.
    Clear,
    /// The revision grows, and nothing else.
    Touch,
    /// Nothing is written: the actor's account must be as it was.
    Check,
}

impl Kind {
    /// What this change is written for.
    pub const fn of(change: &Change) -> Self {
        match change {
            Change::Acquire { .. } => Self::Acquire,
            Change::Renew { .. } => Self::Renew,
            Change::Release { .. } => Self::Release,
            Change::Break { .. } => Self::Break,
            Change::Clear { .. } => Self::Clear,
        }
    }

    /// Whether the write changes the lock.
    pub const fn is_change(self) -> bool {
        !matches!(self, Self::Touch | Self::Check)
    }
}

/// A write as it is sent: its expressions as texts.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it is for.
    pub kind: Kind,
    /// The condition expression.
    pub condition: String,
    /// The update expression; empty for a check.
    pub expression: String,
    /// What the words of both mean.
    pub bindings: Bindings,
}
