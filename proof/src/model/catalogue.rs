//! The models.

use super::configuration::{Ask, Client, Configuration, RowKind, Verb};
use super::property::Witness;

const fn ask(verb: Verb) -> Ask {
    Ask { verb, rows: &[0] }
}

const fn on(verb: Verb, rows: &'static [usize]) -> Ask {
    Ask { verb, rows }
}

const fn client(login: &'static str, requests: u8, menu: &'static [Ask]) -> Client {
    Client {
        login,
        requests,
        menu,
    }
}

const LOCK: Ask = ask(Verb::Lock);
const UNLOCK: Ask = ask(Verb::Unlock);
const LEASE: Ask = ask(Verb::LockFor(1));
const RENEW: Ask = ask(Verb::Renew(1));
const UNLOCK_TENURE: Ask = ask(Verb::UnlockTenure);
const BREAK: Ask = ask(Verb::Break(1));
const BREAK_AT_ONCE: Ask = ask(Verb::Break(0));
const TAKE: Ask = ask(Verb::BreakAndTake(1));
const EARLIER: Ask = ask(Verb::BreakEarlier(1));

const DEVICE: &[RowKind] = &[RowKind::Device];
/// A device and the account of who breaks locks, which every break checks.
const DEVICE_AND_OLGA: &[RowKind] = &[RowKind::Device, RowKind::User("olga")];

/// The moments around the end of a lease, or of a hold-off, that begins at zero.
const A_SECOND: &[i64] = &[0, 999, 1_000];
/// Moments at which each renewal is a new lease.
const THREE_MOMENTS: &[i64] = &[0, 1, 2];

