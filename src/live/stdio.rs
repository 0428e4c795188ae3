//! The process's own input and output as they are: a pipe or a socket is read only when bytes are wanted, so that "does
//! not read" is true of the kernel's buffer too, and a closed output is closed.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

/// What is read from.
pub(super) type Input = Box<dyn AsyncRead + Unpin>;
/// What is written to.
pub(super) type Output = Box<dyn AsyncWrite + Unpin>;

/// The input of this process.
#[cfg(unix)]
pub(super) fn input() -> io::Result<Input> {
    use std::os::fd::AsFd;
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(match Kind::of(&input)? {
        Kind::Pipe => Box::new(tokio::net::unix::pipe::Receiver::from_owned_fd(input)?),
        Kind::Socket => Box::new(socket(input)?),
        Kind::Other => Box::new(tokio::io::stdin()),
    })
}

/// The output of this process, which from now on nothing else can write to.
#[cfg(unix)]
pub(super) fn output() -> io::Result<Output> {
    use std::os::fd::AsFd;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    let output: Output = match Kind::of(&output)? {
        Kind::Pipe => Box::new(tokio::net::unix::pipe::Sender::from_owned_fd(output)?),
        Kind::Socket => Box::new(socket(output)?),
        Kind::Other => return Ok(Box::new(tokio::io::stdout())),
    };
    // Else the pipe would stay open when its one writer is dropped.
    rustix::stdio::dup2_stdout(std::fs::File::open("/dev/null")?)?;
    Ok(output)
}

#[cfg(unix)]
enum Kind {
    Pipe,
    Socket,
    Other,
}

#[cfg(unix)]
impl Kind {
    fn of(file: &std::os::fd::OwnedFd) -> io::Result<Self> {
        use std::os::unix::fs::FileTypeExt;
        let kind = std::fs::File::from(file.try_clone()?).metadata()?.file_type();
        Ok(match () {
            () if kind.is_fifo() => Self::Pipe,
            () if kind.is_socket() => Self::Socket,
            () => Self::Other,
        })
    }
}

#[cfg(unix)]
fn socket(fd: std::os::fd::OwnedFd) -> io::Result<tokio::net::UnixStream> {
    let socket = std::os::unix::net::UnixStream::from(fd);
    socket.set_nonblocking(true)?;
    tokio::net::UnixStream::from_std(socket)
}

/// The input of this process.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the signature of the other platforms")]
pub(super) fn input() -> io::Result<Input> {
    Ok(Box::new(tokio::io::stdin()))
}

/// The output of this process.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the signature of the other platforms")]
pub(super) fn output() -> io::Result<Output> {
    Ok(Box::new(tokio::io::stdout()))
}
