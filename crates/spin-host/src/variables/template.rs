//! Templates: text with `{{ name }}` in it.

use thiserror::Error;

use super::is_valid_name;

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Variable(String),
}

/// A template that can't be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TemplateError {
    /// `{{` without `}}`.
    #[error("template `{0}` opens `{{{{` and never closes it; write `{{{{ name }}}}`")]
    Unclosed(String),
    /// What is between the braces is no variable name.
    #[error(
        "template `{template}` uses `{name}`, which is no variable name; names are lower case with single underscores"
    )]
    Name {
        /// The whole text.
        template: String,
        /// What was found.
        name: String,
    },
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or_else(|| TemplateError::Unclosed(text.to_owned()))?;
            let name = name.trim();
            if !is_valid_name(name) {
                return Err(TemplateError::Name { template: text.to_owned(), name: name.to_owned() });
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn splits_text_and_names() {
        let parts = Template::parse("a{{b}}{{ c_d }}e}}").unwrap().0;
        let variable = |name: &str| Part::Variable(name.to_owned());
        let literal = |text: &str| Part::Text(text.to_owned());
        assert_eq!(parts, [literal("a"), variable("b"), variable("c_d"), literal("e}}")]);
    }

    #[test]
    fn errors_show_the_template() {
        insta::assert_snapshot!(Template::parse("https://{{ host").unwrap_err(), @"template `https://{{ host` opens `{{` and never closes it; write `{{ name }}`");
        insta::assert_snapshot!(Template::parse("{{ A-b }}").unwrap_err(), @"template `{{ A-b }}` uses `A-b`, which is no variable name; names are lower case with single underscores");
    }

    proptest! {
        #[test]
        fn never_panics_and_keeps_plain_text(text in ".*") {
            if let Ok(template) = Template::parse(&text)
                && !text.contains("{{")
            {
                let expected: Vec<Part> = if text.is_empty() { vec![] } else { vec![Part::Text(text)] };
                prop_assert_eq!(template.0, expected);
            }
        }
    }
}
