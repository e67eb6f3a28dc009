use super::RowKey;
use super::key::shard;
use crate::id::{Company, Kind};
use crate::lock::{Lock, Owner};

/// The place of a company's locks of one kind in the index `locks`.
///
/// The shard follows from the owner, so that one query finds what one owner holds. A single hot index key would throttle
/// the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockShards {
    prefix: String,
}

impl LockShards {
    /// How many there are, per company and kind.
    pub const COUNT: u8 = 16;

    /// The shards of a company's locks of one kind.
    #[must_use]
    pub fn new(company: &Company, kind: Kind) -> Self {
        Self {
            prefix: format!("{company}/{kind}"),
        }
    }

    /// The hash key of everything of this kind that `owner` holds: `lock_shard`.
    #[must_use]
    pub fn of(&self, owner: &Owner) -> String {
        format!("{}/{}", self.prefix, shard(owner.as_str(), Self::COUNT))
    }

    /// Every hash key of this kind.
    pub fn all(&self) -> impl Iterator<Item = String> {
        (0..Self::COUNT).map(|shard| format!("{}/{shard}", self.prefix))
    }

    /// The range key of a lock on the row `key`: `lock_order`. Locks are ordered by owner, then by the moment of their
    /// acquisition; the key keeps the order total, for a batch takes a hundred locks at one time.
    #[must_use]
    pub fn order(lock: &Lock, key: &RowKey) -> String {
        format!(
            "{}{:013}\u{1}{}",
            Self::order_of(&lock.owner),
            lock.since.unix_ms(),
            key.pk()
        )
    }

    /// What the range keys of all locks of `owner`, and no others, begin with. No login has the control character in
    /// it that ends the owner here.
    #[must_use]
    pub fn order_of(owner: &Owner) -> String {
        format!("{owner}\u{1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{DeviceId, Login};
    use crate::lock::Timestamp;

    fn order(owner: &str, since: i64, id: &str) -> String {
        let key = RowKey::device(&Company::try_from("1").unwrap(), &DeviceId::try_from(id).unwrap());
        let lock = Lock {
            owner: Login::try_from(owner).unwrap().to_owner(),
            since: Timestamp::from_unix_ms(since),
            until: None,
            title: None,
            message: None,
        };
        LockShards::order(&lock, &key)
    }

    #[test]
    fn locks_are_ordered_by_owner_then_by_time_then_by_row() {
        let ordered = [
            order("a", 999, "ID9"),
            order("a", 1_795_341_600_000, "ID1"),
            order("a", 1_795_341_600_000, "ID2"),
            order("a b", 0, "ID1"),
            order("a/b", 0, "ID1"),
            order("aa", 0, "ID1"),
        ];
        assert!(ordered.is_sorted_by(|a, b| a < b), "{ordered:?}");
        assert_eq!(ordered[1], "a\u{1}1795341600000\u{1}device/1/ID1");
        let of_a = LockShards::order_of(&Owner::new("a"));
        let found: Vec<bool> = ordered.iter().map(|order| order.starts_with(&of_a)).collect();
        assert_eq!(found, [true, true, true, false, false, false]);
    }

    #[test]
    fn one_owner_has_one_shard_of_sixteen() {
        let shards = LockShards::new(&Company::try_from("1").unwrap(), Kind::Device);
        let all: Vec<String> = shards.all().collect();
        assert_eq!(
            (all.len(), all[0].as_str(), all[15].as_str()),
            (16, "1/device/0", "1/device/15")
        );
        // The first byte of SHA-256("alice") is 0x2b.
        assert_eq!(shards.of(&Owner::new("alice")), "1/device/11");
        let used: std::collections::BTreeSet<String> = (0..200)
            .map(|n| shards.of(&Owner::new(format!("user-{n}"))))
            .collect();
        assert!(used.iter().all(|shard| all.contains(shard)));
        assert_eq!(used.len(), 16);
    }
}
