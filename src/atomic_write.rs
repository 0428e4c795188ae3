//! Files that are whole or not there: written aside, made to last, then renamed, so that a full disk, a folder that
//! cannot be written or the end of the process leaves what was there before.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Makes `text` the content of the file, and leaves it the permissions that it has. A link is followed; a pipe or a device
/// is written to as it is, since nothing can take its place.
///
/// A process that is killed in the middle may leave a hidden file aside, `.turnloom-…`.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let permissions = match fs::metadata(path) {
        Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if !there.is_file() => {
            return OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes());
        }
        Ok(there) => Some(there.permissions()),
        Err(_) => None,
    };
    aside(path, text, permissions)?.persist(path).map_err(|error| error.error)?;
    lasts(path);
    Ok(())
}

/// Makes a file that must not be there yet; `AlreadyExists` if it is, and nothing has changed then.
pub(crate) fn create(path: &Path, text: &str) -> io::Result<()> {
    aside(path, text, None)?.persist_noclobber(path).map_err(|error| error.error)?;
    lasts(path);
    Ok(())
}

/// A file with the text in the folder of another; it goes away if it is not given that one's name.
fn aside(path: &Path, text: &str, permissions: Option<Permissions>) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".turnloom-");
    // What a temporary file may be is less than what people expect of one they keep; the mask of the process applies.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder(path))?;
    file.write_all(text.as_bytes())?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    Ok(file)
}

/// That a new name lasts is more than every file system promises; the content is whole either way.
fn lasts(path: &Path) {
    if let Ok(folder) = File::open(folder(path)) {
        let _ = folder.sync_all();
    }
}

/// The folder that a file is in.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
