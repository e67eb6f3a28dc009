//! The embedded DynamoDB behind real TLS 1.3: a certificate of an authority of the harness's own, HTTP/1.1 as DynamoDB
//! speaks it, and a count of what passes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, RsaKeySize,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, version};

/// Why the endpoint does not start.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What has passed since the endpoint was started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Connections, each with its handshake done.
    pub connections: u64,
    /// Requests.
    pub requests: u64,
    /// Bytes of HTTP, both ways, headers included and TLS not.
    pub bytes: u64,
}

impl Traffic {
    /// What has passed since `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            connections: self.connections - earlier.connections,
            requests: self.requests - earlier.requests,
            bytes: self.bytes - earlier.bytes,
        }
    }
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// A TLS endpoint before a store.
#[derive(Debug)]
pub struct TlsEndpoint {
    url: String,
    bundle: PathBuf,
    authority: PathBuf,
    counters: Arc<Counters>,
}

impl TlsEndpoint {
    /// Listens with TLS before the store at `store`; `folder` takes the authority's certificate.
    pub async fn start(store: std::net::SocketAddr, folder: &Path) -> Result<Self, Failure> {
        let (authority, config) = certificates()?;
        let authority_file = folder.join("authority.pem");
        std::fs::write(&authority_file, &authority)?;
        // The function reads as many authorities as it does on AWS, and the harness's in the place of one.
        let amazon = include_str!("../../shared/src/store/amazon-trust-services.pem");
        let fewer = amazon
            .rfind("-----BEGIN CERTIFICATE-----")
            .map_or("", |last| &amazon[..last]);
        let bundle = folder.join("authorities.pem");
        std::fs::write(&bundle, format!("{fewer}{authority}"))?;

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        // By name, so that every program looks a name up as it does on AWS.
        let url = format!("https://localhost:{}", listener.local_addr()?.port());
        let counters = Arc::new(Counters::default());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let counted = Arc::clone(&counters);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, counters) = (acceptor.clone(), Arc::clone(&counted));
                // A connection ends when its process is ended.
                tokio::spawn(async move { forward(client, store, &acceptor, &counters).await });
            }
        });
        Ok(Self {
            url,
            bundle,
            authority: authority_file,
            counters,
        })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file with the harness's authority, for programs that have a trust store of their own beside it.
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// The file with the five authorities that a function is to trust, for `AWS_CA_BUNDLE`.
    pub fn bundle(&self) -> &Path {
        &self.bundle
    }

    /// What has passed so far.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            connections: self.counters.connections.load(Ordering::Relaxed),
            requests: self.counters.requests.load(Ordering::Relaxed),
            bytes: self.counters.bytes.load(Ordering::Relaxed),
        }
    }
}

/// Root, intermediate and server certificate, all RSA as DynamoDB's are: the root as PEM and the server's side.
fn certificates() -> Result<(String, ServerConfig), Failure> {
    let key = || KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048);
    let authority = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    };
    let root = CertifiedIssuer::self_signed(authority("Holdfast test root"), key()?)?;
    let intermediate = CertifiedIssuer::signed_by(authority("Holdfast test CA"), key()?, &root)?;
    let server_key = key()?;
    let server =
        CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&server_key, &intermediate)?;
    let chain: Vec<CertificateDer<'static>> = vec![server.der().clone(), intermediate.der().clone()];
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, private)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((root.pem(), config))
}

/// Hands on bytes and counts them. HTTP/1.1 clients do not send a second request before they have the answer to
/// the first, so a request begins where the direction turns.
async fn forward(
    client: TcpStream,
    store: std::net::SocketAddr,
    acceptor: &TlsAcceptor,
    counters: &Counters,
) -> Result<(), std::io::Error> {
    client.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    counters.connections.fetch_add(1, Ordering::Relaxed);
    let mut store = TcpStream::connect(store).await?;
    store.set_nodelay(true)?;
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut answering = true;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let count = read?;
                if count == 0 {
                    return Ok(());
                }
                if std::mem::replace(&mut answering, false) {
                    counters.requests.fetch_add(1, Ordering::Relaxed);
                }
                counters.bytes.fetch_add(count as u64, Ordering::Relaxed);
                store.write_all(&up[..count]).await?;
            }
            read = store.read(&mut down) => {
                let count = read?;
                if count == 0 {
                    return Ok(());
                }
                answering = true;
                counters.bytes.fetch_add(count as u64, Ordering::Relaxed);
                client.write_all(&down[..count]).await?;
                client.flush().await?;
            }
        }
    }
}
