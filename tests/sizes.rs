//! How much the tests look at that compare searches: a part of it in a common run, all of it with `TURNLOOM_FULL=1`, as in `.ci/full`.

/// The size of a common run, or that of a full one.
pub fn sized<T>(common: T, full: T) -> T {
    if std::env::var_os("TURNLOOM_FULL").is_some() { full } else { common }
}
