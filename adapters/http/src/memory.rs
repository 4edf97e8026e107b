//! What an adapter keeps in memory only: it can be asked for again, so it never holds more than so much.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use stoa_ground::clock::monotonic;

/// The value of a lock, also after a task that held it has panicked.
pub fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers something beside at most so many others; gives what was known before. Where there is no more room, everything
/// else is forgotten.
pub fn remember<K: Hash + Eq, V>(of: &Mutex<HashMap<K, V>>, key: K, value: V, most: usize) -> Option<V> {
    let mut all = locked(of);
    if all.len() >= most && !all.contains_key(&key) {
        all.clear();
    }
    all.insert(key, value)
}

/// What is remembered of something, as long as it is believed.
pub fn believed<K, Q, V>(of: &Mutex<HashMap<K, (V, Instant)>>, key: &Q) -> Option<V>
where
    K: Hash + Eq + Borrow<Q>,
    Q: Hash + Eq + ?Sized,
    V: Clone,
{
    locked(of).get(key).filter(|(_, until)| monotonic() < *until).map(|(value, _)| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let known = Mutex::default();
        assert_eq!((remember(&known, 1, "one", 2), remember(&known, 2, "two", 2)), (None, None));
        assert_eq!(remember(&known, 2, "zwei", 2), Some("two"), "what is known already takes no more room");
        assert_eq!(locked(&known).len(), 2);
        remember(&known, 3, "three", 2);
        assert_eq!(locked(&known).keys().collect::<Vec<_>>(), [&3]);
    }
}
