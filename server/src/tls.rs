//! The service's certificate.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;
use strongroom::{Error, ErrorKind};

/// A TLS configuration, 1.2 or newer, from a certificate chain and its key in PEM.
///
/// # Errors
/// When a file cannot be read, or the two do not belong together. No error says what is in the key's file.
pub(crate) fn server_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, Error> {
    let operation = "read the certificate";
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| {
            Error::new(ErrorKind::Io, operation).object(certificate.display()).because(error.to_string())
        })?;
    if chain.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, operation)
            .object(certificate.display())
            .detail("the file has no certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|_| {
        Error::new(ErrorKind::InvalidArgument, operation).object(key.display()).detail("the file has no private key")
    })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| {
            Error::new(ErrorKind::InvalidArgument, operation).object(certificate.display()).because(error.to_string())
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
