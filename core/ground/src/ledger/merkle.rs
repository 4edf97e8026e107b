//! The Merkle tree of RFC 6962, section 2.1, as pure functions: hashes, which subtrees a proof consists of, and the
//! verification of proofs (RFC 9162, sections 2.1.3.2 and 2.1.4.2).

use sha2::{Digest as _, Sha256};

/// A hash of the tree.
pub type Hash = [u8; 32];

/// A complete subtree: the leaves from `index * 2^level` on, `2^level` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// 0 for a leaf.
    pub level: u32,
    /// Its place among the subtrees of this size, from 0.
    pub index: u64,
}

/// The leaves from `from` to before `to`, a subtree of some tree. `from` is a multiple of the least power of two that is
/// not smaller than their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first leaf.
    pub from: u64,
    /// The leaf after the last one.
    pub to: u64,
}

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

/// The hash of a node over two others.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of the tree without leaves.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root of a complete tree over these hashes; their number is a power of two.
#[must_use]
pub fn fold(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => empty_root(),
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&fold(left), &fold(right))
        }
    }
}

/// The hashes of all complete subtrees over these hashes, up to those of `height` levels, the lowest first.
#[must_use]
pub fn subtrees(hashes: Vec<Hash>, height: u32) -> Vec<Vec<Hash>> {
    let mut layers = vec![hashes];
    for _ in 1..height {
        let below = layers.last().map_or(&[][..], Vec::as_slice);
        layers.push(below.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect());
    }
    layers
}

