//! Trusts one root certificate, known by its hash alone: that of a server which serves one office and told its link.
//!
//! The server sends its root at the end of its chain. Once the hash is right, everything else is checked as ever, by the
//! same verifier as for roots that the world knows: signatures, names, dates, what a certificate may be used for.

use std::sync::Arc;

use portico_wire::encoding::Sha256;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// The verifier. No other root passes it, not even one that the world knows.
#[derive(Debug)]
pub(super) struct PinnedRoot {
    root: Sha256,
    provider: Arc<CryptoProvider>,
}

impl PinnedRoot {
    /// Trusts the root whose DER has this hash.
    pub(super) const fn new(root: Sha256, provider: Arc<CryptoProvider>) -> Self {
        Self { root, provider }
    }
}

const UNKNOWN: Error = Error::InvalidCertificate(CertificateError::UnknownIssuer);

impl ServerCertVerifier for PinnedRoot {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (root, between) = intermediates.split_last().ok_or(UNKNOWN)?;
        if Sha256::of(&[root]) != self.root {
            return Err(UNKNOWN);
        }
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned()).map_err(|_| UNKNOWN)?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|_| UNKNOWN)?
            .verify_server_cert(end_entity, between, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;

    type Root = CertifiedIssuer<'static, KeyPair>;

    fn root() -> Root {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        Root::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// Good from 1975 to 4096.
    fn leaf(of: &Root, name: &str) -> CertificateDer<'static> {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.signed_by(&KeyPair::generate().unwrap(), of).unwrap().der().clone()
    }

    fn trusts(pinned: &Root, chain: &[&CertificateDer<'static>], host: &str, at_s: u64) -> Result<(), Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let pinned = PinnedRoot::new(Sha256::of(&[pinned.der()]), provider);
        let (leaf, rest) = chain.split_first().unwrap();
        let rest: Vec<_> = rest.iter().map(|certificate| (*certificate).clone()).collect();
        let host = ServerName::try_from(host).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(at_s));
        pinned.verify_server_cert(leaf, &rest, &host, &[], now).map(|_| ())
    }

    const NOW_S: u64 = 1_767_225_600;
    const HOST: &str = "192.0.2.7";

    #[test]
    fn leaf_under_the_pinned_root_is_trusted() {
        let root = root();

        let first = trusts(&root, &[&leaf(&root, HOST), root.der()], HOST, NOW_S);
        let renewed = trusts(&root, &[&leaf(&root, HOST), root.der()], HOST, NOW_S);

        assert_eq!((first, renewed), (Ok(()), Ok(())));
    }

    #[test]
    fn everything_but_the_pinned_root_is_turned_away() {
        let [root, other] = [(); 2].map(|()| root());
        let ours = leaf(&root, HOST);

        let chains: [(&str, &[&CertificateDer<'static>]); 5] = [
            ("another root", &[&leaf(&other, HOST), other.der()]),
            ("a leaf of another root beside ours", &[&leaf(&other, HOST), root.der()]),
            ("another root behind ours", &[&ours, root.der(), other.der()]),
            ("no root", &[&ours]),
            ("the root alone", &[root.der()]),
        ];
        for (what, chain) in chains {
            let answer = trusts(&root, chain, HOST, NOW_S);
            assert!(matches!(answer, Err(Error::InvalidCertificate(_))), "{what}: {answer:?}");
        }
    }

    #[test]
    fn name_and_dates_are_checked_as_ever() {
        let root = root();
        let chain = [&leaf(&root, HOST), root.der()];

        let elsewhere = trusts(&root, &chain, "192.0.2.8", NOW_S);
        let over = trusts(&root, &chain, HOST, 70_000_000_000);

        assert!(matches!(
            elsewhere,
            Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. }))
        ));
        assert!(matches!(over, Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. }))));
    }
}
