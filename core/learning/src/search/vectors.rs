//! The vectors of all passages, in memory: one signed byte for each dimension, so that 100,000 passages of 384
//! dimensions take 40 MB, and an exact search reads no more than that.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Rows that are allocated together.
const CHUNK: usize = 4_096;
/// The largest value of a dimension of a stored vector.
const STORED: f32 = 127.0;
/// The largest value of a dimension of a question's vector: finer, since there is only one. The sum of 4,096 products
/// still fits into 32 bits.
const ASKED: f32 = 2_047.0;

/// A vector in bytes, with what one step is worth.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Small {
    pub step: f32,
    pub bytes: Vec<i8>,
}

impl Small {
    /// Rounds a vector to 255 steps between its largest values.
    pub fn of(vector: &[f32]) -> Self {
        let step = vector.iter().fold(0.0f32, |m, v| m.max(v.abs())) / STORED;
        let round = |v: &f32| if step > 0.0 { (v / step).round() as i8 } else { 0 };
        Self { step, bytes: vector.iter().map(round).collect() }
    }

    /// As it is stored: the step as four bytes, then one byte for each dimension.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.step.to_le_bytes().into_iter().chain(self.bytes.iter().map(|b| b.cast_unsigned())).collect()
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (step, rest) = bytes.split_first_chunk::<4>()?;
        Some(Self { step: f32::from_le_bytes(*step), bytes: rest.iter().map(|b| b.cast_signed()).collect() })
    }
}

/// A question's vector, ready to be compared.
pub(super) struct Probe {
    step: f32,
    values: Vec<i16>,
}

impl Probe {
    pub fn of(vector: &[f32]) -> Self {
        let step = vector.iter().fold(0.0f32, |m, v| m.max(v.abs())) / ASKED;
        let round = |v: &f32| if step > 0.0 { (v / step).round() as i16 } else { 0 };
        Self { step, values: vector.iter().map(round).collect() }
    }
}

/// All vectors of one model.
#[derive(Default)]
pub(super) struct Vectors {
    dimension: usize,
    chunks: Vec<Vec<i8>>,
    steps: Vec<f32>,
    rows: HashMap<u64, u32>,
    free: Vec<u32>,
    /// Raised when what was added or removed is to be seen by searches.
    pub epoch: u64,
}

/// The row of a passage without a vector.
pub(super) const NONE: u32 = u32::MAX;

impl Vectors {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn has(&self, key: u64) -> bool {
        self.rows.contains_key(&key)
    }

    pub fn row(&self, key: u64) -> u32 {
        self.rows.get(&key).copied().unwrap_or(NONE)
    }

    /// Adds a vector, or replaces the one with the same key. One with another number of dimensions is left out.
    pub fn put(&mut self, key: u64, vector: &Small) {
        if self.rows.is_empty() && self.dimension != vector.bytes.len() {
            *self = Self { dimension: vector.bytes.len(), epoch: self.epoch, ..Self::default() };
        }
        if vector.bytes.len() != self.dimension || self.dimension == 0 {
            return;
        }
        let row = match self.rows.entry(key) {
            Entry::Occupied(at) => *at.get(),
            Entry::Vacant(new) => {
                let row = self.free.pop().unwrap_or(self.steps.len() as u32);
                *new.insert(row)
            }
        };
        let (chunk, at) = (row as usize / CHUNK, row as usize % CHUNK * self.dimension);
        if chunk == self.chunks.len() {
            self.chunks.push(vec![0; CHUNK * self.dimension]);
        }
        if row as usize == self.steps.len() {
            self.steps.push(0.0);
        }
        self.steps[row as usize] = vector.step;
        self.chunks[chunk][at..at + self.dimension].copy_from_slice(&vector.bytes);
    }

    pub fn remove(&mut self, key: u64) {
        if let Some(row) = self.rows.remove(&key) {
            self.free.push(row);
        }
    }

    /// The cosines of a question with the vectors in these rows, in their order; -1 for a row without one.
    pub fn cosines(&self, probe: &Probe, rows: &[u32], out: &mut Vec<f32>) {
        out.clear();
        if probe.values.len() != self.dimension {
            out.resize(rows.len(), -1.0);
            return;
        }
        out.reserve(rows.len());
        // Compiled for several processors; the best for this one is chosen when it runs.
        pulp::Arch::new().dispatch(|| {
            for &row in rows {
                let Some(&step) = self.steps.get(row as usize) else {
                    out.push(-1.0);
                    continue;
                };
                let at = row as usize % CHUNK * self.dimension;
                let values = &self.chunks[row as usize / CHUNK][at..at + self.dimension];
                out.push(dot(values, &probe.values) as f32 * step * probe.step);
            }
        });
    }
}

#[inline(always)]
fn dot(a: &[i8], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(i16::from(*a)) * i32::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(values: &[f32]) -> Vec<f32> {
        let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
        values.iter().map(|v| v / length).collect()
    }

    #[test]
    fn cosines_are_within_a_hundredth_of_the_exact_ones() {
        let wave = |n: usize| unit(&(0..384).map(|d| ((n * 37 + d * 11) as f32 * 0.37).sin()).collect::<Vec<_>>());
        let mut vectors = Vectors::default();
        for n in 0..5_000 {
            vectors.put(n as u64, &Small::of(&wave(n)));
        }
        let question = wave(7_777);
        let rows: Vec<u32> = (0..5_000).map(|n| vectors.row(n)).chain([NONE]).collect();
        let mut got = Vec::new();
        vectors.cosines(&Probe::of(&question), &rows, &mut got);
        for (n, got) in got[..5_000].iter().enumerate() {
            let exact: f32 = wave(n).iter().zip(&question).map(|(a, b)| a * b).sum();
            assert!((exact - got).abs() < 0.01, "{n}: {exact} {got}");
        }
        assert_eq!(got[5_000], -1.0);
    }

    #[test]
    fn a_row_that_was_freed_is_used_again() {
        let mut vectors = Vectors::default();
        let small = Small::of(&[0.6, -0.8]);
        assert_eq!(Small::from_bytes(&small.to_bytes()), Some(small.clone()));
        vectors.put(1, &small);
        vectors.put(2, &Small::of(&[1.0, 0.0]));
        vectors.put(3, &Small::of(&[1.0, 0.0, 0.0]));
        assert_eq!((vectors.len(), vectors.has(3)), (2, false), "another model's vector is left out");
        vectors.remove(1);
        vectors.put(4, &small);
        assert_eq!((vectors.row(4), vectors.row(1), vectors.steps.len()), (0, NONE, 2));
    }
}
