//! Cuts what comes in pieces of any size into parts of one size.

use bytes::{Bytes, BytesMut};

/// Parts that are being filled, one after the other; no more than one is in memory.
#[derive(Debug)]
pub(crate) struct Parts {
    size: usize,
    filling: BytesMut,
}

impl Parts {
    /// Parts of so many bytes.
    pub(crate) fn new(size: usize) -> Self {
        Self { size, filling: BytesMut::new() }
    }

    /// Takes of a piece what the part has room for, and gives the part that is full.
    pub(crate) fn fill(&mut self, piece: &mut Bytes) -> Option<Bytes> {
        let now = piece.split_to(piece.len().min(self.size - self.filling.len()));
        self.filling.extend_from_slice(&now);
        (self.filling.len() == self.size).then(|| self.last())
    }

    /// What is left for the last part, which may be smaller.
    pub(crate) fn last(&mut self) -> Bytes {
        std::mem::take(&mut self.filling).freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_one_size_but_the_last_and_nothing_is_lost() {
        let whole: Vec<u8> = (0..=255).collect();
        for size in [1, 7, 64, 255, 256, 1000] {
            for step in [1, 6, 7, 8, 300] {
                let (mut parts, mut found) = (Parts::new(size), Vec::new());
                for piece in whole.chunks(step) {
                    let mut piece = Bytes::copy_from_slice(piece);
                    while !piece.is_empty() {
                        found.extend(parts.fill(&mut piece));
                    }
                }
                assert!(found.iter().all(|part| part.len() == size), "{size}, {step}");
                found.push(parts.last());
                assert!(found.last().is_some_and(|last| last.len() < size), "{size}, {step}");
                assert_eq!(found.concat(), whole, "{size}, {step}");
            }
        }
    }
}
