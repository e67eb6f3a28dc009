//! Which certificate authorities a function trusts.

use std::fmt;
use std::path::Path;

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Read at every cold start, so there are five of them and not the 145 or so that a system trusts: INIT takes 5.5 ms
/// and not 8.2.
const AMAZON_TRUST_SERVICES: &[u8] = include_bytes!("amazon-trust-services.pem");

/// The certificate authorities that may vouch for the store.
#[derive(Clone, Debug)]
pub struct Trust(TrustStore);

/// Why a bundle of certificate authorities is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableBundle(String);

impl fmt::Display for UnusableBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AWS_CA_BUNDLE {}", self.0)
    }
}

impl std::error::Error for UnusableBundle {}

impl Trust {
    /// The roots of Amazon Trust Services, which is all that AWS's endpoints need.
    #[must_use]
    pub fn amazon() -> Self {
        Self(TrustStore::empty().with_pem_certificate(AMAZON_TRUST_SERVICES))
    }

    /// The authorities in a PEM file and no others, as the AWS CLI and the other SDKs take `AWS_CA_BUNDLE`: for a
    /// proxy that ends TLS, for an endpoint of one's own, for a partition whose certificates others sign.
    ///
    /// # Errors
    /// [`UnusableBundle`] for a file that cannot be read, has no certificate or has one that is none.
    pub fn bundle(path: &Path) -> Result<Self, UnusableBundle> {
        let pem = std::fs::read(path)
            .map_err(|error| UnusableBundle(format!("cannot be read: {}", error.kind())))?;
        Self::pem(pem)
    }

    /// The client takes the bundle on trust and would panic over a bad one at its first connection.
    fn pem(pem: Vec<u8>) -> Result<Self, UnusableBundle> {
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            count += 1;
            let unusable = || UnusableBundle(format!("is not a PEM file from certificate {count} on"));
            let certificate = certificate.map_err(|_| unusable())?;
            webpki::anchor_from_trusted_cert(&certificate).map_err(|_| unusable())?;
        }
        if count == 0 {
            return Err(UnusableBundle("has no certificate in it".to_owned()));
        }
        Ok(Self(TrustStore::empty().with_pem_certificate(pem)))
    }

    /// An HTTP client that trusts these authorities and no others.
    ///
    /// # Errors
    /// What keeps the client from being built; the trust itself was checked before.
    pub fn http_client(self) -> Result<SharedHttpClient, aws_smithy_http_client::HttpClientError> {
        let tls = TlsContext::builder().with_trust_store(self.0).build()?;
        Ok(aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls)
            .build_https())
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// The fingerprints that the repository of Amazon Trust Services lists.
    const FINGERPRINTS: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn the_roots_are_those_of_amazon_trust_services() {
        let fingerprints: Vec<String> = CertificateDer::pem_slice_iter(AMAZON_TRUST_SERVICES)
            .map(|certificate| hex::encode(Sha256::digest(certificate.unwrap())))
            .collect();
        assert_eq!(fingerprints, FINGERPRINTS);
        assert!(Trust::pem(AMAZON_TRUST_SERVICES.to_vec()).is_ok());
    }

    #[test]
    fn a_bad_bundle_is_refused_in_one_line() {
        let refusal = |pem: &str| Trust::pem(pem.as_bytes().to_vec()).unwrap_err().to_string();
        assert_eq!(refusal("hello"), "AWS_CA_BUNDLE has no certificate in it");
        for cut in [
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n",
        ] {
            assert_eq!(
                refusal(cut),
                "AWS_CA_BUNDLE is not a PEM file from certificate 1 on"
            );
        }
        let error = Trust::bundle(Path::new("/nonexistent")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "AWS_CA_BUNDLE cannot be read: entity not found"
        );
    }
}