/// The greatest power of two that is smaller than `n`, which is at least 2.
fn half(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

impl Span {
    /// The complete subtrees that it consists of, the greatest first.
    #[must_use]
    pub fn nodes(self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut from = self.from;
        while from < self.to {
            let level = (self.to - from).ilog2();
            nodes.push(Node { level, index: from >> level });
            from += 1 << level;
        }
        nodes
    }
}

/// The hash of a span from those of its [nodes](Span::nodes).
#[must_use]
pub fn join(hashes: &[Hash]) -> Hash {
    match hashes.split_last() {
        None => empty_root(),
        Some((last, before)) => before.iter().rev().fold(*last, |right, left| node_hash(left, &right)),
    }
}

/// What the inclusion proof of a leaf in the tree of `size` consists of: PATH of RFC 6962. Empty when the leaf is not in
/// the tree.
#[must_use]
pub fn inclusion(leaf: u64, size: u64) -> Vec<Span> {
    let (mut from, mut to) = (0, size);
    let mut path = Vec::new();
    if leaf >= size {
        return path;
    }
    while to - from > 1 {
        let middle = from + half(to - from);
        if leaf < middle {
            path.push(Span { from: middle, to });
            to = middle;
        } else {
            path.push(Span { from, to: middle });
            from = middle;
        }
    }
    path.reverse();
    path
}

/// What the consistency proof from the tree of `old` to that of `new` leaves consists of: PROOF of RFC 6962. Empty when
/// `old` is 0, or not smaller than `new`.
#[must_use]
pub fn consistency(old: u64, new: u64) -> Vec<Span> {
    let (mut from, mut to) = (0, new);
    let mut path = Vec::new();
    if old == 0 || old >= new {
        return path;
    }
    // Whether the subtree at hand is one that the verifier knows: the old tree itself.
    let mut known = true;
    while to != old {
        let middle = from + half(to - from);
        if old <= middle {
            path.push(Span { from: middle, to });
            to = middle;
        } else {
            path.push(Span { from, to: middle });
            from = middle;
            known = false;
        }
    }
    if !known {
        path.push(Span { from, to });
    }
    path.reverse();
    path
}

/// Whether `proof` shows that the leaf with this hash is in the tree of this size and root.
#[must_use]
pub fn includes(root: &Hash, size: u64, leaf: u64, hash: &Hash, proof: &[Hash]) -> bool {
    if leaf >= size {
        return false;
    }
    let (mut at, mut last, mut sum) = (leaf, size - 1, *hash);
    for step in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            sum = node_hash(step, &sum);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            sum = node_hash(&sum, step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && sum == *root
}

/// Whether `proof` shows that the tree of size `old` is the beginning of the tree of size `new`.
#[must_use]
pub fn extends(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    if old >= new {
        return old == new && proof.is_empty() && old_root == new_root;
    }
    let mut steps = proof.iter();
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    // Where the old tree is complete the proof leaves its root out.
    let first = if old.is_power_of_two() { Some(old_root) } else { steps.next() };
    let Some(first) = first else { return false };
    let (mut old_sum, mut new_sum) = (*first, *first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_sum = node_hash(step, &old_sum);
            new_sum = node_hash(step, &new_sum);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new_sum = node_hash(&new_sum, step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old_sum == *old_root && new_sum == *new_root
}

#[cfg(test)]
mod tests {
    use super::*;
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;

    /// Another's tree over the entries `0`, `1`, ….
    fn theirs(size: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
        let mut tree = MemoryBackedTree::new();
        for n in 0..size {
            tree.push(n.to_string().into_bytes());
        }
        tree
    }

    fn hash_of(span: Span) -> Hash {
        let node = |n: Node| {
            let leaves: Vec<Hash> =
                (n.index << n.level..(n.index + 1) << n.level).map(|l| leaf_hash(l.to_string().as_bytes())).collect();
            fold(&leaves)
        };
        join(&span.nodes().into_iter().map(node).collect::<Vec<_>>())
    }

    fn root(size: u64) -> Hash {
        hash_of(Span { from: 0, to: size })
    }

    fn proof(spans: Vec<Span>) -> Vec<Hash> {
        spans.into_iter().map(hash_of).collect()
    }

    #[test]
    fn roots_and_proofs_are_those_of_another_implementation() {
        for size in 0..=70u64 {
            let tree = theirs(size);
            assert_eq!(tree.root().as_bytes().as_slice(), root(size), "{size} leaves");
            for leaf in 0..size {
                let ours = proof(inclusion(leaf, size));
                let their = tree.prove_inclusion(usize::try_from(leaf).unwrap());
                assert_eq!(their.as_bytes(), ours.concat(), "leaf {leaf} of {size}");
            }
            for old in 1..size {
                let ours = proof(consistency(old, size));
                let added = usize::try_from(size - old).unwrap();
                assert_eq!(tree.prove_consistency(added).as_bytes(), ours.concat(), "{old} to {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn proofs_prove_what_is_so_and_nothing_else(size in 1u64..600, a in any::<u64>(), b in any::<u64>(), flip in any::<usize>()) {
            let leaf = a % size;
            let hash = leaf_hash(leaf.to_string().as_bytes());
            let path = proof(inclusion(leaf, size));
            prop_assert!(includes(&root(size), size, leaf, &hash, &path));
            prop_assert!(!includes(&root(size), size, leaf, &leaf_hash(b"forged"), &path));
            prop_assert!(!includes(&root(size), size, size + leaf, &hash, &path));
            if !path.is_empty() {
                let mut changed = path.clone();
                changed[flip % path.len()][flip % 32] ^= 1;
                prop_assert!(!includes(&root(size), size, leaf, &hash, &changed));
                prop_assert!(!includes(&root(size), size, leaf, &hash, &path[1..]));
            }
            let mut longer = path;
            longer.push(hash);
            prop_assert!(!includes(&root(size), size, leaf, &hash, &longer));

            let old = b % size;
            let path = proof(consistency(old, size));
            prop_assert!(extends(old, &root(old), size, &root(size), &path));
            if old > 0 {
                prop_assert!(!extends(old, &leaf_hash(b"forged"), size, &root(size), &path));
                prop_assert!(!extends(old, &root(old), size, &leaf_hash(b"forged"), &path));
            }
            if !path.is_empty() {
                let mut changed = path.clone();
                changed[flip % path.len()][flip % 32] ^= 1;
                prop_assert!(!extends(old, &root(old), size, &root(size), &changed));
            }
        }
    }
}
