//! Spans of virtual time: read from `"2s"`, printed the same way.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A span of virtual time, written as a number and a unit: `"250ms"`, `"2s"`, `"30m"`, `"1h"`.
///
/// ```
/// use turnloom::terms::Duration;
/// assert_eq!("2s".parse::<Duration>().unwrap().as_millis(), 2_000);
/// assert!("-2s".parse::<Duration>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    millis: u64,
}

impl Duration {
    /// A span of so many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    /// The span in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.millis
    }
}

/// Why a text is not a span of virtual time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No number, or a sign or a fraction.
    #[error(
        "a duration is a whole number and a unit, such as \"250ms\", \"2s\", \"30m\" or \"1h\"; it cannot be negative"
    )]
    Malformed,
    /// The unit is not one of ours.
    #[error("unknown unit {0:?}: use ms, s, m or h")]
    Unit(String),
    /// More milliseconds than fit.
    #[error("the duration is too long: at most {max}ms fit", max = u64::MAX)]
    Overflow,
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(DurationError::Malformed);
        }
        let (number, unit) = text.split_at(digits);
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "" => return Err(DurationError::Malformed),
            other => return Err(DurationError::Unit(other.to_owned())),
        };
        let number: u64 = number.parse().map_err(|_| DurationError::Overflow)?;
        let millis = number.checked_mul(factor).ok_or(DurationError::Overflow)?;
        Ok(Self { millis })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (factor, unit) in [(3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
            if self.millis > 0 && self.millis.is_multiple_of(factor) {
                return write!(f, "{}{unit}", self.millis / factor);
            }
        }
        write!(f, "{}ms", self.millis)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A span of virtual time: a whole number and a unit.",
            "type": "string",
            "pattern": "^[0-9]+(ms|s|m|h)$"
        })
    }
}
