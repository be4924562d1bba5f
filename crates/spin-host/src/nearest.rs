//! "Did you mean ...": the known name that is nearest to a mistyped one.

/// The nearest of `known`, if it is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(name.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_meant_name_or_none() {
        let known = ["key_value_store", "sqlite_database", "state_dir"];
        assert_eq!(nearest("key_value_stores", known), Some("key_value_store"));
        assert_eq!(nearest("statedir", known), Some("state_dir"));
        assert_eq!(nearest("telemetry", known), None);
    }
}