/// Every model of `cargo test`: seconds in all.
pub const SMALL: &[Configuration] = &[
    Configuration {
        name: "one client",
        rows: DEVICE,
        clients: &[client("alice", 4, &[LOCK, UNLOCK])],
        moments: &[0],
        reads_late: false,
        faults: 3,
        restores: false,
        shows: &[
            Witness::CopyRefused,
            Witness::OwnRelease,
            Witness::Recognised,
            Witness::LateWrite,
            Witness::FencedOff,
            Witness::Touch,
        ],
    },
    Configuration {
        name: "two clients",
        rows: DEVICE,
        clients: &[
            client("alice", 2, &[LOCK, UNLOCK]),
            client("bob", 2, &[LOCK, UNLOCK]),
        ],
        moments: &[0],
        reads_late: false,
        faults: 1,
        restores: false,
        shows: &[
            Witness::Refusal,
            Witness::ChangeOfHands,
            Witness::CopyRefused,
            Witness::LateWrite,
            Witness::TouchLost,
        ],
    },
    Configuration {
        name: "two windows of one owner",
        rows: DEVICE,
        clients: &[
            client("alice", 2, &[LEASE, UNLOCK]),
            client("alice", 2, &[LEASE, UNLOCK]),
        ],
        moments: &[0, 1],
        reads_late: false,
        faults: 1,
        restores: false,
        shows: &[Witness::Unsure, Witness::TouchLost, Witness::FencedOff],
    },
    Configuration {
        name: "a pair without a row",
        rows: &[RowKind::Pair],
        clients: &[
            client("alice", 2, &[LOCK, UNLOCK]),
            client("bob", 2, &[LOCK, UNLOCK]),
        ],
        moments: &[0],
        reads_late: false,
        faults: 1,
        restores: false,
        shows: &[Witness::Refusal, Witness::ChangeOfHands, Witness::Touch],
    },
    Configuration {
        name: "leases",
        rows: DEVICE,
        clients: &[
            client("alice", 2, &[LEASE, RENEW]),
            client("bob", 2, &[LEASE, UNLOCK]),
        ],
        moments: A_SECOND,
        reads_late: false,
        faults: 1,
        restores: false,
        shows: &[
            Witness::Refusal,
            Witness::Takeover,
            Witness::OtherTenure,
            Witness::Unsure,
        ],
    },
    Configuration {
        name: "tenures by name",
        rows: DEVICE,
        clients: &[
            client("alice", 1, &[UNLOCK_TENURE, RENEW]),
            client("alice", 3, &[LOCK, UNLOCK]),
        ],
        moments: &[0],
        reads_late: true,
        faults: 0,
        restores: false,
        shows: &[Witness::OtherTenure, Witness::ChangeOfHands],
    },
    Configuration {
        name: "breaks",
        rows: DEVICE_AND_OLGA,
        clients: &[
            client("alice", 3, &[LOCK, UNLOCK]),
            client("olga", 1, &[BREAK, TAKE, EARLIER]),
        ],
        moments: A_SECOND,
        reads_late: false,
        faults: 1,
        restores: false,
        shows: &[
            Witness::Broken,
            Witness::HeldOff,
            Witness::BackAgain,
            Witness::OtherTenure,
            Witness::Replay,
        ],
    },
    Configuration {
        name: "a break and a third owner",
        rows: DEVICE_AND_OLGA,
        clients: &[
            client("alice", 2, &[LOCK]),
            client("bob", 2, &[LOCK, UNLOCK]),
            client("olga", 1, &[BREAK, LOCK]),
        ],
        moments: &[0],
        reads_late: false,
        faults: 0,
        restores: false,
        shows: &[Witness::Broken, Witness::HeldOff, Witness::ChangeOfHands],
    },
    Configuration {
        name: "a break of what was not acknowledged",
        rows: DEVICE_AND_OLGA,
        clients: &[client("alice", 1, &[LOCK]), client("olga", 1, &[BREAK_AT_ONCE])],
        moments: &[0],
        reads_late: false,
        faults: 2,
        restores: false,
        shows: &[Witness::Broken],
    },
    Configuration {
        name: "a break of an own lock",
        rows: DEVICE_AND_OLGA,
        clients: &[client("olga", 2, &[LOCK, BREAK])],
        moments: &[0],
        reads_late: false,
        faults: 0,
        restores: false,
        shows: &[],
    },
    Configuration {
        name: "a break against renewals",
        rows: DEVICE_AND_OLGA,
        clients: &[client("alice", 4, &[LEASE, UNLOCK]), client("olga", 1, &[BREAK])],
        moments: THREE_MOMENTS,
        reads_late: false,
        faults: 0,
        restores: false,
        shows: &[Witness::Broken, Witness::Insisted],
    },
    Configuration {
        name: "a break of what ran out",
        rows: DEVICE_AND_OLGA,
        clients: &[client("alice", 2, &[LEASE, UNLOCK]), client("olga", 1, &[BREAK])],
        moments: A_SECOND,
        reads_late: true,
        faults: 1,
        restores: false,
        shows: &[Witness::Cleared],
    },
    Configuration {
        name: "two administrators",
        rows: &[RowKind::User("alice"), RowKind::User("bob")],
        clients: &[
            client("alice", 2, &[on(Verb::Lock, &[1]), on(Verb::Unlock, &[1])]),
            client("bob", 2, &[on(Verb::Lock, &[0]), on(Verb::Unlock, &[0])]),
        ],
        moments: &[0],
        reads_late: false,
        faults: 1,
        restores: false,
        shows: &[Witness::ActorRefused, Witness::Replay],
    },
    Configuration {
        name: "three administrators",
        rows: &[
            RowKind::User("alice"),
            RowKind::User("bob"),
            RowKind::User("carol"),
        ],
        clients: &[
            client("alice", 2, &[on(Verb::Lock, &[2]), on(Verb::Unlock, &[2])]),
            client("bob", 1, &[on(Verb::Lock, &[2]), on(Verb::Lock, &[0])]),
            client("carol", 1, &[on(Verb::Lock, &[1])]),
        ],
        moments: &[0],
        reads_late: false,
        faults: 1,
        restores: false,
        shows: &[Witness::ActorRefused, Witness::Replay, Witness::Refusal],
    },
    Configuration {
        name: "a restore",
        rows: DEVICE,
        clients: &[
            client("alice", 3, &[LOCK, UNLOCK]),
            client("bob", 2, &[LOCK, UNLOCK]),
        ],
        moments: &[0],
        reads_late: false,
        faults: 1,
        restores: true,
        shows: &[Witness::Restored, Witness::ChangeOfHands],
    },
    Configuration {
        name: "a break after a restore",
        rows: DEVICE_AND_OLGA,
        clients: &[client("alice", 4, &[LEASE]), client("olga", 1, &[BREAK])],
        moments: &[0, 1],
        reads_late: false,
        faults: 0,
        restores: true,
        shows: &[Witness::Restored, Witness::Insisted],
    },
    Configuration {
        name: "plans",
        rows: &[RowKind::Device, RowKind::Pair],
        clients: &[
            client("alice", 2, &[on(Verb::Lock, &[0, 1]), on(Verb::Unlock, &[0, 1])]),
            client("alice", 1, &[on(Verb::Lock, &[0]), on(Verb::Unlock, &[0])]),
            client("bob", 1, &[on(Verb::Lock, &[1])]),
        ],
        moments: &[0],
        reads_late: false,
        faults: 1,
        restores: false,
        shows: &[
            Witness::Batch,
            Witness::BatchRefused,
            Witness::Replay,
            Witness::Unsure,
        ],
    },
];

