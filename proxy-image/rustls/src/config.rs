//! A server's configuration: its certificate, whose clients it takes, and its tickets.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};

use crate::guard::{bytes, bytes_mut, guarded};
use crate::live::{CONFIGS, Counted};
use crate::verifier::Bounded;

pub struct Config {
    pub server: Arc<ServerConfig>,
    _counted: Counted,
}

/// Whether clients are asked for a certificate, and whether they may have none. One that is shown must be good in any case.
const CLIENT_OPTIONAL: u32 = 1;
const CLIENT_REQUIRED: u32 = 2;

/// A configuration; null when it cannot be, and then `why` holds the length of a sentence (four bytes, the machine's order)
/// and the sentence, cut to its room.
///
/// `chain`, `key` and `roots` are PEM. `client` is 0, `CLIENT_OPTIONAL` or `CLIENT_REQUIRED`; `tls12` other than 0 allows
/// TLS 1.2 beside 1.3. Session tickets are sealed with keys that only this configuration has.
///
/// # Safety
/// As `lib.rs` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portreeve_tls_config(
    chain: *const u8,
    chain_length: usize,
    key: *const u8,
    key_length: usize,
    roots: *const u8,
    roots_length: usize,
    client: u32,
    tls12: u32,
    why: *mut u8,
    why_room: usize,
) -> *mut Config {
    let made = guarded(Err("internal error".to_owned()), || {
        // SAFETY: the caller's promise.
        let (chain, key, roots) =
            unsafe { (bytes(chain, chain_length), bytes(key, key_length), bytes(roots, roots_length)) };
        make(chain.unwrap_or_default(), key.unwrap_or_default(), roots.unwrap_or_default(), client, tls12 != 0)
    });
    match made {
        Ok(server) => Box::into_raw(Box::new(Config { server: Arc::new(server), _counted: Counted::new(&CONFIGS) })),
        Err(sentence) => {
            // SAFETY: the caller's promise.
            if let Some(why) = unsafe { bytes_mut(why, why_room) } {
                write_sentence(why, &sentence);
            }
            std::ptr::null_mut()
        }
    }
}

/// # Safety
/// As `lib.rs` says. Sessions of the configuration go on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portreeve_tls_config_free(config: *mut Config) {
    if !config.is_null() {
        // SAFETY: made by `Box::into_raw` above, and freed once.
        guarded((), || drop(unsafe { Box::from_raw(config) }));
    }
}

fn make(chain: &[u8], key: &[u8], roots: &[u8], client: u32, tls12: bool) -> Result<ServerConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions: &[_] = if tls12 { &[&TLS13, &TLS12] } else { &[&TLS13] };
    let verifier = match client {
        CLIENT_OPTIONAL | CLIENT_REQUIRED => {
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(read_roots(roots)?), provider.clone());
            let builder = if client == CLIENT_OPTIONAL { builder.allow_unauthenticated() } else { builder };
            Arc::new(Bounded(builder.build().map_err(|error| error.to_string())?))
        }
        0 => WebPkiClientVerifier::no_client_auth(),
        _ => return Err("no such kind of client".into()),
    };
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("its certificate: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("its key: {error}"))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| error.to_string())?;
    // Sealed tickets instead of remembered sessions: however many clients there are, they cost no memory.
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(|error| error.to_string())?;
    // 0-RTT could be replayed. It is off by default; here it stays so.
    config.max_early_data_size = 0;
    Ok(config)
}

fn read_roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(pem) {
        let root = root.map_err(|error| format!("a trust bundle: {error}"))?;
        store.add(root).map_err(|error| format!("a trust bundle: {error}"))?;
    }
    Ok(store)
}

fn write_sentence(out: &mut [u8], sentence: &str) {
    let Some((length, text)) = out.split_first_chunk_mut::<4>() else { return };
    let count = sentence.len().min(text.len());
    text[..count].copy_from_slice(&sentence.as_bytes()[..count]);
    *length = (count as u32).to_ne_bytes();
}
