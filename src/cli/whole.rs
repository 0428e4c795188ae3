//! Writes files that are whole or not there: aside, then renamed. Must not know what is in them.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Writes a file that must not be there yet; `AlreadyExists` if it is, and nothing has changed then.
pub(super) fn create(path: &Path, text: &str) -> io::Result<()> {
    aside(path, text, None)?.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// Writes a file over the one that is there. A link stays one: the file it leads to is written.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let permissions = fs::metadata(&path)?.permissions();
    aside(&path, text, Some(permissions))?.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// A file with the text in the folder of another; it goes away if it is not given that one's name.
fn aside(path: &Path, text: &str, permissions: Option<Permissions>) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".turnloom-");
    // What a temporary file may be is less than what people expect of one they keep; the mask of the process applies.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    Ok(file)
}
