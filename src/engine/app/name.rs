//! Names: of an app in Kubernetes, and of its image.

use super::AppError;

/// The longest name: it becomes part of a label's key (`core.spinkube.dev/app.NAME.status`, 63 at most).
const LONGEST: usize = 52;

/// An app's name as one of a `SpinApp`, a Service and an image: lower case, dashes for what is not allowed.
pub(crate) fn kubernetes(name: &str) -> Result<String, AppError> {
    let refused = |reason| AppError::BadName { name: name.into(), reason };
    let mut valid = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9') => valid.push(letter),
            _ if valid.ends_with('-') => {}
            _ => valid.push('-'),
        }
    }
    let valid = valid.trim_matches('-');
    if !valid.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Err(refused("it must begin with a letter"));
    }
    if valid.len() > LONGEST {
        return Err(refused("it is longer than 52 letters"));
    }
    Ok(valid.to_owned())
}

/// An app's tag: its version where that can be one, else `latest`.
pub(crate) fn tag(version: &str) -> &str {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    let valid =
        !version.is_empty() && version.len() <= 128 && version.chars().all(allowed) && !version.starts_with(['.', '-']);
    if valid { version } else { "latest" }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_become_valid_or_are_refused() {
        for (name, valid) in [
            ("hello", "hello"),
            ("Hello_World", "hello-world"),
            ("my  app!", "my-app"),
            ("--a--b--", "a-b"),
            ("v2.app", "v2-app"),
            ("über", "ber"),
        ] {
            assert_eq!(kubernetes(name).unwrap(), valid);
        }
        for name in ["", "1st", "---", &"a".repeat(53)] {
            assert!(matches!(kubernetes(name), Err(AppError::BadName { .. })), "{name}");
        }
    }

    #[test]
    fn a_version_is_a_tag_where_it_can_be() {
        for (version, expected) in [("0.1.0", "0.1.0"), ("", "latest"), ("1.0+build", "latest"), (".1", "latest")] {
            assert_eq!(tag(version), expected);
        }
    }
}
