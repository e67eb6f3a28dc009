use std::sync::{Arc, PoisonError, RwLock};

use dashmap::DashMap;

/// Gives equal values one small number, so that a state is a handful of numbers and nothing is computed twice.
pub(super) struct Interner<T> {
    ids: DashMap<String, u32>,
    values: RwLock<Vec<Arc<T>>>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self {
            ids: DashMap::new(),
            values: RwLock::default(),
        }
    }
}

impl<T> Interner<T> {
    /// The number of the value that `key` describes; `make` makes it the first time.
    pub(super) fn id(&self, key: String, make: impl FnOnce() -> T) -> u32 {
        *self.ids.entry(key).or_insert_with(|| {
            let value = Arc::new(make());
            let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
            values.push(value);
            u32::try_from(values.len() - 1).expect("fewer than 2^32 values")
        })
    }

    /// The value with this number.
    pub(super) fn get(&self, id: u32) -> Arc<T> {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        values[id as usize].clone()
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }
}
