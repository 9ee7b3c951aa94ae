//! One connection's TLS. Its bytes to the peer go straight to the socket; those from the peer come from the caller.

use std::io::{ErrorKind, Read, Write};

use rustls::ServerConnection;

use crate::config::Config;
use crate::guard::{bytes, bytes_mut, guarded};
use crate::live::{Counted, SESSIONS};
use crate::reason::reason;
use crate::socket::Socket;

/// What of the proxy's bytes may be encrypted and not yet taken by the kernel.
const UNSENT: usize = 64 * 1024;

pub struct Session {
    pub tls: ServerConnection,
    /// The handshake's end has been told.
    handshaken: bool,
    /// Why nothing can be received any more.
    pub failure: Option<String>,
    _counted: Counted,
}

/// What a call to `portreeve_tls_receive` tells.
#[repr(C)]
pub struct Report {
    /// Bytes of the input that were taken. All of them, unless the handshake ended or there was no room.
    consumed: u32,
    /// Bytes that were decrypted.
    plain: u32,
    /// `HANDSHAKEN`, `ENDED`, `FAILED`.
    state: u32,
    /// Of what had to be sent: 0 when the kernel took it all, else an errno.
    sent: i32,
}

/// The handshake has ended, in this call: told once.
const HANDSHAKEN: u32 = 1;
/// The peer has said, by close_notify, that it will send no more.
const ENDED: u32 = 2;
/// TLS cannot go on; `portreeve_tls_failure` says why. The alert that tells the peer has been sent.
const FAILED: u32 = 4;

/// A session; null when there cannot be one.
///
/// # Safety
/// As `lib.rs` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portreeve_tls_open(config: *const Config) -> *mut Session {
    guarded(std::ptr::null_mut(), || {
        // SAFETY: the caller's promise.
        let Some(config) = (unsafe { config.as_ref() }) else { return std::ptr::null_mut() };
        let Ok(mut tls) = ServerConnection::new(config.server.clone()) else { return std::ptr::null_mut() };
        tls.set_buffer_limit(Some(UNSENT));
        let counted = Counted::new(&SESSIONS);
        Box::into_raw(Box::new(Session { tls, handshaken: false, failure: None, _counted: counted }))
    })
}

/// # Safety
/// As `lib.rs` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portreeve_tls_free(session: *mut Session) {
    if !session.is_null() {
        // SAFETY: made by `Box::into_raw` above, and freed once.
        guarded((), || drop(unsafe { Box::from_raw(session) }));
    }
}

/// Takes what the peer has sent, gives what that decrypts to, and sends what it has to be answered with.
///
/// Returns when the handshake has ended, so that the caller can judge the peer before anything else is looked at.
///
/// # Safety
/// As `lib.rs` says; `socket` is connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portreeve_tls_receive(
    session: *mut Session,
    input: *const u8,
    length: usize,
    plain: *mut u8,
    room: usize,
    socket: libc::c_int,
    report: *mut Report,
) {
    // SAFETY: the caller's promise; the three are different memory.
    let (session, input, plain, report) =
        unsafe { (session.as_mut(), bytes(input, length), bytes_mut(plain, room), report.as_mut()) };
    let Some(report) = report else { return };
    *report = Report { consumed: 0, plain: 0, state: FAILED, sent: 0 };
    let (Some(session), Some(input), Some(plain)) = (session, input, plain) else { return };
    let done = guarded(None, || Some(session.receive(input, plain)));
    match done {
        Some(done) => *report = done,
        None => session.fail("internal error"),
    }
    report.sent = session.flush(socket);
}

/// Encrypts and sends. Returns how many bytes were taken, and leaves an errno in `sent` when the kernel did not take all of
/// what they became: then the rest follows by `portreeve_tls_flush`. -1 for a session that has failed.
///
/// # Safety
/// As `lib.rs` says; `socket` is connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portreeve_tls_write(
    session: *mut Session,
    data: *const u8,
    length: usize,
    socket: libc::c_int,
    sent: *mut i32,
) -> i64 {
    // SAFETY: the caller's promise.
    let (session, data, sent) = unsafe { (session.as_mut(), bytes(data, length), sent.as_mut()) };
    let (Some(session), Some(data), Some(sent)) = (session, data, sent) else { return -1 };
    let done = guarded(None, || Some(session.write(data, socket)));
    match done {
        Some((taken, errno)) => {
            *sent = errno;
            taken
        }
        None => {
            session.fail("internal error");
            -1
        }
    }
}

