//! A connected socket, as rustls writes to it.

use std::io::{Error, IoSlice, Result, Write};

pub struct Socket(pub libc::c_int);

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> Result<usize> {
        // SAFETY: all zeros is a valid `msghdr`: no address, no parts, no control data.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        // `IoSlice` has the layout of `iovec` (its documentation promises it on Unix), and sendmsg only reads the parts.
        message.msg_iov = parts.as_ptr().cast_mut().cast();
        message.msg_iovlen = parts.len() as _;
        // A send, not a writev: a peer that has gone must be an error and not a SIGPIPE.
        // SAFETY: `message` and the parts that it points to live until the call returns.
        let sent = unsafe { libc::sendmsg(self.0, &message, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) };
        if sent < 0 { Err(Error::last_os_error()) } else { Ok(sent as usize) }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
