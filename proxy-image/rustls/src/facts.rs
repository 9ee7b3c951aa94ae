//! What is asked of a session now and then: who the peer is, and why TLS failed.

use rustls::{HandshakeKind, ProtocolVersion};

use crate::guard::{bytes_mut, guarded};
use crate::session::Session;

/// Writes what the handshake has found, each part as its length (four bytes, the machine's order) and its bytes: `resumed` or
/// nothing, the version's name, the server name or nothing, and each of the peer's certificates in DER, the leaf first.
///
/// Returns the length of it all, also where the room was too small and nothing was written; -1 on failure.
///
/// # Safety
/// As `lib.rs` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portreeve_tls_facts(session: *const Session, out: *mut u8, room: usize) -> i64 {
    guarded(-1, || {
        // SAFETY: the caller's promise.
        let (Some(session), Some(out)) = (unsafe { (session.as_ref(), bytes_mut(out, room)) }) else { return -1 };
        let tls = &session.tls;
        let resumed: &[u8] = if tls.handshake_kind() == Some(HandshakeKind::Resumed) { b"resumed" } else { b"" };
        let version: &[u8] = match tls.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => b"TLSv1.3",
            Some(ProtocolVersion::TLSv1_2) => b"TLSv1.2",
            _ => return -1,
        };
        let name = tls.server_name().unwrap_or_default().as_bytes();
        let certificates = tls.peer_certificates().unwrap_or_default();
        let parts = [resumed, version, name].into_iter().chain(certificates.iter().map(AsRef::as_ref));
        write_parts(out, parts)
    })
}

/// Writes why the session has failed. Returns the length of the text, cut to the room; 0 when it has not.
///
/// # Safety
/// As `lib.rs` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portreeve_tls_failure(session: *const Session, out: *mut u8, room: usize) -> u32 {
    guarded(0, || {
        // SAFETY: the caller's promise.
        let (Some(session), Some(out)) = (unsafe { (session.as_ref(), bytes_mut(out, room)) }) else { return 0 };
        let text = session.failure.as_deref().unwrap_or_default().as_bytes();
        let count = text.len().min(out.len());
        out[..count].copy_from_slice(&text[..count]);
        count as u32
    })
}

fn write_parts<'a>(out: &mut [u8], parts: impl Iterator<Item = &'a [u8]> + Clone) -> i64 {
    let length: usize = parts.clone().map(|part| 4 + part.len()).sum();
    if length <= out.len() {
        let mut rest = out;
        for part in parts {
            let (head, tail) = rest.split_at_mut(4);
            head.copy_from_slice(&(part.len() as u32).to_ne_bytes());
            let (body, next) = tail.split_at_mut(part.len());
            body.copy_from_slice(part);
            rest = next;
        }
    }
    length as i64
}
