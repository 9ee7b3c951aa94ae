//! Why TLS has failed, in the words that records and metrics use: OpenSSL's names where one fits, as those of the other TLS
//! ports are; else rustls's own sentence.

use rustls::{CertificateError, Error};

pub fn reason(error: &Error) -> String {
    match error {
        Error::NoCertificatesPresented => "no client certificate".into(),
        Error::InvalidCertificate(refused) => of_certificate(refused).map_or_else(|| error.to_string(), Into::into),
        _ => error.to_string(),
    }
}

fn of_certificate(refused: &CertificateError) -> Option<&'static str> {
    match refused {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Some("CERT_HAS_EXPIRED"),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Some("CERT_NOT_YET_VALID"),
        CertificateError::UnknownIssuer => Some("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
        CertificateError::BadSignature => Some("CERT_SIGNATURE_FAILURE"),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => Some("INVALID_PURPOSE"),
        CertificateError::Other(other) => match other.0.downcast_ref::<webpki::Error>()? {
            // The name that the proxy itself has for it.
            webpki::Error::CaUsedAsEndEntity => Some("ca-certificate"),
            webpki::Error::EndEntityUsedAsCa => Some("INVALID_CA"),
            webpki::Error::MaximumPathDepthExceeded => Some("CERT_CHAIN_TOO_LONG"),
            webpki::Error::PathLenConstraintViolated => Some("PATH_LENGTH_EXCEEDED"),
            webpki::Error::NameConstraintViolation => Some("PERMITTED_VIOLATION"),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_without_a_name_is_a_sentence() {
        let error = Error::InvalidCertificate(CertificateError::BadEncoding);
        assert_eq!(reason(&error), "invalid peer certificate: BadEncoding");
    }
}
