//! Vectors without a model: words and parts of words, hashed. Texts are near that have words in common, or forms of
//! them; what a word means it does not know.

use crate::binding::search::{Embedder, Embedding, SearchError};
use crate::binding::{Reply, ready};

/// A whole word counts so much.
const WORD: f32 = 1.0;
/// Each part of a word counts so much; a form of a word has most parts in common with it.
const PART: f32 = 0.35;
/// How many letters a part has.
const LETTERS: usize = 4;
/// Words that nearly every text has tell nothing (English).
const COMMON: [&str; 58] = [
    "a", "about", "after", "an", "and", "any", "are", "as", "at", "be", "by", "can", "could", "do",
    "does", "for", "from", "get", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its",
    "me", "my", "no", "not", "of", "on", "one", "or", "our", "so", "that", "the", "their", "them",
    "there", "they", "this", "to", "was", "we", "what", "when", "where", "which", "who", "will",
    "with", "would", "you", "your",
];

/// Makes vectors by hashing.
#[derive(Debug)]
pub struct Hashing {
    dimensions: usize,
}

impl Hashing {
    /// Vectors of so many numbers.
    pub fn new(dimensions: usize) -> Self {
        Self { dimensions: dimensions.max(1) }
    }

    /// The vector of a text, of length 1; all zero where the text has no word.
    pub fn vector(&self, text: &str) -> Embedding {
        let mut vector = vec![0.0; self.dimensions];
        let lower = text.to_lowercase();
        let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        // A text of nothing but common words is still looked for by them.
        let telling = words.clone().any(|word| !COMMON.contains(&word));
        for word in words.filter(|word| !telling || !COMMON.contains(word)) {
            self.add(&mut vector, word, WORD);
            let marked: Vec<char> = format!("^{word}$").chars().collect();
            for part in marked.windows(LETTERS.min(marked.len())) {
                self.add(&mut vector, &part.iter().collect::<String>(), PART);
            }
        }
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        if length > 0.0 {
            for number in &mut vector {
                *number /= length;
            }
        }
        vector
    }

    /// Adds a feature where its hash says; the sign lets those that meet there cancel out on the whole.
    fn add(&self, vector: &mut [f32], feature: &str, weight: f32) {
        let hash = fnv1a(feature.as_bytes());
        let size = u64::try_from(self.dimensions).unwrap_or(u64::MAX);
        let at = usize::try_from((hash >> 1) % size).unwrap_or_default();
        if let Some(number) = vector.get_mut(at) {
            *number += if hash & 1 == 0 { weight } else { -weight };
        }
    }
}

/// The hash FNV-1a, which is the same everywhere: vectors that were kept stay comparable.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl Embedder for Hashing {
    fn embed<'a>(&'a self, text: &'a str) -> Reply<'a, Result<Embedding, SearchError>> {
        ready(Ok(self.vector(text)))
    }

    fn ping(&self) -> Reply<'_, Result<(), SearchError>> {
        ready(Ok(()))
    }

    fn substitute(&self) -> Option<&'static str> {
        Some(super::HASHING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearness(one: &str, other: &str) -> f32 {
        let hashing = Hashing::new(768);
        let (one, other) = (hashing.vector(one), hashing.vector(other));
        one.iter().zip(&other).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn texts_with_forms_of_the_same_words_are_near() {
        let question = "How do I hand in my homework after the deadline?";
        let near = nearness("handing in homeworks late, past deadlines", question);
        let far = nearness("resetting a forgotten password", question);
        assert!(near > 0.25 && far < 0.1, "{near} and {far}");
    }

    #[test]
    fn order_and_case_do_not_matter() {
        assert!(nearness("Grades of the course", "course GRADES") > 0.99);
    }

    #[test]
    fn text_without_a_word_is_near_nothing() {
        assert!(nearness("?!", "homework").abs() < f32::EPSILON);
    }

    #[test]
    fn vectors_that_were_kept_stay_comparable() {
        assert_eq!(fnv1a(b"homework"), 0x5293_d255_862d_ff13);
    }
}
