//! The grammar of ids: words of ASCII letters and digits that start with a letter, each all lower or all upper case.

use super::{
    error::{Problem, problem},
    model::Located,
};

/// How the words of an id are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Id {
    /// `my-component`.
    Kebab,
    /// `my_variable`, lower case only.
    LowerSnake,
    /// `my-label` or `my_label`.
    Label,
}

impl Id {
    /// Whether `text` is such an id.
    pub(super) fn matches(self, text: &str) -> bool {
        match self {
            Self::Kebab => words(text, '-'),
            Self::LowerSnake => words(text, '_') && !text.chars().any(|c| c.is_ascii_uppercase()),
            Self::Label => words(text, '-') || words(text, '_'),
        }
    }

    /// Refuses what is no such id; `what` is its role in the manifest.
    pub(super) fn check(self, id: &Located<String>, what: &str) -> Result<(), Problem> {
        if self.matches(&id.value) {
            return Ok(());
        }
        let expected = match self {
            Self::Kebab => "words of letters and digits, each starting with a letter, joined by `-`",
            Self::LowerSnake => "lower-case words of letters and digits, each starting with a letter, joined by `_`",
            Self::Label => "words of letters and digits, each starting with a letter, joined by `-` or `_`",
        };
        let error = problem(id.span.clone(), format!("{what} {:?}", id.value), expected);
        let better = self.mend(&id.value);
        Err(if self.matches(&better) { error.help(format!("try `{better}`")) } else { error })
    }

    fn mend(self, text: &str) -> String {
        let text = text.to_ascii_lowercase();
        match self {
            Self::Kebab | Self::Label => text.replace(['_', ' ', '.'], "-"),
            Self::LowerSnake => text.replace(['-', ' ', '.'], "_"),
        }
    }
}

fn words(text: &str, separator: char) -> bool {
    text.split(separator).all(|word| {
        let letters = || word.chars().filter(char::is_ascii_alphabetic);
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric())
            && (letters().all(|c| c.is_ascii_lowercase()) || letters().all(|c| c.is_ascii_uppercase()))
    })
}

#[cfg(test)]
mod tests {
    use super::Id;

    #[test]
    fn grammar() {
        for good in ["a", "hello", "hello-rust", "a1-B2", "HTTP-server"] {
            assert!(Id::Kebab.matches(good), "{good}");
        }
        for bad in ["", "-", "a-", "a--b", "1a", "a-1", "a_b", "aB", "ä", "a b"] {
            assert!(!Id::Kebab.matches(bad), "{bad}");
        }
        assert!(Id::LowerSnake.matches("api_key2"));
        assert!(!Id::LowerSnake.matches("API_KEY"));
        assert!(!Id::LowerSnake.matches("api-key"));
        assert!(Id::Label.matches("a_b") && Id::Label.matches("a-b") && !Id::Label.matches("a-b_c"));
    }
}
