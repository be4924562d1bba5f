//! What is wrong with a manifest, and where.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use miette::{Diagnostic, NamedSource, SourceSpan};

/// Why a manifest can't be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ManifestError {
    /// It is not there, or is no text.
    #[error("can't read {}: {source}; run this in a folder that holds a spin.toml, or name one", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It breaks a rule of the format.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Invalid(Box<Invalid>),
}

/// A broken rule. Its text is one line; as a `miette` report it also shows the lines of the file.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{file}:{line}:{column}: {found}; expected {expected}{}", help.as_ref().map(|h| format!("; {h}")).unwrap_or_default())]
pub struct Invalid {
    /// The file, as it was named by the caller.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What stands there.
    pub found: String,
    /// What the format wants there.
    pub expected: String,
    /// What to do.
    #[help]
    pub help: Option<String>,
    #[source_code]
    text: NamedSource<String>,
    #[label("expected {expected}")]
    span: SourceSpan,
}

/// An [`Invalid`] that does not know its file yet.
#[derive(Debug)]
pub(crate) struct Problem {
    span: Range<usize>,
    found: String,
    expected: String,
    help: Option<String>,
}

/// `found` at `span`, where `expected` should be.
pub(crate) fn problem(span: Range<usize>, found: impl Into<String>, expected: impl Into<String>) -> Problem {
    Problem { span, found: found.into(), expected: expected.into(), help: None }
}

impl Problem {
    /// Adds what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn at(self, path: &Path, text: &str) -> ManifestError {
        let start = floor_char_boundary(text, self.span.start);
        let end = floor_char_boundary(text, self.span.end).max(start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let file = path.display().to_string();
        ManifestError::Invalid(Box::new(Invalid {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            found: self.found,
            expected: self.expected,
            help: self.help,
            text: NamedSource::new(&file, text.to_owned()).with_language("toml"),
            span: SourceSpan::new(start.into(), end - start),
            file,
        }))
    }
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}