/// Sends what the kernel has not taken yet. 0 when nothing is left, else an errno.
///
/// # Safety
/// As `lib.rs` says; `socket` is connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portreeve_tls_flush(session: *mut Session, socket: libc::c_int) -> i32 {
    // SAFETY: the caller's promise.
    match unsafe { session.as_mut() } {
        Some(session) => session.flush(socket),
        None => libc::EINVAL,
    }
}

/// Tells the peer that nothing more follows, and sends that. As `portreeve_tls_flush`.
///
/// # Safety
/// As `lib.rs` says; `socket` is connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portreeve_tls_end(session: *mut Session, socket: libc::c_int) -> i32 {
    // SAFETY: the caller's promise.
    let Some(session) = (unsafe { session.as_mut() }) else { return libc::EINVAL };
    guarded((), || session.tls.send_close_notify());
    session.flush(socket)
}

impl Session {
    fn receive(&mut self, input: &[u8], plain: &mut [u8]) -> Report {
        let mut report = Report { consumed: 0, plain: 0, state: 0, sent: 0 };
        if self.failure.is_some() {
            report.state = FAILED;
            return report;
        }
        let mut rest = input;
        let mut filled = 0;
        loop {
            // rustls takes 4 KiB at a time, and no more before its plaintext is read.
            let before = rest.len();
            if !rest.is_empty() && self.tls.read_tls(&mut rest).is_err() {
                self.fail("more than TLS allows to be held");
                break;
            }
            let state = match self.tls.process_new_packets() {
                Ok(state) => state,
                Err(error) => {
                    self.fail(&reason(&error));
                    break;
                }
            };
            filled += self.read_plain(&mut plain[filled..]);
            if !self.handshaken && !self.tls.is_handshaking() {
                self.handshaken = true;
                report.state |= HANDSHAKEN;
            }
            if state.peer_has_closed() {
                report.state |= ENDED;
                // What comes after close_notify is not the peer's any more.
                rest = &[];
            }
            let stuck = rest.len() == before;
            if rest.is_empty() || stuck || report.state & HANDSHAKEN != 0 {
                break;
            }
        }
        if self.failure.is_some() {
            report.state |= FAILED;
        }
        report.consumed = (input.len() - rest.len()) as u32;
        report.plain = filled as u32;
        report
    }

    /// All that was decrypted. The caller's room is more than what its input can hold.
    fn read_plain(&mut self, plain: &mut [u8]) -> usize {
        let mut filled = 0;
        loop {
            match self.tls.reader().read(&mut plain[filled..]) {
                Ok(0) => return filled,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return filled,
                Err(error) => {
                    self.fail(&error.to_string());
                    return filled;
                }
            }
        }
    }

    fn write(&mut self, data: &[u8], socket: libc::c_int) -> (i64, i32) {
        let mut taken = 0;
        let mut errno = self.flush(socket);
        while errno == 0 && taken < data.len() {
            match self.tls.writer().write(&data[taken..]) {
                Ok(0) | Err(_) => return (if taken == 0 { -1 } else { taken as i64 }, errno),
                Ok(count) => taken += count,
            }
            errno = self.flush(socket);
        }
        (taken as i64, errno)
    }

    pub fn flush(&mut self, socket: libc::c_int) -> i32 {
        guarded(libc::EIO, || {
            while self.tls.wants_write() {
                match self.tls.write_tls(&mut Socket(socket)) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return error.raw_os_error().unwrap_or(libc::EIO),
                }
            }
            0
        })
    }

    fn fail(&mut self, why: &str) {
        self.failure.get_or_insert_with(|| why.to_owned());
    }
}
