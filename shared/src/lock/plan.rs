use super::{Change, Decision, Epoch, Label, Outcome, Request, State, Timestamp, decide};

/// What one request means for many locks at once: all of it or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan<K> {
    /// Some of the locks refuse the request: these, each with its refusal ([`Outcome::is_refusal`]), and nothing is to
    /// be written.
    Conflict(Vec<(K, Outcome)>),
    /// Every lock is as the request wants it: a touch for each.
    Settled(Vec<Step<K>>),
    /// What to change and what to touch, one step for every lock.
    Write(Vec<Step<K>>),
}

impl<K> Plan<K> {
    /// The outcome's name in metrics, when `request` has been carried out. A change of hands outweighs a renewal.
    #[must_use]
    pub fn label(&self, request: &Request) -> Label {
        let any = |wanted: fn(&Change) -> bool| match self {
            Self::Write(steps) => steps
                .iter()
                .any(|step| matches!(step, Step::Change(_, change) if wanted(change))),
            _ => false,
        };
        match (self, request) {
            (Self::Conflict(refusals), _) => refusals
                .first()
                .map_or(Label::HeldByOther, |(_, refusal)| refusal.label()),
            (Self::Settled(_), Request::Acquire { .. }) => Label::AlreadyHeld,
            (Self::Settled(_), Request::Release { .. }) => Label::WasFree,
            (Self::Write(_), _) if any(|change| matches!(change, Change::Acquire { .. })) => Label::Acquired,
            (Self::Write(_), _) if any(|change| matches!(change, Change::Break { .. })) => Label::Broken,
            (Self::Write(_), Request::Release { .. }) => Label::Released,
            (Self::Write(_), Request::Acquire { .. }) => Label::Renewed,
            (Self::Settled(_) | Self::Write(_), Request::Break { .. }) => Label::TenureOver,
        }
    }
}

/// One lock of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<K> {
    /// Its row is written.
    Change(K, Change),
    /// Its row is as the request wants it. It is touched, so that it stays so until the others are written and no late
    /// write of an earlier request changes it afterwards ([`Turn::Touch`](super::Turn::Touch)).
    Stay(K),
}

/// Decides what `request` means for all these rows in their states at `now`. Each row may be in the list once.
#[must_use]
pub fn plan<K: Clone>(rows: &[(K, State)], request: &Request, now: Timestamp, epoch: Epoch) -> Plan<K> {
    let mut conflicts = Vec::new();
    let mut steps = Vec::with_capacity(rows.len());
    for (key, state) in rows {
        match decide(state, request, now, epoch) {
            Decision::Answer(refusal) if refusal.is_refusal() => conflicts.push((key.clone(), refusal)),
            Decision::Answer(_) => steps.push(Step::Stay(key.clone())),
            Decision::Write(change, _) => steps.push(Step::Change(key.clone(), change)),
        }
    }
    if !conflicts.is_empty() {
        Plan::Conflict(conflicts)
    } else if steps.iter().all(|step| matches!(step, Step::Stay(_))) {
        Plan::Settled(steps)
    } else {
        Plan::Write(steps)
    }
}
