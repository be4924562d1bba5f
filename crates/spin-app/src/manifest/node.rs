//! One view of TOML's ways to write the same thing: inline tables and headers, arrays and `[[...]]`.

use std::ops::Range;

use serde_json::{Map, Value as Json};
use toml_edit::{ArrayOfTables, Item, Table, TableLike, Value};

/// A value, table or list of tables.
#[derive(Clone, Copy)]
pub(super) enum Node<'a> {
    Value(&'a Value),
    Table(&'a Table),
    Tables(&'a ArrayOfTables),
}

impl<'a> Node<'a> {
    pub(super) fn of(item: &'a Item) -> Option<Self> {
        match item {
            Item::None => None,
            Item::Value(value) => Some(Self::Value(value)),
            Item::Table(table) => Some(Self::Table(table)),
            Item::ArrayOfTables(tables) => Some(Self::Tables(tables)),
        }
    }

    pub(super) fn span(self) -> Option<Range<usize>> {
        match self {
            Self::Value(value) => value.span(),
            Self::Table(table) => table.span(),
            Self::Tables(tables) => tables.span(),
        }
    }

    pub(super) fn as_str(self) -> Option<&'a str> {
        if let Self::Value(value) = self { value.as_str() } else { None }
    }

    pub(super) fn as_bool(self) -> Option<bool> {
        if let Self::Value(value) = self { value.as_bool() } else { None }
    }

    pub(super) fn as_integer(self) -> Option<i64> {
        if let Self::Value(value) = self { value.as_integer() } else { None }
    }

    pub(super) fn as_table(self) -> Option<&'a dyn TableLike> {
        match self {
            Self::Value(value) => value.as_inline_table().map(|t| t as &dyn TableLike),
            Self::Table(table) => Some(table),
            Self::Tables(_) => None,
        }
    }

    pub(super) fn elements(self) -> Option<Vec<Self>> {
        match self {
            Self::Value(value) => value.as_array().map(|a| a.iter().map(Self::Value).collect()),
            Self::Table(_) => None,
            Self::Tables(tables) => Some(tables.iter().map(Self::Table).collect()),
        }
    }

    /// The same in JSON. Dates become strings.
    pub(super) fn to_json(self) -> Json {
        if let Some(elements) = self.elements() {
            return elements.into_iter().map(Self::to_json).collect();
        }
        if let Some(table) = self.as_table() {
            let pairs = table.iter().filter_map(|(k, item)| Some((k.to_owned(), Node::of(item)?.to_json())));
            return Json::Object(pairs.collect::<Map<_, _>>());
        }
        match self {
            Self::Value(Value::String(s)) => s.value().as_str().into(),
            Self::Value(Value::Integer(i)) => (*i.value()).into(),
            Self::Value(Value::Float(f)) => (*f.value()).into(),
            Self::Value(Value::Boolean(b)) => (*b.value()).into(),
            Self::Value(Value::Datetime(d)) => d.value().to_string().into(),
            _ => Json::Null,
        }
    }

    /// What it is, for a message.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Value(Value::String(s)) => format!("the string {:?}", s.value()),
            Self::Value(Value::Integer(i)) => format!("the number {}", i.value()),
            Self::Value(Value::Float(f)) => format!("the number {}", f.value()),
            Self::Value(Value::Boolean(b)) => format!("`{}`", b.value()),
            Self::Value(Value::Datetime(d)) => format!("the date {}", d.value()),
            Self::Value(Value::Array(_)) => "an array".to_owned(),
            Self::Value(Value::InlineTable(_)) | Self::Table(_) => "a table".to_owned(),
            Self::Tables(_) => "a list of `[[...]]` tables".to_owned(),
        }
    }
}

/// `one of a, b, c`, for a message.
pub(super) fn one_of<S: AsRef<str>>(names: &[S]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => format!("`{}`", one.as_ref()),
        many => format!("one of {}", many.iter().map(|n| format!("`{}`", n.as_ref())).collect::<Vec<_>>().join(", ")),
    }
}

/// The candidate most like `name`, if any is like it at all.
pub(super) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .map(|c| (strsim::damerau_levenshtein(&name.to_lowercase(), c), c))
        .filter(|(distance, c)| distance * 3 <= c.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}
