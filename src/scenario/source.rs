//! Reads the bytes of a scenario file and says what is wrong with the file itself.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The size in bytes above which a file is refused.
pub const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Why the text of a scenario file could not be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SourceError {
    /// There is no such file.
    #[error("the file does not exist")]
    #[diagnostic(help("check the path; `turnloom new` writes a first scenario"))]
    Missing,
    /// The path names a folder.
    #[error("it is a folder, not a file")]
    #[diagnostic(help("name one scenario file in it"))]
    Folder,
    /// The path names a pipe or a device, which may never end.
    #[error("it is not a regular file")]
    #[diagnostic(help("name a scenario file on disk"))]
    Irregular,
    /// The file holds nothing, or only white space.
    #[error("the file is empty")]
    #[diagnostic(help("`turnloom new` writes a first scenario"))]
    Empty,
    /// The file is larger than any scenario a person wrote.
    #[error("the file is larger than 4 MiB ({} bytes), the limit of a scenario", MAX_BYTES)]
    #[diagnostic(help("a scenario is a page or two of JSON: is this the right file?"))]
    TooLarge,
    /// The file is larger than any scenario a person wrote, once its fragments stand where they are used.
    #[error("with its fragments it is larger than 4 MiB ({} bytes), the limit of a scenario", MAX_BYTES)]
    #[diagnostic(help("use fewer of them, or smaller ones"))]
    WholeTooLarge,
    /// The file is not UTF-8.
    #[error("it is not UTF-8: the byte at offset {offset} (line {line}) begins no character")]
    #[diagnostic(help("save the file as UTF-8"))]
    NotUtf8 {
        /// The offset of the first byte that is part of no character.
        offset: usize,
        /// The line of that byte, from 1.
        line: usize,
    },
    /// The file begins with a byte order mark, which JSON forbids.
    #[error("it begins with a byte order mark")]
    #[diagnostic(help("save the file as UTF-8 without a byte order mark"))]
    ByteOrderMark,
    /// The path has no name that could be the scenario's.
    #[error("the path has no file name in UTF-8, which would be the name of the scenario")]
    #[diagnostic(help("rename the file"))]
    Unnamed,
    /// The system refused.
    #[error("the system refuses: {kind}")]
    Refused {
        /// The kind of refusal, in the words of the standard library.
        kind: io::ErrorKind,
    },
}

impl SourceError {
    /// The name of the kind of finding, for reports that programs read.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Missing => "file-missing",
            Self::Folder => "file-folder",
            Self::Irregular => "file-irregular",
            Self::Empty => "file-empty",
            Self::TooLarge => "file-too-large",
            Self::WholeTooLarge => "fragments-too-large",
            Self::NotUtf8 { .. } => "file-not-utf8",
            Self::ByteOrderMark => "file-byte-order-mark",
            Self::Unnamed => "file-unnamed",
            Self::Refused { .. } => "file-unreadable",
        }
    }
}

impl From<io::Error> for SourceError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            io::ErrorKind::IsADirectory => Self::Folder,
            kind => Self::Refused { kind },
        }
    }
}

/// Whether a file that was found in a folder is taken for a scenario: `*.json`, but for `schema.json`, which editors
/// complete the others by, and what is hidden.
///
/// ```
/// use std::path::Path;
/// use turnloom::scenario::is_scenario;
/// assert!(is_scenario(Path::new("scenarios/r08-finish-gap.json")));
/// assert!(!is_scenario(Path::new("scenarios/schema.json")));
/// ```
#[must_use]
pub fn is_scenario(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    path.extension().is_some_and(|extension| extension == "json")
        && name != "schema.json"
        && !name.starts_with('.')
}

/// The name of the scenario that a file holds: the file's stem.
pub(super) fn name(path: &Path) -> Result<String, SourceError> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.map(str::to_owned).ok_or(SourceError::Unnamed)
}

/// The text of a file, of which never more than the limit is read.
pub(super) fn read(path: &Path) -> Result<String, SourceError> {
    // A pipe blocks when it is opened, so what the path names is asked before.
    let meta = std::fs::metadata(path)?;
    if meta.is_dir() {
        return Err(SourceError::Folder);
    }
    if !meta.is_file() {
        return Err(SourceError::Irregular);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    decode(bytes)
}

fn decode(bytes: Vec<u8>) -> Result<String, SourceError> {
    // The file may have grown since it was asked for its size, so the bytes count.
    if bytes.len() as u64 > MAX_BYTES {
        return Err(SourceError::TooLarge);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count();
        SourceError::NotUtf8 { offset, line }
    })?;
    check(&text)?;
    Ok(text)
}

/// What holds for a text in memory as for one from a file.
pub(super) fn check(text: &str) -> Result<(), SourceError> {
    if text.len() as u64 > MAX_BYTES {
        return Err(SourceError::TooLarge);
    }
    if text.starts_with('\u{feff}') {
        return Err(SourceError::ByteOrderMark);
    }
    if text.trim().is_empty() {
        return Err(SourceError::Empty);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bad_byte_is_named() {
        let error = decode(b"{\n\"a\xff\"}".to_vec()).unwrap_err();
        assert!(matches!(error, SourceError::NotUtf8 { offset: 4, line: 2 }), "{error}");
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        let text = "1".repeat(usize::try_from(MAX_BYTES).unwrap());
        assert!(decode(text.clone().into_bytes()).is_ok());
        assert!(matches!(decode((text + "1").into_bytes()), Err(SourceError::TooLarge)));
    }

    #[test]
    fn the_name_is_the_stem() {
        assert_eq!(name(Path::new("a/b/r08-finish-gap.json")).unwrap(), "r08-finish-gap");
        assert!(matches!(name(Path::new("..")), Err(SourceError::Unnamed)));
    }
}
