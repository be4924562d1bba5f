//! Reads one TOML table key by key, and knows at the end which keys nobody asked for.

use std::ops::Range;

use toml_edit::{Item, TableLike};

use super::{
    error::{Problem, problem},
    model::Located,
    node::{Node, nearest, one_of},
};
use crate::locked::LockedMap;

/// A table being read.
pub(super) struct Reader<'a> {
    table: &'a dyn TableLike,
    /// How errors call it, e.g. `[component.hello]`.
    pub(super) place: String,
    /// Where it stands: errors about missing keys point there.
    pub(super) span: Range<usize>,
    known: Vec<&'static str>,
}

/// A key and what it holds.
#[derive(Clone)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) key_span: Range<usize>,
    pub(super) node: Node<'a>,
}

impl<'a> Reader<'a> {
    /// The whole document.
    pub(super) fn document(table: &'a toml_edit::Table) -> Self {
        Self { table, place: "the manifest".to_owned(), span: 0..0, known: Vec::new() }
    }

    /// Every entry, in the order of the file, for tables whose keys are names.
    pub(super) fn entries(&self) -> Vec<Entry<'a>> {
        let entry = |(name, item): (&'a str, &'a Item)| {
            let key_span = self.table.key(name).and_then(toml_edit::Key::span).unwrap_or_else(|| self.span.clone());
            Some(Entry { name, key_span, node: Node::of(item)? })
        };
        self.table.iter().filter_map(entry).collect()
    }

    /// The entry of a key; from now on the key is a known one.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Entry<'a>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let (found, item) = self.table.get_key_value(key)?;
        let key_span = found.span().unwrap_or_else(|| self.span.clone());
        Some(Entry { name: key, key_span, node: Node::of(item)? })
    }

    /// The entry of a key that must be there; `expected` says what it holds.
    pub(super) fn require(&mut self, key: &'static str, expected: &str) -> Result<Entry<'a>, Problem> {
        self.get(key).ok_or_else(|| self.missing(key, expected))
    }

    /// A key that must be there is not.
    pub(super) fn missing(&self, key: &str, expected: &str) -> Problem {
        problem(self.span.clone(), format!("{} has no `{key}`", self.place), expected)
    }

    pub(super) fn string(&mut self, key: &'static str) -> Result<Option<Located<String>>, Problem> {
        self.get(key).map(|e| e.string()).transpose()
    }

    /// A string, or the empty one.
    pub(super) fn text(&mut self, key: &'static str) -> Result<String, Problem> {
        Ok(self.string(key)?.map(|s| s.value).unwrap_or_default())
    }

    pub(super) fn bool(&mut self, key: &'static str) -> Result<Option<bool>, Problem> {
        self.get(key).map(|e| e.node.as_bool().ok_or_else(|| e.wrong("`true` or `false`"))).transpose()
    }

    /// An array of strings, or the empty one.
    pub(super) fn strings(&mut self, key: &'static str) -> Result<Vec<Located<String>>, Problem> {
        self.get(key).map_or(Ok(Vec::new()), |e| e.strings())
    }

    /// A table of strings, or the empty one.
    pub(super) fn string_map(&mut self, key: &'static str) -> Result<LockedMap<String>, Problem> {
        let Some(entry) = self.get(key) else { return Ok(LockedMap::new()) };
        let table = entry.table(&format!("`{key}`"), "a table of strings")?;
        table.entries().iter().map(|e| Ok((e.name.to_owned(), e.string()?.value))).collect()
    }

    /// A table, if it is there. Its `place` is the key under this one's.
    pub(super) fn table(&mut self, key: &'static str) -> Result<Option<Reader<'a>>, Problem> {
        let place = match self.place.strip_suffix(']') {
            Some(open) => format!("{open}.{key}]"),
            None => format!("[{key}]"),
        };
        self.get(key).map(|e| e.table(&place, "a table")).transpose()
    }

    /// The entry of a key that is asked for only to tell versions apart.
    pub(super) fn peek(&self, key: &str) -> Option<Entry<'a>> {
        self.entries().into_iter().find(|e| e.name == key)
    }

    /// The keys that nobody has asked for.
    pub(super) fn rest(&self) -> Vec<Entry<'a>> {
        self.entries().into_iter().filter(|e| !self.known.contains(&e.name)).collect()
    }

    /// Refuses keys that nobody has asked for.
    pub(super) fn finish(self) -> Result<(), Problem> {
        let Some(unknown) = self.rest().into_iter().next() else { return Ok(()) };
        let found = format!("unknown key `{}` in {}", unknown.name, self.place);
        let expected = match nearest(unknown.name, self.known.iter().copied()) {
            Some(near) => format!("`{near}` or another known key"),
            None => one_of(&self.known),
        };
        Err(problem(unknown.key_span, found, expected))
    }
}

impl<'a> Entry<'a> {
    /// Where the value stands, or its key where a table is only implied.
    pub(super) fn span(&self) -> Range<usize> {
        self.node.span().unwrap_or_else(|| self.key_span.clone())
    }

    /// The value is of another type than `expected`.
    pub(super) fn wrong(&self, expected: &str) -> Problem {
        problem(self.span(), format!("`{}` is {}", self.name, self.node.describe()), expected)
    }

    pub(super) fn string(&self) -> Result<Located<String>, Problem> {
        let value = self.node.as_str().ok_or_else(|| self.wrong("a string"))?;
        Ok(Located { value: value.to_owned(), span: self.span() })
    }

    /// The elements of an array, also of `[[...]]` tables.
    pub(super) fn elements(&self, expected: &str) -> Result<Vec<Entry<'a>>, Problem> {
        let nodes = self.node.elements().ok_or_else(|| self.wrong(expected))?;
        Ok(nodes.into_iter().map(|node| Entry { node, ..self.clone() }).collect())
    }

    pub(super) fn strings(&self) -> Result<Vec<Located<String>>, Problem> {
        self.elements("an array of strings")?.iter().map(Entry::string).collect()
    }

    pub(super) fn table(&self, place: &str, expected: &str) -> Result<Reader<'a>, Problem> {
        let table = self.node.as_table().ok_or_else(|| self.wrong(expected))?;
        Ok(Reader { table, place: place.to_owned(), span: self.span(), known: Vec::new() })
    }
}
