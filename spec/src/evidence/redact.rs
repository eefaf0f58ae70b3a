//! Keeps known secrets out of everything that is written.

/// Replaces known secrets in texts.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Secret and what stands in its place, longest secret first.
    secrets: Vec<(String, String)>,
}

/// Shorter values are too likely to occur by chance in ordinary text.
const SHORTEST: usize = 6;

impl Redactor {
    /// A redactor that knows no secret.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `secret` is replaced by `$NAME`.
    pub fn add(&mut self, name: &str, secret: &str) {
        if secret.len() < SHORTEST || self.secrets.iter().any(|(known, _)| known == secret) {
            return;
        }
        let at = self.secrets.partition_point(|(known, _)| known.len() >= secret.len());
        self.secrets.insert(at, (secret.to_owned(), format!("${name}")));
    }

    /// `text` with every known secret replaced.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (secret, name) in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), name);
            }
        }
        text
    }

    /// Whether `text` holds a known secret.
    pub fn finds_secret(&self, text: &str) -> bool {
        self.secrets.iter().any(|(secret, _)| text.contains(secret.as_str()))
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets)", self.secrets.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_secrets_go_first_so_that_no_tail_is_left() {
        let mut redactor = Redactor::new();
        redactor.add("SHORT", "abcdef");
        redactor.add("LONG", "abcdefghij");
        assert_eq!(redactor.redact("x abcdefghij y abcdef"), "x $LONG y $SHORT");
        assert!(redactor.finds_secret("..abcdef.."));
        assert!(!format!("{redactor:?}").contains("abcdef"));
    }
}
