//! Kubernetes quantities (`128Mi`, `500m`, `1e3`) as numbers, and back in canonical form.

use std::fmt;
use std::str::FromStr;

/// A quantity. Compares by value; displays in canonical form: no fraction, the largest suffix that loses nothing.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    /// Thousand-millionths of the unit: the finest that a quantity can express.
    nanos: i128,
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    BinarySi,
    DecimalSi,
    DecimalExponent,
}

/// The text is not a quantity.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a quantity; write a number with an optional suffix, for example 128Mi, 1Gi or 500m")]
pub struct ParseQuantityError(String);

const NANOS: i128 = 1_000_000_000;
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/// Decimal suffixes by power of ten, from -9 in steps of three.
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

impl Quantity {
    /// The value in whole units, rounded up (away from zero when negative), as Kubernetes rounds.
    pub fn ceil(self) -> i128 {
        let whole = self.nanos / NANOS;
        whole + (self.nanos % NANOS).signum()
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseQuantityError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Quantity> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let (base, exponent, format) = suffix_value(suffix)?;
    let digits = format!("{whole}{fraction}");
    // Past 2^63 - 1 Kubernetes caps; text longer than this can only be beyond it or below a nano.
    if digits.len() > 36 || exponent.abs() > 18 {
        return None;
    }
    let mut value: i128 = digits.parse().ok()?;
    let mut scale = 9 - i32::try_from(fraction.len()).ok()?;
    match base {
        Base::Binary => value = value.checked_mul(1_i128 << (10 * exponent))?,
        Base::Decimal => scale += exponent,
    }
    let factor = 10_i128.checked_pow(scale.unsigned_abs())?;
    let nanos = if scale >= 0 { value.checked_mul(factor)? } else { value / factor + i128::from(value % factor != 0) };
    let nanos = nanos.min(i128::from(i64::MAX).checked_mul(NANOS)?);
    Some(Quantity { nanos: if negative { -nanos } else { nanos }, format })
}

#[derive(Clone, Copy)]
enum Base {
    Binary,
    Decimal,
}

fn suffix_value(suffix: &str) -> Option<(Base, i32, Format)> {
    if let Some(power) = DECIMAL.iter().position(|known| *known == suffix) {
        return Some((Base::Decimal, i32::try_from(power).ok()? * 3 - 9, Format::DecimalSi));
    }
    if let Some(power) = BINARY.iter().position(|known| *known == suffix) {
        return Some((Base::Binary, i32::try_from(power).ok()?, Format::BinarySi));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    Some((Base::Decimal, exponent.parse().ok()?, Format::DecimalExponent))
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A binary suffix can't express a fraction of one.
        if self.format == Format::BinarySi && self.nanos % NANOS == 0 {
            let mut value = self.nanos / NANOS;
            let mut power = 0;
            while value != 0 && value % 1024 == 0 && power + 1 < BINARY.len() {
                value /= 1024;
                power += 1;
            }
            return write!(f, "{value}{}", BINARY[power]);
        }
        let mut value = self.nanos;
        let mut power = 0;
        while value != 0 && value % 1000 == 0 && power + 1 < DECIMAL.len() {
            value /= 1000;
            power += 1;
        }
        if value == 0 {
            return f.write_str("0");
        }
        let exponent = i32::try_from(power).unwrap_or_default() * 3 - 9;
        match self.format {
            Format::DecimalExponent if exponent == 0 => write!(f, "{value}"),
            Format::DecimalExponent => write!(f, "{value}e{exponent}"),
            Format::BinarySi | Format::DecimalSi => write!(f, "{value}{}", DECIMAL[power]),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_and_canonical_forms() {
        for (text, ceil, canonical) in [
            ("40M", 40_000_000, "40M"),
            ("128Mi", 134_217_728, "128Mi"),
            ("1024Mi", 1_073_741_824, "1Gi"),
            ("0.5Gi", 536_870_912, "512Mi"),
            ("1000Mi", 1_048_576_000, "1000Mi"),
            ("500m", 1, "500m"),
            ("-1500m", -2, "-1500m"),
            ("1.5", 2, "1500m"),
            ("0", 0, "0"),
            ("1e3", 1000, "1e3"),
            ("12E0", 12, "12"),
            (".5Ki", 512, "512"),
            ("5.", 5, "5"),
            ("1E", 1_000_000_000_000_000_000, "1E"),
        ] {
            let quantity: Quantity = text.parse().unwrap();
            assert_eq!((quantity.ceil(), quantity.to_string().as_str()), (ceil, canonical), "{text}");
        }
        assert!("1Gi".parse::<Quantity>().unwrap() > "1G".parse().unwrap());
    }

    #[test]
    fn what_is_no_quantity() {
        for text in ["", "-", "Mi", "1.2.3", "1mi", "1 Mi", "lots", "1e", "1e1.5", "0x10", "1KiB"] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn canonical_form_is_the_same_value(number in 0_i64..1_000_000, suffix in "(|k|M|G|m|Ki|Mi|Gi|e2|e-1)") {
            let quantity: Quantity = format!("{number}{suffix}").parse().unwrap();
            prop_assert_eq!(quantity.to_string().parse::<Quantity>().unwrap(), quantity);
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<Quantity>();
        }
    }
}
