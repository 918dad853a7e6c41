//! Self-signed certificates.

use poggio::reqwest::Certificate;
use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// Returns a certificate with these parameters, and a TLS server configuration that presents it.
pub(crate) fn self_signed(params: &CertificateParams) -> (Certificate, ServerConfig) {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let trusted = Certificate::from_der(&certificate).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth();
    (trusted, config.with_single_cert(vec![certificate], key).unwrap())
}
