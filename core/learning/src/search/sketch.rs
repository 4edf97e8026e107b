//! A number for what a passage says, in which texts that say nearly the same differ in few bits (SimHash; Charikar,
//! "Similarity estimation techniques from rounding algorithms", STOC 2002). It proposes; whether two passages really say
//! the same is decided by reading both.

use crate::words::Word;

/// Runs of so many words count.
const RUN: usize = 3;
/// Texts with fewer words are alike only when they are the same.
const SHORT: usize = 12;
/// Bits in which the numbers of two texts that say nearly the same differ at most. Those of two texts that have nothing to
/// do with each other differ in 32, give or take 4.
const ALIKE: u32 = 14;

/// The number of a text's words.
pub(super) fn of(words: &[Word]) -> u64 {
    if words.len() < SHORT {
        return hash(words);
    }
    let mut bits = [0i32; 64];
    for run in words.windows(RUN) {
        let hash = hash(run);
        for (n, bit) in bits.iter_mut().enumerate() {
            *bit += if hash >> n & 1 == 1 { 1 } else { -1 };
        }
    }
    bits.iter().enumerate().fold(0, |sketch, (n, &bit)| sketch | u64::from(bit > 0) << n)
}

/// Whether two texts seem to say nearly the same.
pub(super) fn alike(one: u64, other: u64) -> bool {
    (one ^ other).count_ones() <= ALIKE
}

/// FNV-1a with the last step of SplitMix64, so that every bit depends on every byte.
fn hash(words: &[Word]) -> u64 {
    let bytes = words.iter().flat_map(|w| w.folded.bytes().chain([b' ']));
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::words;

    const LEAVE: &str = "Everybody may carry over up to 240 hours of annual leave into the next year. Hours above that are \
                         lost on the last day of December, so plan your days off early and talk to your manager. Leave \
                         is booked in Tideline at least two weeks before it begins, and your manager approves it there.";

    #[test]
    fn nearly_the_same_text_is_alike_and_another_is_not() {
        let alike = |one: &str, other: &str| alike(of(&words(one)), of(&words(other)));
        assert!(alike(LEAVE, LEAVE));
        assert!(alike(LEAVE, &LEAVE.replace("plan your days off early", "plan your days off in time")));
        assert!(!alike(
            LEAVE,
            "Start the Harbour client, choose the nearest gateway and sign in with your badge number."
        ));
        assert!(!alike(LEAVE, &LEAVE[..90]));
        assert!(alike("Ask HR.", "ask HR!") && !alike("Ask HR.", "Ask IT."));
    }
}
