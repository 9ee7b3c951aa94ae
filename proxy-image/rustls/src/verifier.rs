//! Who judges clients' certificates: webpki, and before it a bound on how many there are.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};

/// Certificates of issuers that a client may send behind its own. webpki tries each as the issuer of each, up to 200 000 times,
/// before it knows that the client holds any key: 300 small ones with chosen names took two seconds of the one thread.
/// The longest path that the proxy follows has five of them, and the root (`MAX_PATH` of `identity/trust-store.ts`).
const MOST_ISSUERS: usize = 6;

#[derive(Debug)]
pub struct Bounded(pub Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Bounded {
    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if issuers.len() > MOST_ISSUERS {
            let why = OtherError(Arc::new(webpki::Error::MaximumPathDepthExceeded));
            return Err(CertificateError::Other(why).into());
        }
        self.0.verify_client_cert(leaf, issuers, now)
    }

    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