/// Every model of `proof -- model`: many minutes in all.
pub const LARGE: &[Configuration] = &[
    Configuration {
        name: "three clients",
        rows: DEVICE,
        clients: &[
            client("alice", 2, &[LOCK, UNLOCK]),
            client("bob", 2, &[LOCK, UNLOCK]),
            client("carol", 2, &[LOCK, UNLOCK]),
        ],
        moments: &[0],
        reads_late: false,
        faults: 2,
        restores: false,
        shows: &[
            Witness::Refusal,
            Witness::ChangeOfHands,
            Witness::CopyRefused,
            Witness::OwnRelease,
            Witness::Recognised,
            Witness::LateWrite,
            Witness::FencedOff,
            Witness::Touch,
            Witness::TouchLost,
        ],
    },
    Configuration {
        name: "three clients with leases",
        rows: DEVICE,
        clients: &[
            client("alice", 2, &[LEASE, RENEW, UNLOCK]),
            client("bob", 2, &[LEASE, UNLOCK]),
            client("carol", 2, &[LEASE, UNLOCK]),
        ],
        moments: &[0, 999, 1_000],
        reads_late: false,
        faults: 1,
        restores: false,
        shows: &[
            Witness::Takeover,
            Witness::OtherTenure,
            Witness::Unsure,
            Witness::FencedOff,
        ],
    },
    Configuration {
        name: "two owners and breaks",
        rows: DEVICE_AND_OLGA,
        clients: &[
            client("alice", 2, &[LEASE, UNLOCK]),
            client("bob", 2, &[LOCK, UNLOCK]),
            client("olga", 2, &[BREAK, TAKE]),
        ],
        moments: A_SECOND,
        reads_late: false,
        faults: 1,
        restores: false,
        shows: &[
            Witness::Broken,
            Witness::HeldOff,
            Witness::BackAgain,
            Witness::Insisted,
            Witness::Cleared,
            Witness::Replay,
        ],
    },
    Configuration {
        name: "a ring of administrators",
        rows: &[
            RowKind::User("alice"),
            RowKind::User("bob"),
            RowKind::User("carol"),
        ],
        clients: &[
            client(
                "alice",
                2,
                &[on(Verb::Lock, &[1]), on(Verb::Unlock, &[1]), on(Verb::Lock, &[2])],
            ),
            client(
                "bob",
                2,
                &[on(Verb::Lock, &[2]), on(Verb::Unlock, &[2]), on(Verb::Lock, &[0])],
            ),
            client(
                "carol",
                2,
                &[on(Verb::Lock, &[0]), on(Verb::Unlock, &[0]), on(Verb::Lock, &[1])],
            ),
        ],
        moments: &[0],
        reads_late: false,
        faults: 2,
        restores: false,
        shows: &[Witness::ActorRefused, Witness::Replay, Witness::Refusal],
    },
    Configuration {
        name: "plans and single locks",
        rows: &[RowKind::Device, RowKind::Pair],
        clients: &[
            client("alice", 2, &[on(Verb::Lock, &[0, 1]), on(Verb::Unlock, &[0, 1])]),
            client("alice", 2, &[on(Verb::Lock, &[0]), on(Verb::Unlock, &[0])]),
            client(
                "bob",
                2,
                &[
                    on(Verb::Lock, &[0, 1]),
                    on(Verb::Unlock, &[1]),
                    on(Verb::Lock, &[1]),
                ],
            ),
        ],
        moments: &[0],
        reads_late: false,
        faults: 2,
        restores: false,
        shows: &[
            Witness::Batch,
            Witness::BatchRefused,
            Witness::Replay,
            Witness::Unsure,
            Witness::FencedOff,
        ],
    },
];
